"""Segments that must not wait until they are full: what holds secrets is to be dropped in time.

Only whole segments can be dropped, and never the last of a partition. Of some topics the last one
is therefore closed once its first line is so old, and an empty one begun behind it. That is done
for one's own partitions, and now and then for those that no writer has any more.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Final

from allotment.journal import layout
from allotment.journal.partition_log import PartitionLog

_AGAIN_SECONDS: Final = 60.0
"""After a disk that takes nothing."""

_log = logging.getLogger(__name__)


class Aging:
    """Says when the last segment of some topics is too old, and begins new ones."""

    def __init__(
        self, directory: Path, number: int, topics: Collection[str], seconds: float
    ) -> None:
        """For a writer of partitions of this number; a segment of before its start is old."""
        self._directory, self._number = directory, number
        self._topics, self._seconds = topics, seconds
        self._not_before = 0.0
        self._others_at = monotonic() + seconds

    def wait_seconds(self, logs: Mapping[str, PartitionLog]) -> float | None:
        """How long until something is to be done, 0 where it is time; None: nothing is."""
        begun = [since for topic in self._topics if (since := _begun(logs, topic)) is not None]
        due = [since + self._seconds for since in begun]
        if self._topics:
            due.append(self._others_at)
        return max(0.0, max(min(due), self._not_before) - monotonic()) if due else None

    def roll(self, logs: Mapping[str, PartitionLog]) -> None:
        """Begin new segments where it is time. A disk that takes none is tried again later."""
        now = monotonic()
        if now < self._not_before:
            return
        try:
            for topic in self._topics:
                since = _begun(logs, topic)
                if since is not None and now >= since + self._seconds:
                    logs[topic].roll()
            if now >= self._others_at:
                self._others_at = now + self._seconds
                self._roll_others()
        except OSError as error:
            _log.warning("no new segment could be begun, tried again in a minute: %s", error)
            self._not_before = now + _AGAIN_SECONDS

    def _roll_others(self) -> None:
        for partition in list(layout.partitions(self._directory)):
            if partition.topic not in self._topics or partition.number == self._number:
                continue
            folder = layout.partition_dir(self._directory, partition)
            bases = layout.segment_bases(folder)
            if not bases or not layout.segment_path(folder, bases[-1]).stat().st_size:
                continue
            lock = layout.lock_partition(self._directory, partition.number)
            if lock is None:
                continue  # its writer lives
            try:
                with closing(PartitionLog(folder, segment_bytes=1)) as log:
                    log.roll()
            finally:
                os.close(lock)


def _begun(logs: Mapping[str, PartitionLog], topic: str) -> float | None:
    log = logs.get(topic)
    return None if log is None else log.begun
