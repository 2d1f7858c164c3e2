"""Lines that are durable in the journal and that the sink has not moved into the lake yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchTableError

from allotment.journal.identity import read_identity
from allotment.journal.protocol import Batch, Partition
from allotment.journal.segments import SegmentReader
from allotment.lake.offsets import offset_key, stored
from allotment.lake.tables import table_of_topic

_READ_BYTES: Final = 16 << 20
_ATTEMPTS: Final = 5


class WaitingError(RuntimeError):
    """What waits in the journal cannot be read; the message says why."""


def waiting(catalog: Catalog, journal_dir: Path, topic: str) -> Iterator[Batch]:
    """The lines of a topic from where its table stands up to the durable end, in pieces.

    A sink that works meanwhile may have moved some of them when they are returned: ask the lake
    afterwards, never before, and every line is in the one or the other or both.

    Raises:
        WaitingError: journal and lake do not belong together.
    """
    journal = SegmentReader(journal_dir)
    for partition in journal.partitions():
        if partition.topic == topic:
            yield from _partition(catalog, journal, journal_dir, partition)


def _partition(
    catalog: Catalog, journal: SegmentReader, journal_dir: Path, partition: Partition
) -> Iterator[Batch]:
    end = journal.end(partition)
    reached = 0
    for attempt in range(1, _ATTEMPTS + 1):
        at = _position(catalog, journal_dir, partition)
        reached = max(reached, journal.trim(partition, 0) if at is None else at)
        try:
            while reached < end:
                batch = journal.read(partition, reached, _READ_BYTES)
                reached = batch.end
                yield batch
        except LookupError as error:
            # The sink has trimmed what it has moved since the position was read.
            if attempt == _ATTEMPTS:
                raise WaitingError(str(error)) from error
        else:
            return


def _position(catalog: Catalog, journal_dir: Path, partition: Partition) -> int | None:
    properties: Mapping[str, str] = {}
    with suppress(NoSuchTableError):
        properties = catalog.load_table(table_of_topic(partition.topic)).properties
    identity = read_identity(journal_dir)
    return None if identity is None else stored(properties, offset_key(identity, partition))
