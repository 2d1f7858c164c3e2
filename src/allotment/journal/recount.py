"""What a writer's tally lacks after a crash, counted again from the lines themselves."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from allotment.journal.protocol import Partition
from allotment.journal.segment_reader import SegmentReader
from allotment.journal.tally import Count, CountLines, Stretch, Tally

_CHUNK: Final = 8 << 20

_log = logging.getLogger(__name__)


def recovered_tally(
    reader: SegmentReader, ledger: Partition, topics: Sequence[str], count: CountLines
) -> Tally:
    """The tally of a writer that begins: what no written tally covers is owed.

    Args:
        reader: reads the journal.
        ledger: the partition of this writer's tallies.
        topics: those of which a partition of the same number exists.
        count: counts lines as their callers had.
    """
    ends: dict[str, int] = {}
    owed: list[Stretch] = []
    cut_off: dict[str, Stretch] = {}
    for row in _tally_rows(reader, ledger):
        topic = row["topic"]
        if topic is None:
            continue
        begin, end = row["begin"], row["end"]
        if row["left"]:
            part = cut_off.get(topic)
            if part is None or (part.begin, part.end) != (begin, end):
                part = cut_off[topic] = Stretch(topic, begin, end)
            part.counts[row["stream"], row["minute"], row["outcome"]] = row["events"]
        else:
            cut_off.pop(topic, None)
            ends[topic] = end
    for part in cut_off.values():
        counted = _counted(reader, ledger.number, part.topic, part.begin, part.end, count)
        rest = {key: n - part.counts.get(key, 0) for key, n in counted.items()}
        owed.append(
            Stretch(part.topic, part.begin, part.end, {k: n for k, n in rest.items() if n > 0})
        )
        ends[part.topic] = part.end
    for topic in topics:
        begin = ends.get(topic, 0)
        end = reader.end(Partition(topic, ledger.number))
        if end > begin:
            counted = _counted(reader, ledger.number, topic, begin, end, count)
            owed.append(Stretch(topic, begin, end, counted))
            ends[topic] = end
    return Tally(ends, owed)


def _tally_rows(reader: SegmentReader, ledger: Partition) -> Iterator[dict[str, Any]]:
    for _, data in kept_lines(reader, ledger, 0, reader.end(ledger)):
        for line in data.splitlines():
            yield orjson.loads(line)


def _counted(
    reader: SegmentReader, number: int, topic: str, begin: int, end: int, count: CountLines
) -> dict[Count, int]:
    total: dict[Count, int] = {}
    for _, data in kept_lines(reader, Partition(topic, number), begin, end):
        for key, events in count(topic, data).items():
            total[key] = total.get(key, 0) + events
    return total


def kept_lines(
    reader: SegmentReader, partition: Partition, begin: int, end: int
) -> Iterator[tuple[int, bytes]]:
    """The lines between two offsets that are still there, in pieces, each with its offset.

    Bytes that are gone are passed over, and logged.
    """
    position = begin
    while position < end:
        try:
            batch = reader.read(partition, position, min(_CHUNK, end - position))
        except LookupError as error:
            following = reader.next_kept(partition, position)
            _log.warning("%s; going on at %d", error, following)
            if following <= position:
                return
            position = following
            continue
        if not batch.data:
            return
        yield batch.start, batch.data
        position = batch.end
