"""The ledger: one view of intake, journal and lake in which every event is accounted for.

It is right while all of them go on. Each table is asked in the state in which it was loaded, whose
rows and positions belong together; the tally of the intake is that of `event.ledger` and what the
journal holds beyond it; lines that no written tally covers, and those that the sink has not moved,
are read and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from allotment.contract.counting import Count, weighed_line
from allotment.contract.masking import SEALED
from allotment.contract.tables import LEDGER
from allotment.journal.protocol import Partition
from allotment.journal.segments import SegmentReader
from allotment.lake.balance import Account, Accounts
from allotment.lake.catalog import open_catalog
from allotment.lake.journal_fit import foreign, known_journals, position_fault, replaced
from allotment.lake.ledger_tables import Place, Tables
from allotment.lake.standstills import told

_CHUNK: Final = 8 << 20
_ATTEMPTS: Final = 4
_UNCOUNTED: Final = frozenset({LEDGER, SEALED})
"""Topics whose lines are no events."""

Progress = Callable[[int], None]
"""Told of so many bytes read of the journal."""


class LedgerError(RuntimeError):
    """There is nothing that a ledger could be made of; the message says why."""


@dataclass(slots=True)
class Lag:
    """What of a stream waits in the journal."""

    bytes: int = 0
    oldest: datetime | None = None
    """The time of the oldest of it, by its `meta.dt` or `received`."""
    minute: str = ""


@dataclass(slots=True)
class Ledger:
    """The accounts at one moment, and what keeps them from being right."""

    at: datetime
    since: str
    accounts: Accounts
    lags: dict[str, Lag] = field(default_factory=dict)
    """By stream, where something waits."""
    faults: list[str] = field(default_factory=list)
    """What is wrong with journal or lake, each with what to do."""
    notes: list[str] = field(default_factory=list)

    @property
    def balanced(self) -> bool:
        """Whether every event is accounted for, none was lost, and nothing is wrong."""
        return not self.faults and all(account.balanced for _, account in self.accounts)

    @property
    def totals(self) -> dict[str, Account]:
        """Added up by stream."""
        return self.accounts.totals()


class _TrimmedError(Exception):
    """Lines were dropped from the journal after the tables were loaded: look again."""


def read_ledger(
    data: tuple[Path, Path],
    since: datetime,
    stream: str | None = None,
    progress: Progress = lambda _: None,
) -> Ledger:
    """The ledger as it is now.

    Args:
        data: the folders of the lake and of the journal.
        since: the first minute.
        stream: only this one; None means all.
        progress: told of what is read of the journal.

    Raises:
        LedgerError: there is no lake and no journal.
        LakeFormatError: an older version of Allotment wrote the lake.
    """
    lake_dir, journal_dir = data
    if not (lake_dir / "catalog.sqlite3").exists() and not journal_dir.is_dir():
        raise LedgerError(
            f"there is neither a lake ({lake_dir}) nor a journal ({journal_dir}); give the data"
            " folder of a lab with --data"
        )
    first = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M").rjust(16, "0")
    attempt = 0
    while True:
        attempt += 1
        try:
            with closing(open_catalog(lake_dir)) as catalog:
                view = _View(Tables(catalog), SegmentReader(journal_dir), first, progress)
                view.read(last=attempt == _ATTEMPTS)
        except _TrimmedError:
            continue
        found = view.ledger
        found.faults += told(lake_dir)
        found.accounts = found.accounts.chosen(first, stream)
        found.lags = {k: lag for k, lag in found.lags.items() if stream in {None, k}}
        return found


class _View:
    """What is seen at one moment."""

    def __init__(
        self, tables: Tables, journal: SegmentReader, since: str, progress: Progress
    ) -> None:
        self.ledger = Ledger(datetime.now(UTC), since, Accounts())
        self._tables, self._journal, self._progress = tables, journal, progress
        self._properties = tables.properties()
        self._known = known_journals(self._properties)
        self._covered = tables.covered()
        self._positions = tables.positions()
        self._last = False

    def read(self, *, last: bool) -> None:
        """Fill the ledger; where lines are missing in the last attempt, they are a fault."""
        self._last = last
        identity = self._fitting_journal()
        if identity is not None:
            tallied = list(self._tally_lines(identity))
            self._cover(tallied, identity)
            for entry in tallied:
                self._count_entry(entry, identity)
            for partition in self._journal.partitions():
                if partition.topic not in _UNCOUNTED:
                    self._count_lines(partition, identity)
        self._tables.count(self.ledger.accounts, self._covered, self.ledger.since)

    def _fitting_journal(self) -> str | None:
        """The id of the journal, where it is this lake's; says what is wrong else."""
        identity = self._journal.identity()
        known = self._known
        if identity is None:
            if known:
                self.ledger.faults.append(
                    f"the journal {', '.join(sorted(known))} that the lake has read from is not"
                    " there: restore its folder; where it is gone for good, start the intake, which"
                    " begins a new one"
                )
            return None
        owner = self._journal.owner()
        if owner is not None and owner != self._tables.lake and known:
            self.ledger.faults.append(foreign(identity, owner))
            return None
        if known and identity not in known:
            self.ledger.notes.append(replaced(identity, known))
        return identity

    def _tally_lines(self, identity: str) -> Iterator[dict[str, Any]]:
        """The lines of the tally that the lake does not have yet."""
        for partition in self._journal.partitions():
            begin = self._begin(partition, identity) if partition.topic == LEDGER else None
            if begin is not None:
                end = self._journal.end(partition)
                for data in self._lines(partition, begin, end):
                    for line in data.splitlines():
                        entry: dict[str, Any] = orjson.loads(line)
                        if entry["journal"] == identity:
                            yield entry

    def _cover(self, tallied: list[dict[str, Any]], identity: str) -> None:
        for entry in tallied:
            if entry["topic"] is not None and not entry["left"]:
                place = (identity, entry["topic"], entry["partition"])
                self._covered[place] = max(self._covered.get(place, 0), entry["end"])

    def _count_entry(self, entry: dict[str, Any], identity: str) -> None:
        place: Place = (identity, entry["topic"] or "", entry["partition"])
        if not entry["events"]:
            return
        if entry["topic"] is None or entry["end"] <= self._covered.get(place, 0):
            key = (entry["stream"], entry["minute"], entry["outcome"])
            self.ledger.accounts.tally({key: entry["events"]})

    def _begin(self, partition: Partition, identity: str) -> int | None:
        """The position of a partition in the lake; None, and a fault, where it does not fit."""
        properties = self._properties.get(partition.topic, {})
        fault = position_fault(self._journal, identity, partition, properties)
        if fault is not None:
            self.ledger.faults.append(fault)
            return None
        place = (identity, partition.topic, partition.number)
        position = self._positions.get(place)
        return self._journal.trim(partition, 0) if position is None else position

    def _count_lines(self, partition: Partition, identity: str) -> None:
        """Count what the tally does not cover, and what waits."""
        end = self._journal.end(partition)
        position = self._begin(partition, identity)
        if position is None:
            return
        covered = self._covered.get((identity, partition.topic, partition.number), 0)
        accounts = self.ledger.accounts
        middle = max(position, covered)
        if covered < position:
            for data in self._lines(partition, covered, min(position, end)):
                accounts.tally(self._counts(partition.topic, data, waiting=False))
        for data in self._lines(partition, position, min(middle, end)):
            accounts.wait(self._counts(partition.topic, data, waiting=True))
        for data in self._lines(partition, middle, end):
            counts = self._counts(partition.topic, data, waiting=True)
            accounts.tally(counts)
            accounts.wait(counts)

    def _lines(self, partition: Partition, begin: int, end: int) -> Iterator[bytes]:
        position = begin
        while position < end:
            try:
                batch = self._journal.read(partition, position, min(_CHUNK, end - position))
            except LookupError as error:
                if not self._last:
                    raise _TrimmedError from error
                if (fault := str(error)) not in self.ledger.faults:
                    self.ledger.faults.append(fault)
                position = max(position + 1, self._journal.next_kept(partition, position))
                continue
            if not batch.data:
                return
            self._progress(len(batch.data))
            yield batch.data
            position = batch.end

    def _counts(self, topic: str, data: bytes, *, waiting: bool) -> dict[Count, int]:
        counts: dict[Count, int] = {}
        for line in data.splitlines():
            key, events = weighed_line(topic, line)
            counts[key] = counts.get(key, 0) + events
            if waiting:
                lag = self.ledger.lags.setdefault(key[0], Lag())
                lag.bytes += len(line) + 1
                if key[1] and (not lag.minute or key[1] < lag.minute):
                    lag.minute, lag.oldest = key[1], _time(line) or lag.oldest
        return counts


def _time(line: bytes) -> datetime | None:
    """When an event was received, as its line says."""
    found = orjson.loads(line)
    text = found.get("received") if "received" in found else found.get("meta", {}).get("dt")
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
