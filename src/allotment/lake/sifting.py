"""Which lines of a batch become rows, and which are set aside: known already, or unreadable.

What is set aside is recorded in `event.duplicates` and `event.rejected`, in commits of their own
before the rows. Killed in between, or overtaken by a rival, a sink that reads the lines again must
neither decide anew nor record twice. Therefore:

* A decision is recorded only after a mark of one's own was set in the table of the rows
  (`allotment.deciding`). Rows are committed only under that mark, and the commit takes it away only
  where no decision reaches beyond the rows. So whoever finds no mark has no decisions to look for,
  and whoever is overtaken by another's mark writes nothing.
* Whoever finds a mark of another takes the recorded decisions as they are, and changes a fence in
  both tables of decisions before writing rows. A commit of decisions is refused unless fence and
  positions there are what they were before its own mark was set. So a sink that was overtaken
  records nothing late.

Thus accepted = written + duplicate + unreadable, whoever was killed when.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from allotment.contract.counting import count_line
from allotment.contract.tables import DUPLICATES, REJECTED
from allotment.journal.protocol import Batch, Partition
from allotment.lake.catalog import EVENT
from allotment.lake.offsets import (
    DECIDING,
    DECISIONS,
    FENCE,
    POSITIONS,
    SIFTED,
    chosen,
    commit_if_unchanged,
    offset_key,
    sifted_key,
    stored,
)
from allotment.lake.parsing import Parsed
from allotment.lake.recent_ids import Hasher, Hashes
from allotment.lake.tables import DUPLICATES_SCHEMA
from allotment.lake.unreadable import unreadable_rows
from allotment.lake.written_ids import WrittenIds

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Read:
    """A batch as it was read and parsed."""

    batch: Batch
    parsed: Parsed

    def row_offsets(self) -> npt.NDArray[np.int64]:
        """Where in the partition the line of each row begins."""
        data = np.frombuffer(self.batch.data, dtype=np.uint8)
        starts = np.concatenate(([0], np.flatnonzero(data == ord("\n"))[:-1] + 1))
        starts = starts.astype(np.int64) + self.batch.start
        bad = np.array([line.offset for line in self.parsed.bad], dtype=np.int64)
        return starts[~np.isin(starts, bad)]

    def line(self, offset: int) -> bytes:
        """The line that begins at an offset, without its newline."""
        first = offset - self.batch.start
        return self.batch.data[first : self.batch.data.index(b"\n", first)]


@dataclass(frozen=True, slots=True)
class Sifted:
    """What a commit of rows has to hold, and what it depends on."""

    rows: pa.Table
    expected: Mapping[str, str]
    hashes: Hashes | None = None
    """Of the ids of the rows, where the table has ids."""
    changes: Mapping[str, str] = field(default_factory=dict)
    aside: int = 0
    """How many lines became no rows."""


@dataclass(frozen=True, slots=True)
class _Decided:
    """What is recorded already of one partition's lines from its position on."""

    before: int
    """Every line before this offset is decided upon."""
    duplicates: frozenset[int] = frozenset()
    unreadable: frozenset[int] = frozenset()


