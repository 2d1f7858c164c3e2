"""The embedded journal: segment files with group commit."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from allotment.journal import layout
from allotment.journal.aging import Aging
from allotment.journal.committing import Committer
from allotment.journal.gathering import GATHER_SECONDS, Append, Gatherer
from allotment.journal.identity import ensure_identity
from allotment.journal.protocol import JournalUnavailableError, Told
from allotment.journal.segment_reader import SegmentReader
from allotment.journal.tally import Counts, Tallying
from allotment.journal.tally_keeper import TallyKeeper

__all__ = ["SegmentReader", "SegmentWriter"]

SEGMENT_BYTES: Final = 64 << 20
QUEUE_BYTES: Final = 64 << 20
PROBE_SECONDS: Final = 1.0
AGE_SECONDS: Final = 3600.0
INLINE_SECONDS: Final = 0.002
"""Commits longer than this are left to a thread: as long as the event loop works on some 50 events,
and longer than a sync on a disk with a cache that outlives a power cut."""
_MOST_WRITERS: Final = 10_000


class SegmentWriter:
    """Implements `JournalWriter` on files: one write and one sync per touched topic and group.

    A group is committed by the event loop that gathered it while the disk is quick: to hand it to
    a thread and to be woken by it costs more than the sync (decision 0021). Once a commit has taken
    longer than `inline_seconds` a thread does the next, so that a slow disk holds up nobody else.

    Several writers work side by side, each in a partition of its own number. One writer serves one
    event loop at a time.
    """

    def __init__(
        self,
        directory: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        queue_bytes: int = QUEUE_BYTES,
        probe_seconds: float = PROBE_SECONDS,
        gather_seconds: float = GATHER_SECONDS,
        inline_seconds: float = INLINE_SECONDS,
        tallying: Tallying | None = None,
        aging: Collection[str] = (),
        age_seconds: float = AGE_SECONDS,
    ) -> None:
        """Claim the lowest partition number that is free, and recover what a crash left of it.

        Args:
            directory: the journal's folder; made where absent.
            segment_bytes: a segment that reaches this size is closed and a new one begun.
            queue_bytes: appends beyond this many waiting bytes are refused.
            probe_seconds: how often a failed journal is tried again.
            gather_seconds: the least time between two commits of a few appends.
            inline_seconds: commits that take longer are left to a thread; with 0 all are.
            tallying: how to keep a tally of what was appended; None keeps none.
            aging: topics of which a segment is closed when it is old, too, so that it can be
                dropped though little comes.
            age_seconds: that is, so long after its first line.

        Raises:
            JournalUnavailableError: the folder cannot be used; the message says why.
        """
        self._queue_bytes = queue_bytes
        self._probe_seconds = probe_seconds
        self._gather_seconds = gather_seconds
        self._inline_seconds = inline_seconds
        self._gatherer: Gatherer | None = None
        self._closing = False
        self._ended = False
        self._waiting: deque[Append] = deque()
        self._wake = threading.Condition()
        try:
            self._lock, self.number = _claim(directory)
            self.identity = ensure_identity(directory)
            self._committer = Committer(
                directory,
                self.number,
                segment_bytes=segment_bytes,
                aging=Aging(directory, self.number, aging, age_seconds),
            )
            if tallying is not None:
                self._committer.keeper = TallyKeeper(
                    tallying,
                    SegmentReader(directory),
                    self.identity,
                    self.number,
                    self._committer.topics,
                )
        except OSError as error:
            raise JournalUnavailableError(f"the journal in {directory}: {error}") from error
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def available(self) -> bool:
        """Whether an append may succeed now."""
        return self._committer.failure is None and not self._closing

    @property
    def failure(self) -> str | None:
        """Why nothing can be made durable now, or None."""
        return self._committer.failure

    async def append(
        self, records: Mapping[str, Sequence[bytes]], counts: Mapping[str, Counts] | None = None
    ) -> None:
        """Make records durable, by topic; see `JournalWriter.append`."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def told(error: JournalUnavailableError | None) -> None:
            if done.done():
                return  # its caller has gone
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)

        self.submit(records, counts, told)
        await done

    def submit(
        self,
        records: Mapping[str, Sequence[bytes]],
        counts: Mapping[str, Counts] | None,
        told: Told,
    ) -> None:
        """Take records to make durable, by topic; see `JournalWriter.submit`."""
        size = 0
        for part in records.values():
            size += sum(map(len, part)) + len(part)
        gatherer = self._gatherer
        # Asking for the running loop is a system call (getpid) until Python 3.12: only if need be.
        if gatherer is None or not gatherer.loop.is_running():
            loop = asyncio.get_running_loop()
            gatherer = self._gatherer = Gatherer(loop, self._commit, self._gather_seconds)
        if not size:
            told(None)
            return
        refusal = self._refusal(gatherer.bytes, size)
        if refusal is not None:
            told(JournalUnavailableError(refusal, _named(records)))
        else:
            gatherer.add(Append(records, counts or {}, size, gatherer, told))

    def _refusal(self, waiting: int, size: int) -> str | None:
        """Why records cannot be taken now, or None."""
        if self._closing:
            return "the journal is closed"
        if self._committer.failure is not None:
            return self._committer.failure
        if waiting and waiting + size > self._queue_bytes:
            return f"{waiting} bytes wait for the disk already; try again later"
        return None

    def _commit(self, group: list[Append]) -> bool:
        """Commit a group here, or give it to the thread; whether it is done."""
        committer = self._committer
        if (
            self._closing
            or committer.seconds >= self._inline_seconds
            or not committer.lock.acquire(blocking=False)
        ):
            return self._hand_over(group)
        try:
            begins = committer.keeper is not None and committer.keeper.wait_seconds() is None
            committer.commit(group)
        finally:
            committer.lock.release()
        if begins or committer.wait_seconds == 0.0 or committer.failure is not None:
            with self._wake:  # there is a tally to write, or a failed disk to watch
                self._wake.notify()
        return True

    def _hand_over(self, group: list[Append]) -> bool:
        """Give a group to the thread; True where that has ended and the group has failed."""
        with self._wake:
            if not self._ended:
                self._waiting.extend(group)
                self._wake.notify()
                return False
        for waiting in group:
            waiting.error = "the journal is closed"
            waiting.failed = _named(waiting.records)
        return True

    def count(self, counts: Counts) -> None:
        """Add events that have no records to the tally; see `JournalWriter.count`."""
        keeper = self._committer.keeper
        if keeper is None:
            return
        keeper.count(counts)
        with self._wake:
            self._wake.notify()

    def close(self) -> None:
        """Make everything handed over durable, stop, and free the partition number."""
        with self._wake:
            if self._closing:
                return
            self._closing = True
        if self._gatherer is not None:
            self._gatherer.flush()
        with self._wake:
            self._ended = True
            self._wake.notify()
        self._thread.join()
        self._committer.close()
        os.close(self._lock)

    def _run(self) -> None:
        committer = self._committer
        while (group := self._next_group()) is not None:
            with committer.lock:
                if group:
                    committer.commit(group)
            _answer(group)
            with committer.lock:  # after the callers were answered, never before
                committer.record(now=self._closing)
                committer.roll()
        with committer.lock:
            committer.record(now=True)

    def _next_group(self) -> list[Append] | None:
        """Everything that waits now, nothing when the tally is due; None when all is done."""
        committer = self._committer
        with self._wake:
            while not self._waiting:
                if self._ended:
                    return None
                if committer.failure:
                    self._wake.wait(self._probe_seconds)
                    if not self._waiting:
                        # A failing disk may hold a sync for long: an event loop that comes to hand
                        # over must not wait for it.
                        self._wake.release()
                        try:
                            with committer.lock:
                                committer.probe()
                        finally:
                            self._wake.acquire()
                elif (wait := committer.wait_seconds) != 0.0:
                    self._wake.wait(wait)
                else:
                    break
            group = list(self._waiting)
            self._waiting.clear()
            return group


def _claim(directory: Path) -> tuple[int, int]:
    """Lock the lowest free partition number: (descriptor that holds the lock, number)."""
    locks = directory / layout.LOCKS
    locks.mkdir(parents=True, exist_ok=True)
    layout.sync_folder(directory)
    layout.sync_folder(directory.parent)
    for number in range(_MOST_WRITERS):
        descriptor = layout.lock_partition(directory, number)
        if descriptor is not None:
            return descriptor, number
    raise OSError(f"all {_MOST_WRITERS} partitions are in use")


def _named(records: Mapping[str, Sequence[bytes]]) -> tuple[str, ...]:
    """The topics that there are records of."""
    return tuple(topic for topic, part in records.items() if part)


def _answer(group: list[Append]) -> None:
    """Wake the callers: one call into each event loop, however many wait there."""
    gatherers: dict[Gatherer, list[Append]] = {}
    for waiting in group:
        gatherers.setdefault(waiting.gatherer, []).append(waiting)
    for gatherer, those in gatherers.items():
        gatherer.wake(those)
