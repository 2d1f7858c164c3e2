"""The embedded journal: segment files with group commit."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from allotment.journal import layout
from allotment.journal.aging import Aging
from allotment.journal.gathering import GATHER_SECONDS, Append, Gatherer
from allotment.journal.identity import ensure_identity
from allotment.journal.partition_log import PartitionLog
from allotment.journal.protocol import JournalUnavailableError, Partition
from allotment.journal.segment_reader import SegmentReader
from allotment.journal.tally import KEEP_BYTES, Counts, Tallying
from allotment.journal.tally_keeper import TallyKeeper

__all__ = ["SegmentReader", "SegmentWriter"]

SEGMENT_BYTES: Final = 64 << 20
QUEUE_BYTES: Final = 64 << 20
PROBE_SECONDS: Final = 1.0
AGE_SECONDS: Final = 3600.0
_PROBE: Final = bytes(1 << 16)
_MOST_WRITERS: Final = 10_000

_log = logging.getLogger(__name__)


class SegmentWriter:
    """Implements `JournalWriter` on files: one thread, one write and one sync per touched topic.

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
            tallying: how to keep a tally of what was appended; None keeps none.
            aging: topics of which a segment is closed when it is old, too, so that it can be
                dropped though little comes.
            age_seconds: that is, so long after its first line.

        Raises:
            JournalUnavailableError: the folder cannot be used; the message says why.
        """
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._queue_bytes = queue_bytes
        self._probe_seconds = probe_seconds
        self._gather_seconds = gather_seconds
        self._gatherer: Gatherer | None = None
        self._keeper: TallyKeeper | None = None
        self._logs: dict[str, PartitionLog] = {}
        self._failure: str | None = None
        self._closing = False
        self._ended = False
        self._waiting: deque[Append] = deque()
        self._wake = threading.Condition()
        try:
            self._lock, self.number = _claim(directory)
            self.identity = ensure_identity(directory)
            self._aging = Aging(directory, self.number, aging, age_seconds)
            for partition in list(layout.partitions(directory)):
                if partition.number == self.number:
                    self._log(partition.topic)
            if tallying is not None:
                self._keeper = TallyKeeper(
                    tallying, SegmentReader(directory), self.identity, self.number, [*self._logs]
                )
        except OSError as error:
            raise JournalUnavailableError(f"the journal in {directory}: {error}") from error
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    @property
    def available(self) -> bool:
        """Whether an append may succeed now."""
        return self._failure is None and not self._closing

    @property
    def failure(self) -> str | None:
        """Why nothing can be made durable now, or None."""
        return self._failure

    async def append(
        self, records: Mapping[str, Sequence[bytes]], counts: Mapping[str, Counts] | None = None
    ) -> None:
        """Make records durable, by topic; see `JournalWriter.append`."""
        await self.submit(records, counts)

    def submit(
        self, records: Mapping[str, Sequence[bytes]], counts: Mapping[str, Counts] | None = None
    ) -> asyncio.Future[None]:
        """Take records to make durable, by topic; see `JournalWriter.submit`."""
        lines = {topic: b"\n".join(part) + b"\n" for topic, part in records.items() if part}
        loop = asyncio.get_running_loop()
        gatherer = self._gatherer
        if gatherer is None or gatherer.loop is not loop:
            gatherer = self._gatherer = Gatherer(loop, self._hand_over, self._gather_seconds)
        done = loop.create_future()
        size = sum(map(len, lines.values()))
        refusal = self._refusal(gatherer.bytes, size)
        if not lines:
            done.set_result(None)
        elif refusal is not None:
            done.set_exception(JournalUnavailableError(refusal, lines))
        else:
            gatherer.add(Append(lines, counts or {}, size, gatherer, done))
        return done

    def _refusal(self, waiting: int, size: int) -> str | None:
        """Why records cannot be taken now, or None."""
        if self._closing:
            return "the journal is closed"
        if self._failure is not None:
            return self._failure
        if waiting and waiting + size > self._queue_bytes:
            return f"{waiting} bytes wait for the disk already; try again later"
        return None

    def _hand_over(self, group: list[Append]) -> None:
        """Give a group to the thread."""
        with self._wake:
            if not self._ended:
                self._waiting.extend(group)
                self._wake.notify()
                return
        for waiting in group:
            waiting.error = "the journal is closed"
            waiting.failed.extend(waiting.lines)
        _answer(group)

    def count(self, counts: Counts) -> None:
        """Add events that have no records to the tally; see `JournalWriter.count`."""
        if self._keeper is None:
            return
        self._keeper.count(counts)
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
        for log in self._logs.values():
            with suppress(OSError):
                log.close()
        os.close(self._lock)

    def _run(self) -> None:
        while (group := self._next_group()) is not None:
            self._commit(group)
            _answer(group)
            self._record()
            if self._failure is None:
                self._aging.roll(self._logs)
        self._record()

    def _next_group(self) -> list[Append] | None:
        """Everything that waits now, nothing when the tally is due; None when all is done."""
        with self._wake:
            while not self._waiting:
                if self._ended:
                    return None
                if self._failure:
                    self._wake.wait(self._probe_seconds)
                    if not self._waiting:
                        # A failing disk may hold a sync for long: an event loop that comes to hand
                        # over must not wait for it.
                        self._wake.release()
                        try:
                            self._probe()
                        finally:
                            self._wake.acquire()
                elif (wait := self._wait_seconds()) != 0.0:
                    self._wake.wait(wait)
                else:
                    break
            group = list(self._waiting)
            self._waiting.clear()
            return group

    def _wait_seconds(self) -> float | None:
        """How long until the tally or an old segment wants something; None: nothing does."""
        waits = [self._aging.wait_seconds(self._logs)]
        if self._keeper is not None:
            waits.append(self._keeper.wait_seconds())
        return min((wait for wait in waits if wait is not None), default=None)

    def _commit(self, group: list[Append]) -> None:
        """Write each topic's lines at once; mark the callers whose lines are not durable."""
        topics = dict.fromkeys(topic for waiting in group for topic in waiting.lines)
        for topic in topics:
            touched = [waiting for waiting in group if topic in waiting.lines]
            error = self._failure or self._write(topic, touched)
            if error is not None:
                for waiting in touched:
                    waiting.error = error
                    waiting.failed.append(topic)

    def _write(self, topic: str, touched: Sequence[Append]) -> str | None:
        """Write one topic's lines; why it failed, or None."""
        try:
            log = self._log(topic)
            log.append(b"".join(waiting.lines[topic] for waiting in touched))
        except OSError as error:
            self._failure = f"the journal cannot write {topic}: {error}"
            return self._failure
        except Exception as error:  # noqa: BLE001 -- whatever it is, no caller may wait for ever
            return f"the journal cannot write {topic}: {error!r}"
        if self._keeper is not None:
            self._keeper.add(
                topic, log.end, [(each.lines[topic], each.counts.get(topic)) for each in touched]
            )
        return None

    def _record(self) -> None:
        """Write the tally out where it is time: after the callers were answered, never before."""
        keeper = self._keeper
        if keeper is None or self._failure is not None:
            return
        wait = keeper.wait_seconds()
        if wait is None or (wait > 0 and not self._closing):
            return
        try:
            keeper.write(self._log(keeper.topic).append)
        except OSError as error:
            self._failure = f"the journal cannot write {keeper.topic}: {error}"
        except Exception:  # noqa: BLE001 -- callers wait for this thread; it must not end
            _log.exception("the tally could not be written; it is tried again")

    def _log(self, topic: str) -> PartitionLog:
        log = self._logs.get(topic)
        if log is None:
            folder = layout.partition_dir(self._directory, Partition(topic, self.number))
            size = self._segment_bytes
            if self._keeper is not None and topic == self._keeper.topic:
                size = min(size, KEEP_BYTES)  # it is read whole at every start
            log = self._logs[topic] = PartitionLog(folder, segment_bytes=size)
        return log

    def _probe(self) -> None:
        """Available again once a small file can be written and synced beside the segments.

        And once the folders that were opened are where they were.
        """
        if not all(log.in_place() for log in self._logs.values()):
            return
        path = self._directory / layout.LOCKS / f"{self.number:04d}.probe"
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o644)
            try:
                layout.write_all(descriptor, _PROBE)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
                path.unlink(missing_ok=True)
        except OSError:
            return
        self._failure = None


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


def _answer(group: list[Append]) -> None:
    """Wake the callers: one call into each event loop, however many wait there."""
    gatherers: dict[Gatherer, list[Append]] = {}
    for waiting in group:
        gatherers.setdefault(waiting.gatherer, []).append(waiting)
    for gatherer, those in gatherers.items():
        gatherer.wake(those)
