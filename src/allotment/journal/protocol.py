"""The durable log between intake and lake: what a back end must offer.

A *topic* is one kind of record and lands in one lake table of the same name
(`product_metrics_web_base`, …, `rejected`). A topic has *partitions*: each is written by one writer
at a time. An *offset* is a byte position in a partition and names the same bytes for ever. A record
is one line of JSON without its newline; it holds no newline itself.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from allotment.journal.tally import Counts


class JournalUnavailableError(RuntimeError):
    """Nothing can be made durable now (disk full, failed fsync, queue full); the message says why.

    `topics` are those whose records are not durable and will never be read; records of other topics
    that were handed over with them are durable.
    """

    def __init__(self, message: str, topics: Collection[str] = ()) -> None:
        super().__init__(message)
        self.topics = frozenset(topics)


Told: TypeAlias = Callable[[JournalUnavailableError | None], None]
"""Takes what became of an append: None once it is durable, or why it is not. Does not raise."""


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """One ordered part of a topic."""

    topic: str
    number: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Whole lines of one partition: `data` holds offsets `start` … `end - 1`, newlines included."""

    partition: Partition
    start: int
    end: int
    data: bytes


class JournalWriter(Protocol):
    """Writes records and says when they are durable."""

    async def append(
        self, records: Mapping[str, Sequence[bytes]], counts: Mapping[str, Counts] | None = None
    ) -> None:
        """Make records durable, by topic; return when they are on disk (fsync).

        Callers that wait together share one write and one fsync (group commit).

        Args:
            records: by topic; the writer's from here on, its caller changes them no more.
            counts: by topic, how many events the records stand for, for the writer's tally; where
                they are not given the writer counts for itself, which takes longer.

        Raises:
            JournalUnavailableError: the records are not acknowledged; answer 503.
        """
        ...

    def submit(
        self,
        records: Mapping[str, Sequence[bytes]],
        counts: Mapping[str, Counts] | None,
        told: Told,
    ) -> None:
        """`append` without waiting: `told` is called within the call or later on the same loop.

        Called on an event loop. It costs an append's caller no task and no future of its own.
        """
        ...

    def count(self, counts: Counts) -> None:
        """Add events that have no records to the tally; they are written when that can be done."""
        ...

    @property
    def available(self) -> bool:
        """Whether an append may succeed now."""
        ...

    def close(self) -> None:
        """Make everything handed over durable and stop."""
        ...


class JournalReader(Protocol):
    """Reads what is durable. Keeps no position: the lake does."""

    def identity(self) -> str | None:
        """The journal's id, without which a position means nothing; None before it is made."""
        ...

    def claim(self, lake: str, *, over: bool) -> str:
        """Let the journal belong to a lake, and say to which it belongs.

        Args:
            lake: the id of the lake that asks.
            over: whether it may take the journal from another lake.
        """
        ...

    def partitions(self) -> Iterator[Partition]:
        """Every partition that exists, in order."""
        ...

    def read(self, partition: Partition, start: int, max_bytes: int) -> Batch:
        """Whole lines from `start` on, at least one if there is one, else about `max_bytes`.

        Stops at the durable end. At the end the batch is empty (`start == end`).

        Raises:
            LookupError: `start` lies before the oldest byte kept, or past the durable end.
        """
        ...

    def before(self, partition: Partition, offset: int, size: int) -> bytes | None:
        """The bytes before an offset, at most `size`; None where they are not kept any more."""
        ...

    def next_kept(self, partition: Partition, offset: int) -> int:
        """Where the first segment after an offset begins, or the durable end."""
        ...

    def end(self, partition: Partition) -> int:
        """The durable end: the offset after the last byte known to be on disk."""
        ...

    def trim(self, partition: Partition, before: int) -> int:
        """Drop whole segments that end at or before an offset; return the oldest offset kept."""
        ...