class Sifter:
    """Sifts the batches of a sink's topics."""

    def __init__(self, catalog: Catalog, *, most_ids: int, seconds: float) -> None:
        """Tell duplicates within so many seconds, and among so many ids of each table."""
        self._catalog = catalog
        self._hasher = Hasher()
        self._most, self._seconds = most_ids, seconds
        self._written: dict[str, WrittenIds] = {}

    def close(self) -> None:
        """Give up what is kept in memory."""
        self._hasher.close()

    def sift(
        self, table: Table, journal: str, reads: Sequence[Read], now: float, *, with_ids: bool
    ) -> Sifted:
        """Decide, and record what is set aside.

        Args:
            table: where the rows go, as it was loaded before the batches were read.
            journal: the journal's id.
            reads: one of each partition, all of one topic.
            now: seconds since 1970.
            with_ids: whether the rows have ids to be known by.

        Raises:
            CommitFailedException: a rival was faster; begin again from the table.
        """
        rows = pa.concat_tables([read.parsed.rows for read in reads])
        expected = chosen(table.properties, POSITIONS)
        ids = self._ids(table, now) if with_ids else None
        found = self._hasher.of_rows(rows) if ids is not None else None
        if not expected.get(DECIDING) and not any(read.parsed.bad for read in reads):
            if ids is None or found is None:
                return Sifted(rows, expected)
            if not ids.seen(found.hashes, now).any():
                return Sifted(rows, expected, found.hashes)
        # Loaded before the mark is set: a rival that fences afterwards shuts these commits out.
        duplicates = self._catalog.load_table((EVENT, DUPLICATES))
        rejected = self._catalog.load_table((EVENT, REJECTED))
        marked = bool(expected.get(DECIDING))
        mark = secrets.token_hex(8)
        commit_if_unchanged(
            table, None, prefixes=POSITIONS, expected=expected, changes={DECIDING: mark}
        )
        expected = {**expected, DECIDING: mark}
        decided = {
            read.batch.partition: (
                _decided(read.batch.partition, read.batch.start, journal, duplicates, rejected)
                if marked
                else _Decided(read.batch.start)
            )
            for read in reads
        }
        offsets = np.concatenate([read.row_offsets() for read in reads])
        of_read = np.repeat(np.arange(len(reads)), [read.parsed.rows.num_rows for read in reads])
        final, dropped = _recorded(reads, decided, offsets, of_read)
        fresh = np.zeros(len(offsets), dtype=np.bool_)
        if ids is not None and found is not None:
            kept = final[found.rows] & ~dropped[found.rows]
            free = ~final[found.rows] & ~dropped[found.rows]
            # Rows that are decided to be written come first, wherever they stand.
            judged = np.concatenate([found.hashes[kept], found.hashes[free]])
            fresh[found.rows[free]] = ids.seen(judged, now)[int(kept.sum()) :]
        places = np.flatnonzero(fresh)
        new = _duplicate_rows(reads, journal, rows, places, offsets, of_read)
        bad = [
            (read.batch.partition, line)
            for read in reads
            for line in read.parsed.bad
            if line.offset not in decided[read.batch.partition].unreadable
            and line.offset not in decided[read.batch.partition].duplicates
        ]
        for decisions, aside in ((duplicates, new), (rejected, unreadable_rows(journal, bad))):
            if aside.num_rows or marked:
                _record(decisions, aside, journal, reads)
        topic = reads[0].batch.partition.topic
        if new.num_rows or bad:
            _log.info("%s: %d duplicates, %d unreadable lines", topic, new.num_rows, len(bad))
        written = ~fresh & ~dropped
        reached = {read.batch.partition: read.batch.end for read in reads}
        ahead = _outstanding((duplicates, rejected), table, topic, journal, reached)
        changes = {} if ahead else {DECIDING: ""}
        return Sifted(
            rows.filter(pa.array(written)),
            expected,
            None if found is None else found.hashes[written[found.rows]],
            changes,
            int(len(offsets) - written.sum()) + sum(len(read.parsed.bad) for read in reads),
        )

    def written(self, table: Table, sifted: Sifted, now: float) -> None:
        """Remember the ids of rows that were committed; the table stands after that commit."""
        if sifted.hashes is not None:
            self._ids_of(table).written(table, sifted.hashes, now)

    def marks(self, table: Table, now: float) -> dict[str, str]:
        """What a commit of rows notes, so that their ids are found again."""
        return self._ids_of(table).marks(table, now)

    def _ids(self, table: Table, now: float) -> WrittenIds:
        ids = self._ids_of(table)
        ids.catch_up(table, now)
        return ids

    def _ids_of(self, table: Table) -> WrittenIds:
        name = table.name()[-1]
        if name not in self._written:
            self._written[name] = WrittenIds(self._hasher, most=self._most, seconds=self._seconds)
        return self._written[name]


