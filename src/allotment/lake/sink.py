"""The sink: tails the journal into the tables, each event exactly once.

A batch goes through in one commit that moves the rows and the journal positions together and is
refused unless the positions are still where the batch began (`offsets.py`). Killed at any moment,
the sink begins again from what the table says. Two sinks side by side do work twice, but neither
doubles nor loses a row.

Lines that become no rows, because the lake has their event already or because no row can hold them,
are recorded before the rows (`sifting.py`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from random import uniform
from time import monotonic, time

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table

from allotment.contract.masking import SEALED
from allotment.contract.schemas import SchemaRepository
from allotment.contract.tables import DUPLICATES, LEDGER, REJECTED
from allotment.journal.protocol import Batch, JournalReader, Partition
from allotment.journal.segments import SegmentReader
from allotment.journal.tally import KEEP_BYTES
from allotment.lake.catalog import EVENT, open_catalog
from allotment.lake.feed import Feed, SinkLimits
from allotment.lake.journal_fit import known_journals
from allotment.lake.maintenance import Maintenance
from allotment.lake.offsets import (
    POSITIONS,
    LakeFormatError,
    chosen,
    commit_if_unchanged,
    covered_key,
    offset_key,
    stored,
    tail_key,
    tail_of,
)
from allotment.lake.parsing import parse_lines
from allotment.lake.sealed import forget_old
from allotment.lake.sifting import Read, Sifted, Sifter
from allotment.lake.standstills import FILE, Standstills
from allotment.lake.tables import (
    LEDGER_SCHEMA,
    REJECTED_SCHEMA,
    SEALED_SCHEMA,
    TableSchemas,
    ensure_event_table,
    ensure_event_tables,
    table_of_topic,
)
from allotment.lake.unreadable import unreadable_rows
from allotment.lake.written_ids import has_ids

__all__ = ["Sink", "SinkLimits", "open_sink"]

_log = logging.getLogger(__name__)

_OURS = {REJECTED: REJECTED_SCHEMA, SEALED: SEALED_SCHEMA, LEDGER: LEDGER_SCHEMA}
"""Topics that no schema of events describes."""


class Sink:
    """Moves what is durable in the journal into the lake."""

    def __init__(
        self,
        journal: JournalReader,
        catalog: Catalog,
        schemas: Mapping[str, pa.Schema],
        limits: SinkLimits | None = None,
        maintenance: Maintenance | None = None,
        refresh: Callable[[], Mapping[str, pa.Schema] | None] | None = None,
        *,
        tell_in: Path | None = None,
    ) -> None:
        """Create missing tables, and be ready to move.

        Args:
            journal: where from.
            catalog: the lake, which stays the caller's to close.
            schemas: the columns of each monotable by topic (`tables.event_schemas`).
            limits: how much goes into a commit.
            maintenance: what is done between commits; None leaves the tables as they grow.
            refresh: asked after a batch was read and before it is parsed; gives the schemas when
                they have changed.
            tell_in: the file in which to tell what stands still (`standstills.py`).

        Raises:
            LakeFormatError: an older version of Allotment wrote the lake.
        """
        self._journal = journal
        self._catalog = catalog
        self._limits = limits or SinkLimits()
        self._maintenance = maintenance
        self._refresh = refresh
        self._ignored: set[str] = set()
        self._overtaken = False
        self._feed = Feed(journal, catalog, self._limits)
        self._standstills = Standstills(
            tell_in, self._limits.seconds, self._limits.longest_pause_seconds
        )
        self._wanted, self._taken = dict(schemas), dict(schemas)
        self._schemas = {**ensure_event_tables(catalog, schemas), **_OURS}
        self._sifter = Sifter(
            catalog, most_ids=self._limits.duplicate_ids, seconds=self._limits.duplicate_seconds
        )
        known_journals(self._properties())

    def run(self, stop: threading.Event) -> None:
        """Move until told to stop, then move what is left.

        What fails is told and tried again, after pauses that grow up to a bound.
        """
        while not stop.is_set():
            self._try_step()
            if self._overtaken:
                # Rivals that begin again in step would overtake each other again and again.
                stop.wait(self._limits.seconds * uniform(0.5, 2.0))  # noqa: S311 -- no secret
            elif not self._feed.more:
                stop.wait(self._limits.seconds)
        self._standstills.try_now()
        while self._try_step() or self._feed.more:
            pass

    def step(self) -> int:
        """Move one batch of each topic; one that cannot be moved does not keep the others back.

        Returns:
            How many events this sink has committed, rejected ones included. 0 means that there
            was nothing new, or that another sink was faster.
        """
        moved = 0
        self._feed.more = self._overtaken = False
        journal = self._feed.journal(self._properties)
        if journal is not None:
            for topic, partitions in self._topics().items():
                with self._standing_still(topic) as tried:
                    if tried:
                        moved += self._move(journal, topic, partitions)
        return moved

    def lag(self) -> dict[Partition, int]:
        """Bytes that are durable in the journal and not yet in the lake, by partition."""
        found = {}
        journal = self._journal.identity() or ""
        for topic, partitions in self._topics().items():
            properties = self._catalog.load_table(table_of_topic(topic)).properties
            for partition in partitions:
                position = stored(properties, offset_key(journal, partition)) or 0
                found[partition] = max(0, self._journal.end(partition) - position)
        return found

    def faults(self) -> list[str]:
        """Why something is not moved: each with what to do."""
        return [*self._feed.faults, *self._standstills.faults()]

    def _try_step(self) -> bool:
        """Move and maintain; whether anything was moved."""
        begun = monotonic()
        moved = 0
        with self._standing_still("all topics") as tried:
            if tried:
                moved = self.step()
        if moved:
            _log.info("%d records into the lake in %.2f s", moved, monotonic() - begun)
        self._maintain()
        return moved > 0

    @contextmanager
    def _standing_still(self, what: str) -> Iterator[bool]:
        """Whether to try it now; where it then fails, whatever the reason, it stands still."""
        if self._standstills.pauses(what):
            yield False
            return
        try:
            yield True
        except LakeFormatError:
            raise
        except Exception as error:  # noqa: BLE001 -- the other topics go on
            self._standstills.failed(what, error)
            self._feed.more = False
        else:
            self._standstills.works(what)

    def _properties(self) -> dict[str, dict[str, str]]:
        """The properties of every topic's table."""
        return {
            topic: dict(self._catalog.load_table(table_of_topic(topic)).properties)
            for topic in self._schemas
        }

    def _topics(self) -> dict[str, list[Partition]]:
        topics: dict[str, list[Partition]] = {}
        partitions = list(self._journal.partitions())
        if any(partition.topic not in self._schemas for partition in partitions):
            self._refreshed()
        for partition in partitions:
            if partition.topic in self._schemas:
                topics.setdefault(partition.topic, []).append(partition)
            elif partition.topic not in self._ignored:
                self._ignored.add(partition.topic)
                _log.warning("journal topic %r has no table and stays unread", partition.topic)
        return topics

    def _move(self, journal: str, topic: str, partitions: Sequence[Partition]) -> int:
        table = self._catalog.load_table(table_of_topic(topic))
        batches = self._feed.read(journal, table.properties, partitions)
        if not batches:
            return 0
        # After the batch was read: no field of a schema that the intake knew then is left out.
        if self._refreshed():
            moved_from = chosen(table.properties, POSITIONS)
            table = self._catalog.load_table(table_of_topic(topic))
            if chosen(table.properties, POSITIONS) != moved_from:
                return 0
        schema = self._schemas[topic]
        reads = [Read(batch, parse_lines(batch.data, batch.start, schema)) for batch in batches]
        now = time()
        try:
            sifted = self._sift(table, journal, topic, reads, now)
            changes = {**sifted.changes, **_positions(journal, batches)}
            if sifted.hashes is not None:
                changes |= self._sifter.marks(table, now)
            if topic == LEDGER:
                changes |= _covered(journal, sifted.rows, table.properties)
            commit_if_unchanged(
                table, sifted.rows, prefixes=POSITIONS, expected=sifted.expected, changes=changes
            )
        except CommitFailedException as refused:
            _log.info("%s: commit refused, reading again from the table: %s", topic, refused)
            self._overtaken = True
            return 0
        self._sifter.written(table, sifted, now)
        committed: int = sifted.rows.num_rows + sifted.aside
        return 0 if topic == LEDGER else committed

    def _sift(
        self, table: Table, journal: str, topic: str, reads: Sequence[Read], now: float
    ) -> Sifted:
        if topic != REJECTED:
            with_ids = topic not in _OURS and has_ids(self._schemas[topic])
            return self._sifter.sift(table, journal, reads, now, with_ids=with_ids)
        bad = [(read.batch.partition, line) for read in reads for line in read.parsed.bad]
        rows = [*(read.parsed.rows for read in reads), unreadable_rows(journal, bad)]
        return Sifted(pa.concat_tables(rows), chosen(table.properties, POSITIONS))

    def _refreshed(self) -> bool:
        """Take schemas that have changed; whether there were some."""
        schemas = self._refresh() if self._refresh is not None else None
        self._wanted.update(schemas or {})
        changed = False
        for name, schema in self._wanted.items():
            if schema != self._taken.get(name):
                # Where this fails it is tried again: the change is told once only.
                self._schemas[name] = ensure_event_table(self._catalog, name, schema)
                self._taken[name] = schema
                changed = True
                _log.info("table %s has the columns of its schema's versions", name)
        return changed

    def _maintain(self) -> None:
        if self._maintenance is None or not self._maintenance.due():
            return
        for topic in (*self._schemas, DUPLICATES):
            with self._standing_still(f"maintenance of {topic}") as tried:
                if tried:
                    table = self._catalog.load_table(table_of_topic(topic))
                    if topic == SEALED:
                        forget_old(table, self._limits.sealed_days)
                    self._maintenance.tend(table)
        with self._standing_still("trimming of the journal") as tried:
            journal = self._feed.journal(self._properties) if tried else None
            if journal is not None:
                self._trim(journal)

    def _trim(self, journal: str) -> None:
        """Drop what is in the lake and in its ledger, all but the margin."""
        ledger = self._catalog.load_table((EVENT, LEDGER)).properties
        for topic, partitions in self._topics().items():
            properties = self._catalog.load_table(table_of_topic(topic)).properties
            for partition in partitions:
                position = stored(properties, offset_key(journal, partition)) or 0
                if topic == LEDGER:
                    before = position - max(KEEP_BYTES, self._limits.keep_journal_bytes)
                elif topic == SEALED:
                    before = position  # no event, so that the ledger need not have counted it
                else:
                    key = covered_key(journal, topic, partition.number)
                    margin = self._limits.keep_journal_bytes
                    before = min(position - margin, stored(ledger, key) or 0)
                if before > 0:
                    self._journal.trim(partition, before)


