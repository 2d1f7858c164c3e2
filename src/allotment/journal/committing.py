"""Writes groups of appends to the segment files: one write and one sync for each touched topic."""

from __future__ import annotations

import logging
import os
import threading
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Final

from allotment.journal import layout
from allotment.journal.aging import Aging
from allotment.journal.gathering import Append
from allotment.journal.partition_log import PartitionLog
from allotment.journal.protocol import Partition
from allotment.journal.tally import KEEP_BYTES
from allotment.journal.tally_keeper import TallyKeeper

_PROBE: Final = bytes(1 << 16)

_log = logging.getLogger(__name__)


class Committer:
    """The files of one writer.

    The event loop and the journal's thread may both commit, one at a time: whoever calls a method
    that writes holds `lock`. The loop never waits for it.
    """

    def __init__(self, directory: Path, number: int, *, segment_bytes: int, aging: Aging) -> None:
        """Open the partitions of a number that exist, and recover what a crash left of them.

        Raises:
            OSError: one cannot be read, written or synced.
        """
        self._directory = directory
        self._number = number
        self._segment_bytes = segment_bytes
        self._aging = aging
        self._logs: dict[str, PartitionLog] = {}
        self.keeper: TallyKeeper | None = None
        self.failure: str | None = None
        """Why nothing can be made durable now, or None."""
        self.seconds = 0.0
        """How long the last commit took."""
        self.lock = threading.Lock()
        for partition in list(layout.partitions(directory)):
            if partition.number == number:
                self._log(partition.topic)

    @property
    def topics(self) -> list[str]:
        """Those whose partitions are open."""
        return [*self._logs]

    @property
    def wait_seconds(self) -> float | None:
        """How long until the tally or an old segment wants something; None: nothing does."""
        waits = [self._aging.wait_seconds(self._logs)]
        if self.keeper is not None:
            waits.append(self.keeper.wait_seconds())
        return min((wait for wait in waits if wait is not None), default=None)

    def commit(self, group: Sequence[Append]) -> None:
        """Write each topic's lines at once; mark the appends whose lines are not durable."""
        began = monotonic()
        touched: defaultdict[str, list[Append]] = defaultdict(list)
        for waiting in group:
            for topic, part in waiting.records.items():
                if part:
                    touched[topic].append(waiting)
        for topic, those in touched.items():
            error = self.failure or self._write(topic, those)
            if error is not None:
                for waiting in those:
                    waiting.error = error
                    waiting.failed += (topic,)
        self.seconds = monotonic() - began

    def _write(self, topic: str, touched: Sequence[Append]) -> str | None:
        """Write one topic's records, each on its line; why it failed, or None."""
        try:
            log = self._log(topic)
            lines: list[bytes] = []
            for waiting in touched:
                lines += waiting.records[topic]
            lines.append(b"")  # so that the last one has its line end too
            log.append(b"\n".join(lines))
            if self.keeper is not None:
                parts = [(each.records[topic], each.counts.get(topic)) for each in touched]
                self.keeper.add(topic, log.end, parts)
        except OSError as error:
            self.failure = f"the journal cannot write {topic}: {error}"
            return self.failure
        except Exception as error:  # noqa: BLE001 -- whatever it is, no caller may wait for ever
            return f"the journal cannot write {topic}: {error!r}"
        return None

    def record(self, *, now: bool) -> None:
        """Write the tally out where it is due, or `now`."""
        keeper = self.keeper
        if keeper is None or self.failure is not None:
            return
        wait = keeper.wait_seconds()
        if wait is None or (wait > 0 and not now):
            return
        try:
            keeper.write(self._log(keeper.topic).append)
        except OSError as error:
            self.failure = f"the journal cannot write {keeper.topic}: {error}"
        except Exception:  # noqa: BLE001 -- callers wait for this thread; it must not end
            _log.exception("the tally could not be written; it is tried again")

    def roll(self) -> None:
        """Begin new segments where the last ones are too old."""
        if self.failure is None:
            self._aging.roll(self._logs)

    def probe(self) -> None:
        """Available again once a small file can be written and synced beside the segments.

        And once the folders that were opened are where they were.
        """
        if not all(log.in_place() for log in self._logs.values()):
            return
        path = self._directory / layout.LOCKS / f"{self._number:04d}.probe"
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
        self.failure = None

    def close(self) -> None:
        """Give up the files. Everything committed is already durable."""
        for log in self._logs.values():
            with suppress(OSError):
                log.close()

    def _log(self, topic: str) -> PartitionLog:
        log = self._logs.get(topic)
        if log is None:
            folder = layout.partition_dir(self._directory, Partition(topic, self._number))
            size = self._segment_bytes
            if self.keeper is not None and topic == self.keeper.topic:
                size = min(size, KEEP_BYTES)  # it is read whole at every start
            log = self._logs[topic] = PartitionLog(folder, segment_bytes=size)
        return log
