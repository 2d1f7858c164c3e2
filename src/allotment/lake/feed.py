"""What the sink is fed with: batches of the lake's journal, from where the lake stands."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pyiceberg.catalog import Catalog

from allotment.journal.protocol import Batch, JournalReader, Partition
from allotment.lake.journal_fit import (
    foreign,
    known_journals,
    lake_identity,
    position_fault,
    replaced,
)
from allotment.lake.offsets import offset_key, stored

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkLimits:
    """How much goes into one commit, what is kept of the journal, how duplicates are known."""

    seconds: float = 5.0
    longest_pause_seconds: float = 60.0
    """What cannot be moved is tried again at least so often."""
    events: int = 100_000
    bytes: int = 64 << 20
    keep_journal_bytes: int = 16 << 20
    duplicate_seconds: float = 900.0
    """An event whose stream and id were written within this time is not written again."""
    duplicate_ids: int = 4_000_000
    """So many ids of each table are remembered at most: the latest."""
    sealed_days: float = 30.0
    """How long what masks hide is kept for a replay."""


class Feed:
    """Reads a journal for a lake, and remembers what is wrong with either."""

    def __init__(self, journal: JournalReader, catalog: Catalog, limits: SinkLimits) -> None:
        """Read from a journal for the lake of a catalog."""
        self._journal, self._catalog, self._limits = journal, catalog, limits
        self._faults: dict[object, str] = {}
        self._met: str | None = None
        self._next: dict[str, int] = {}
        self.more = False
        """Whether something was left behind because a commit was full; the caller resets it."""

    @property
    def faults(self) -> list[str]:
        """Why something is not read: each with what to do."""
        return list(self._faults.values())

    def journal(self, tables: Callable[[], Mapping[str, Mapping[str, str]]]) -> str | None:
        """The journal's id; None where there is none, or where it belongs to another lake.

        Args:
            tables: gives the properties of the lake's tables by name, asked of a new journal.
        """
        journal = self._journal.identity()
        if journal is None or journal == self._met:
            return journal
        known = known_journals(tables())
        lake = lake_identity(self._catalog)
        owner = self._journal.claim(lake, over=not known)
        if owner != lake:
            self._fault("journal", foreign(journal, owner))
            return None
        self._faults.pop("journal", None)
        if known and journal not in known:
            _log.warning("%s", replaced(journal, known))
        self._met = journal
        return journal

    def read(
        self, journal: str, properties: Mapping[str, str], partitions: Sequence[Partition]
    ) -> list[Batch]:
        """What is new in each partition of a topic, within the limits of one commit.

        Where a commit is full, the next one begins with those that were left out: a partition that
        fills every commit must not keep the others waiting.
        """
        batches = []
        budget, events = self._limits.bytes, self._limits.events
        for partition in self._in_turn(partitions):
            if budget <= 0 or events <= 0:
                self.more = True
                self._next[partition.topic] = partition.number
                break
            durable = self._journal.end(partition)
            position = stored(properties, offset_key(journal, partition))
            fault = position_fault(self._journal, journal, partition, properties)
            if fault is not None:
                self._fault(partition, fault)
                continue
            try:
                batch = self._journal.read(partition, self._begin(partition, position), budget)
            except LookupError as error:
                self._fault(partition, f"{error}; the lake waits there")
                continue
            self._faults.pop(partition, None)
            batch, lines = _at_most(batch, events)
            if lines:
                batches.append(batch)
                self.more |= batch.end < durable
                budget -= len(batch.data)
                events -= lines
        return batches

    def _in_turn(self, partitions: Sequence[Partition]) -> list[Partition]:
        """The partitions of a topic, beginning with the one whose turn it is."""
        return sorted(partitions, key=lambda p: (p.number < self._next.get(p.topic, 0), p.number))

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

    def _fault(self, what: object, message: str) -> None:
        """Say what is wrong, once as long as it stays the same."""
        if self._faults.get(what) != message:
            self._faults[what] = message
            _log.error("%s", message)


def _at_most(batch: Batch, events: int) -> tuple[Batch, int]:
    """The first lines of a batch, and how many they are."""
    ends = np.flatnonzero(np.frombuffer(batch.data, dtype=np.uint8) == ord("\n"))
    if len(ends) <= events:
        return batch, len(ends)
    length = int(ends[events - 1]) + 1
    return Batch(batch.partition, batch.start, batch.start + length, batch.data[:length]), events