@contextmanager
def open_sink(
    journal_dir: Path, lake_dir: Path, schema_paths: Sequence[Path], limits: SinkLimits
) -> Iterator[Sink]:
    """The sink of a lab on one machine, for as long as the lake is open: segment files to the lake,
    with maintenance.

    Args:
        journal_dir: folder of the segment files; it need not exist yet.
        lake_dir: folder of the lake; made where there is none.
        schema_paths: schema repositories; none means the one that Allotment ships.
        limits: how long events are gathered and known again, and how long what masks hide is kept.
    """
    tables = TableSchemas(SchemaRepository(schema_paths))
    with closing(open_catalog(lake_dir)) as catalog:
        yield Sink(
            SegmentReader(journal_dir),
            catalog,
            tables.schemas,
            limits,
            Maintenance(lake_dir),
            tables.refresh,
            tell_in=lake_dir / FILE,
        )


def _positions(journal: str, batches: Sequence[Batch]) -> dict[str, str]:
    """The positions after some batches, and what lies before each."""
    changes: dict[str, str] = {}
    for batch in batches:
        changes[offset_key(journal, batch.partition)] = str(batch.end)
        changes[tail_key(journal, batch.partition)] = tail_of(batch.data)
    return changes


def _covered(journal: str, rows: pa.Table, properties: Mapping[str, str]) -> dict[str, str]:
    """Up to where lines are in the ledger once these rows of it are: whole stretches only."""
    whole = rows.filter(
        pc.and_(
            pc.and_(pc.equal(rows["left"], 0), pc.equal(rows["journal"], journal)),
            pc.is_valid(rows["topic"]),
        )
    )
    ends = whole.group_by(["topic", "partition"]).aggregate([("end", "max")]).to_pylist()
    changes: dict[str, str] = {}
    for found in ends:
        key = covered_key(journal, found["topic"], found["partition"])
        changes[key] = str(max(found["end_max"], stored(properties, key) or 0))
    return changes
