"""A writer's tally: when it is due, and how it is written."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import monotonic

from allotment.journal.protocol import Partition
from allotment.journal.recount import recovered_tally
from allotment.journal.segment_reader import SegmentReader
from allotment.journal.tally import Counts, Tally, Tallying

_log = logging.getLogger(__name__)


class TallyKeeper:
    """Keeps the tally of one writer.

    While one thread is in `write` no other may call `add`; the rest is free.
    """

    def __init__(
        self,
        tallying: Tallying,
        reader: SegmentReader,
        journal: str,
        number: int,
        topics: list[str],
    ) -> None:
        """Take up the tally where written ones end; what a crash left uncounted is due at once.

        Args:
            tallying: where it goes, and how often.
            reader: reads the journal.
            journal: the journal's id.
            number: the writer's partition number.
            topics: those of which a partition of this number exists.

        Raises:
            OSError: the journal cannot be read.
        """
        self._tallying = tallying
        self._journal, self._number = journal, number
        self._lock = threading.Lock()
        self._due = 0.0
        self._tally: Tally = recovered_tally(
            reader,
            Partition(tallying.topic, number),
            [topic for topic in topics if topic != tallying.topic],
            tallying.count,
        )

    @property
    def topic(self) -> str:
        """The topic that the tally is written to."""
        return self._tallying.topic

    def wait_seconds(self) -> float | None:
        """How long until the tally must be written, 0 where it is time; None: there is none."""
        with self._lock:
            if self._tally.empty:
                return None
            if self._tally.uncounted >= self._tallying.bytes:
                return 0.0
            return max(0.0, self._due - monotonic())

    def add(
        self, topic: str, end: int, parts: Sequence[tuple[Sequence[bytes], Counts | None]]
    ) -> None:
        """Count records that have just become durable up to an offset, some with their counts."""
        with self._lock:
            self._mark_due()
            self._tally.add(
                topic,
                end,
                [
                    self._tallying.count(topic, b"\n".join(lines) + b"\n")
                    if counts is None
                    else counts
                    for lines, counts in parts
                ],
            )

    def count(self, counts: Counts) -> None:
        """Count events that have no lines."""
        with self._lock:
            self._mark_due()
            self._tally.add_loose(counts)

    def write(self, append: Callable[[bytes], None]) -> None:
        """Write the tally out.

        Args:
            append: makes whole lines durable in the tally's partition.

        Raises:
            OSError: it is not written; it is kept, and written with the next.
        """
        recorded = datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"
        with self._lock:
            lines, loose = self._tally.lines(
                journal=self._journal, partition=self._number, recorded=recorded
            )
            self._due = monotonic() + self._tallying.seconds
        append(lines)
        with self._lock:
            self._tally.written(len(lines), loose)

    def _mark_due(self) -> None:
        if self._tally.empty:
            self._due = monotonic() + self._tallying.seconds
