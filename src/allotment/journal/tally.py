"""What was made durable, counted: the writer's side of the ledger.

Beside each caller's lines come their counts, by stream, minute and outcome. Once the lines of a
topic are durable its counts join the tally, which therefore covers exactly the offsets below that
topic's durable end. From time to time the tally is written out as lines of a topic of its own:

    {"journal", "recorded", "topic", "partition", "begin", "end",
     "stream", "minute", "outcome", "events", "left"}

The lines of one stretch (`begin` to `end` of one topic and partition) follow each other; `left`
says how many of them are still to come, so that a stretch cut off by a crash is seen to be. A line
with 0 events only carries the end of an idle topic on, so that the newest end of every topic is
found among the last `KEEP_BYTES` of the partition. A line without topic counts events that have no
lines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import orjson

Count: TypeAlias = tuple[str, str, str]
"""Stream, minute (`2026-11-22T08:15`, empty where there is none), outcome."""
Counts: TypeAlias = Mapping[Count, int]
"""How many events."""
CountLines: TypeAlias = Callable[[str, bytes], Counts]
"""Counts whole lines of a topic as their caller had."""

CARRY_BYTES: Final = 1 << 20
"""After so many bytes of tally the ends of idle topics are written again."""
KEEP_BYTES: Final = 16 << 20
"""So much of a tally's partition must outlive every trim."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tallying:
    """Where a writer's tally goes, and how often."""

    topic: str
    count: CountLines
    """For lines that came without counts, and for those that a crash left uncounted."""
    seconds: float = 5.0
    bytes: int = 4 << 20
    """So many bytes of lines may be durable and not yet in a written tally."""


@dataclass(slots=True)
class Stretch:
    """The counts of the lines between two offsets of a topic."""

    topic: str
    begin: int
    end: int
    counts: dict[Count, int] = field(default_factory=dict)


class Tally:
    """The counts of one writer that are not written out yet. Used under its caller's lock."""

    def __init__(self, ends: Mapping[str, int], owed: Sequence[Stretch] = ()) -> None:
        """Begin where written tallies end.

        Args:
            ends: by topic, up to where lines are counted in written tallies or in `owed`.
            owed: what a crash kept from being written.
        """
        self._ends = dict(ends)
        self._owed = list(owed)
        self._open: dict[str, Stretch] = {}
        self._loose: dict[Count, int] = {}
        self._since_carry = CARRY_BYTES

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self._owed or self._open or self._loose)

    @property
    def uncounted(self) -> int:
        """The bytes of lines that no written tally covers yet."""
        return sum(part.end - part.begin for part in self._open.values())

    @property
    def wants_carry(self) -> bool:
        """Whether the ends of idle topics are to be written again."""
        return self._since_carry >= CARRY_BYTES and bool(self._ends)

    def add(self, topic: str, end: int, several: Iterable[Counts]) -> None:
        """Count lines that have become durable up to an offset, by their callers' counts."""
        part = self._open.get(topic)
        if part is None:
            part = self._open[topic] = Stretch(topic, self._ends.get(topic, 0), end)
        part.end = end
        for counts in several:
            _add(part.counts, counts)

    def add_loose(self, counts: Counts) -> None:
        """Count events that have no lines."""
        _add(self._loose, counts)

    def lines(
        self, *, journal: str, partition: int, recorded: str
    ) -> tuple[bytes, dict[Count, int]]:
        """Everything as lines, and the events without lines among them, for `written`."""
        head = {"journal": journal, "recorded": recorded}
        parts = [*self._owed, *self._open.values()]
        if self.wants_carry:
            parts += [
                Stretch(topic, end, end)
                for topic, end in self._ends.items()
                if topic not in self._open
            ]
        rows = [row for part in parts for row in _rows(part, partition)]
        rows += [_row(None, partition, 0, 0, key, n, 0) for key, n in self._loose.items()]
        lines = [orjson.dumps(head | row, option=orjson.OPT_APPEND_NEWLINE) for row in rows]
        return b"".join(lines), dict(self._loose)

    def written(self, size: int, loose: Counts) -> None:
        """Begin anew: what `lines` gave, `size` bytes of it, is durable."""
        self._since_carry = size if self.wants_carry else self._since_carry + size
        for topic, part in self._open.items():
            self._ends[topic] = part.end
        self._owed.clear()
        self._open.clear()
        for key, events in loose.items():
            self._loose[key] -= events
            if not self._loose[key]:
                del self._loose[key]


def _add(total: dict[Count, int], counts: Counts) -> None:
    for key, events in counts.items():
        total[key] = total.get(key, 0) + events


def _rows(part: Stretch, partition: int) -> Iterator[dict[str, object]]:
    if not part.counts:
        yield _row(part.topic, partition, part.begin, part.end, (None, None, None), 0, 0)
    left = len(part.counts)
    for key, events in part.counts.items():
        left -= 1
        yield _row(part.topic, partition, part.begin, part.end, key, events, left)


def _row(
    topic: str | None,
    partition: int,
    begin: int,
    end: int,
    key: tuple[str | None, str | None, str | None],
    events: int,
    left: int,
) -> dict[str, object]:
    stream, minute, outcome = key
    return {
        "topic": topic,
        "partition": partition,
        "begin": begin,
        "end": end,
        "stream": stream,
        "minute": minute,
        "outcome": outcome,
        "events": events,
        "left": left,
    }
