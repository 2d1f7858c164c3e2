"""The sink: tails the journal into the tables, each event exactly once.

A batch goes through in one commit that moves the rows and the journal positions together and is
refused unless the positions are still where the batch began (`offsets.py`). Killed at any moment,
the sink begins again from what the table says. Two sinks side by side do work twice, but neither
doubles nor loses a row.

Lines that fit no row are recorded in `event.rejected` first, under positions of their own in that
table: a line is appended only in the commit that moves its partition's position there past it. So
a batch that is read again, to whatever end, records each of its bad lines once.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import numpy as np
import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException
from sqlalchemy.exc import OperationalError

from allotment.contract.masking import SEALED
from allotment.contract.schemas import SchemaRepository
from allotment.contract.tables import REJECTED
from allotment.journal.protocol import Batch, JournalReader, Partition
from allotment.journal.segments import SegmentReader
from allotment.lake.catalog import EVENT, open_catalog
from allotment.lake.maintenance import Maintenance
from allotment.lake.offsets import append_at, stored_offset
from allotment.lake.parsing import BadLine, parse_lines
from allotment.lake.sealed import forget_old
from allotment.lake.tables import (
    REJECTED_SCHEMA,
    SEALED_SCHEMA,
    ensure_event_tables,
    event_schemas,
    table_of_topic,
)

UNREADABLE = "unreadable_in_lake"
"""The reason in `event.rejected` of a line that the intake accepted and no row can hold."""

# The parser quotes what it could not read, which may be an id.
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|(?<=from )'[^']*'""")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkLimits:
    """How much goes into one commit, and what is kept of the journal behind it."""

    seconds: float = 5.0
    events: int = 100_000
    bytes: int = 64 << 20
    keep_journal_bytes: int = 16 << 20
    sealed_days: float = 30.0
    """How long what masks hide is kept for a replay."""


@dataclass(frozen=True, slots=True)
class _Bad:
    partition: Partition
    line: BadLine


class Sink:
    """Moves what is durable in the journal into the lake."""

    def __init__(
        self,
        journal: JournalReader,
        catalog: Catalog,
        schemas: Mapping[str, pa.Schema],
        limits: SinkLimits | None = None,
        maintenance: Maintenance | None = None,
    ) -> None:
        """Create missing tables, and be ready to move.

        Args:
            journal: where from.
            catalog: the lake, which stays the caller's to close.
            schemas: the columns of each monotable by topic (`tables.event_schemas`).
            limits: how much goes into a commit.
            maintenance: what is done between commits; None leaves the tables as they grow.
        """
        self._journal = journal
        self._catalog = catalog
        self._schemas = {
            **schemas,
            REJECTED: REJECTED_SCHEMA,
            SEALED: SEALED_SCHEMA,
        }
        self._limits = limits or SinkLimits()
        self._maintenance = maintenance
        self._ignored: set[str] = set()
        # Whether the last step left something behind because a commit was full.
        self._more = False
        ensure_event_tables(catalog, schemas)

    def run(self, stop: threading.Event) -> None:
        """Move until told to stop, then move what is left; problems are logged and tried again."""
        while not stop.is_set():
            self._try_step()
            if not self._more:
                stop.wait(self._limits.seconds)
        while self._try_step():
            pass

    def step(self) -> int:
        """Move one batch of each topic.

        Returns:
            How many records this sink has committed, rejected ones included. 0 means that there
            was nothing new, or that another sink was faster.
        """
        moved = 0
        self._more = False
        for topic, partitions in self._topics().items():
            moved += self._move(topic, partitions)
        return moved

    def lag(self) -> dict[Partition, int]:
        """Bytes that are durable in the journal and not yet in the lake, by partition."""
        found = {}
        for topic, partitions in self._topics().items():
            properties = self._catalog.load_table(table_of_topic(topic)).properties
            for partition in partitions:
                position = stored_offset(properties, _key(partition)) or 0
                found[partition] = max(0, self._journal.end(partition) - position)
        return found

    def _try_step(self) -> bool:
        """Move and maintain; whether anything was moved."""
        begun = monotonic()
        moved = 0
        try:
            moved = self.step()
            if moved:
                _log.info("%d records into the lake in %.2f s", moved, monotonic() - begun)
            self._maintain()
        except (OSError, OperationalError, CommitFailedException):
            _log.exception("the sink could not go on; it tries again")
            self._more = False
        return moved > 0

    def _topics(self) -> dict[str, list[Partition]]:
        topics: dict[str, list[Partition]] = {}
        for partition in self._journal.partitions():
            if partition.topic in self._schemas:
                topics.setdefault(partition.topic, []).append(partition)
            elif partition.topic not in self._ignored:
                self._ignored.add(partition.topic)
                _log.warning("journal topic %r has no table and stays unread", partition.topic)
        return topics

    def _move(self, topic: str, partitions: Sequence[Partition]) -> int:
        table = self._catalog.load_table(table_of_topic(topic))
        stored = {p: stored_offset(table.properties, _key(p)) for p in partitions}
        batches = self._read(stored)
        if not batches:
            return 0
        schema = self._schemas[topic]
        tables: list[pa.Table] = []
        bad: list[_Bad] = []
        for batch in batches:
            parsed = parse_lines(batch.data, batch.start, schema)
            tables.append(parsed.rows)
            bad.extend(_Bad(batch.partition, line) for line in parsed.bad)
        try:
            if topic == REJECTED:
                tables.append(_rejects(bad))
            elif bad:
                self._reject(bad, batches)
            rows = pa.concat_tables(tables)
            append_at(
                table,
                rows,
                begun={_key(b.partition): stored[b.partition] for b in batches},
                reached={_key(b.partition): b.end for b in batches},
            )
        except CommitFailedException as refused:
            _log.info("%s: commit refused, reading again from the table: %s", topic, refused)
            return 0
        committed: int = rows.num_rows
        return committed + (0 if topic == REJECTED else len(bad))

    def _read(self, stored: Mapping[Partition, int | None]) -> list[Batch]:
        """What is new in each partition, within the limits of one commit."""
        batches = []
        budget, events = self._limits.bytes, self._limits.events
        for partition, position in stored.items():
            if budget <= 0 or events <= 0:
                self._more = True
                break
            durable = self._journal.end(partition)
            try:
                batch = self._journal.read(partition, self._begin(partition, position), budget)
            except LookupError:
                _log.exception(
                    "%s/%d: the lake has read up to %s, which the journal does not hold; keep"
                    " journal and lake together, or restore the journal that belongs to the lake",
                    partition.topic,
                    partition.number,
                    position,
                )
                continue
            batch, lines = _at_most(batch, events)
            if lines:
                batches.append(batch)
                self._more |= batch.end < durable
                budget -= len(batch.data)
                events -= lines
        return batches

    def _begin(self, partition: Partition, position: int | None) -> int:
        if position is not None:
            return position
        oldest = self._journal.trim(partition, 0)
        if oldest:
            _log.warning(
                "%s/%d: this lake has read nothing yet and the journal begins at %d; what came"
                " before was dropped after an older lake had it",
                partition.topic,
                partition.number,
                oldest,
            )
        return oldest

    def _reject(self, bad: Sequence[_Bad], batches: Sequence[Batch]) -> None:
        """Record bad lines that are not recorded yet; see the module's text."""
        table = self._catalog.load_table((EVENT, REJECTED))
        touched = {b.partition for b in bad}
        begun = {p: stored_offset(table.properties, _sifted_key(p)) for p in touched}
        fresh = [b for b in bad if b.line.offset >= (begun[b.partition] or 0)]
        reached = {b.partition: b.end for b in batches if b.partition in touched}
        if not fresh:
            return
        append_at(
            table,
            _rejects(fresh),
            begun={_sifted_key(p): offset for p, offset in begun.items()},
            reached={_sifted_key(p): max(end, begun[p] or 0) for p, end in reached.items()},
        )
        _log.warning("%d unreadable lines recorded in event.rejected", len(fresh))

    def _maintain(self) -> None:
        if self._maintenance is None or not self._maintenance.due():
            return
        for topic in self._schemas:
            table = self._catalog.load_table(table_of_topic(topic))
            if topic == SEALED:
                forget_old(table, self._limits.sealed_days)
            self._maintenance.tend(table)
        for topic, partitions in self._topics().items():
            properties = self._catalog.load_table(table_of_topic(topic)).properties
            for partition in partitions:
                position = stored_offset(properties, _key(partition)) or 0
                before = position - (0 if topic == SEALED else self._limits.keep_journal_bytes)
                if before > 0:
                    self._journal.trim(partition, before)