def _decided(
    partition: Partition, begin: int, journal: str, duplicates: Table, rejected: Table
) -> _Decided:
    key = sifted_key(journal, partition)
    before = max(stored(duplicates.properties, key) or 0, begin)
    unreadable = frozenset[int]()
    if (stored(rejected.properties, key) or 0) > begin:
        unreadable = _offsets(rejected, journal, partition, begin)
    known = _offsets(duplicates, journal, partition, begin) if before > begin else frozenset[int]()
    return _Decided(before, known, unreadable)


def _offsets(table: Table, journal: str, partition: Partition, begin: int) -> frozenset[int]:
    """The recorded offsets of a partition from one on."""
    scan = table.scan(
        f"journal = '{journal}' and topic = '{partition.topic}'"
        f" and partition = {partition.number} and offset >= {begin}",
        selected_fields=("offset",),
    )
    return frozenset(scan.to_arrow()["offset"].to_pylist())


def _recorded(
    reads: Sequence[Read],
    decided: Mapping[Partition, _Decided],
    offsets: npt.NDArray[np.int64],
    of_read: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Of each row whether it is decided upon, and whether it is recorded as set aside."""
    final = np.zeros(len(offsets), dtype=np.bool_)
    dropped = np.zeros(len(offsets), dtype=np.bool_)
    for number, read in enumerate(reads):
        known = decided[read.batch.partition]
        mine = of_read == number
        final |= mine & (offsets < known.before)
        aside = np.array(sorted(known.duplicates | known.unreadable), dtype=np.int64)
        dropped |= mine & np.isin(offsets, aside)
    return final, dropped


def _duplicate_rows(
    reads: Sequence[Read],
    journal: str,
    rows: pa.Table,
    places: npt.NDArray[np.intp],
    offsets: npt.NDArray[np.int64],
    of_read: npt.NDArray[np.int64],
) -> pa.Table:
    """The rows of `event.duplicates` for some rows of a batch."""
    if not len(places):
        return DUPLICATES_SCHEMA.empty_table()
    found = datetime.now(UTC)
    ids = rows["meta"].take(pa.array(places)).to_pylist()
    made = []
    for place, meta in zip(places, ids, strict=True):
        read, offset = reads[int(of_read[place])], int(offsets[place])
        partition = read.batch.partition
        stream, minute, _ = count_line(partition.topic, read.line(offset))
        made.append(
            {
                "journal": journal,
                "topic": partition.topic,
                "partition": partition.number,
                "offset": offset,
                "stream": stream,
                "minute": minute,
                "id": meta["id"],
                "found": found,
            }
        )
    return pa.Table.from_pylist(made, schema=DUPLICATES_SCHEMA)


def _record(table: Table, rows: pa.Table, journal: str, reads: Sequence[Read]) -> None:
    """Commit decisions: rows of what is set aside, and up to where all is decided."""
    changes = {f"{FENCE}{reads[0].batch.partition.topic}": secrets.token_hex(8)}
    for read in reads:
        key = sifted_key(journal, read.batch.partition)
        changes[key] = str(max(stored(table.properties, key) or 0, read.batch.end))
    expected = chosen(table.properties, DECISIONS)
    commit_if_unchanged(table, rows, prefixes=DECISIONS, expected=expected, changes=changes)


def _outstanding(
    tables: Sequence[Table],
    table: Table,
    topic: str,
    journal: str,
    reached: Mapping[Partition, int],
) -> bool:
    """Whether a decision reaches beyond where the rows will."""
    prefix = f"{SIFTED}{journal}.{topic}."
    for decisions in tables:
        for key, value in chosen(decisions.properties, (prefix,)).items():
            partition = Partition(topic, int(key.removeprefix(prefix)))
            at = reached.get(partition)
            if at is None:
                at = stored(table.properties, offset_key(journal, partition)) or 0
            if int(value) > at:
                return True
    return False