@contextmanager
def open_sink(
    journal_dir: Path,
    lake_dir: Path,
    schema_paths: Sequence[Path],
    seconds: float,
    sealed_days: float = 30.0,
) -> Iterator[Sink]:
    """The sink of a lab on one machine, for as long as the lake is open: segment files to the lake,
    with maintenance.

    Args:
        journal_dir: folder of the segment files; it need not exist yet.
        lake_dir: folder of the lake; made where there is none.
        schema_paths: schema repositories; none means the one that Allotment ships.
        seconds: how long events are gathered before they are committed.
        sealed_days: how long what masks hide is kept.

    Raises:
        TableNameError: two schemas would share one table.
    """
    schemas = event_schemas(SchemaRepository(schema_paths))
    with closing(open_catalog(lake_dir)) as catalog:
        yield Sink(
            SegmentReader(journal_dir),
            catalog,
            schemas,
            SinkLimits(seconds=seconds, sealed_days=sealed_days),
            Maintenance(lake_dir),
        )


def _key(partition: Partition) -> str:
    return str(partition.number)


def _sifted_key(partition: Partition) -> str:
    return f"{partition.topic}.{partition.number}"


def _at_most(batch: Batch, events: int) -> tuple[Batch, int]:
    """The first lines of a batch, and how many they are."""
    ends = np.flatnonzero(np.frombuffer(batch.data, dtype=np.uint8) == ord("\n"))
    if len(ends) <= events:
        return batch, len(ends)
    length = int(ends[events - 1]) + 1
    return Batch(batch.partition, batch.start, batch.start + length, batch.data[:length]), events


def _rejects(bad: Iterable[_Bad]) -> pa.Table:
    now = datetime.now(UTC)
    return pa.Table.from_pylist(
        [
            {
                "received": now,
                "reason": UNREADABLE,
                "errors": [f"{_QUOTED.sub('…', b.line.message)} ({_place(b)})"],
                # A damaged line of what masks hide must not be shown in its turn.
                "raw": "" if b.partition.topic == SEALED else b.line.raw.decode(errors="replace"),
            }
            for b in bad
        ],
        schema=REJECTED_SCHEMA,
    )


def _place(bad: _Bad) -> str:
    return f"{bad.partition.topic}/{bad.partition.number} at offset {bad.line.offset}"
