"""Reads segment files up to the durable end."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Final

from allotment.journal import identity, layout
from allotment.journal.protocol import Batch, Partition

_LINE_STEP: Final = 1 << 16


class SegmentReader:
    """Implements `JournalReader` on files; any number of readers beside any number of writers."""

    def __init__(self, directory: Path) -> None:
        """`directory` is the journal's folder; it need not exist yet."""
        self._directory = directory

    def identity(self) -> str | None:
        """The journal's id; None before the first writer has made it."""
        return identity.read_identity(self._directory)

    def claim(self, lake: str, *, over: bool) -> str:
        """Let the journal belong to a lake; see `JournalReader.claim`."""
        owner = identity.read_lake(self._directory)
        if owner is None or (over and owner != lake):
            identity.write_lake(self._directory, lake)
            return lake
        return owner

    def owner(self) -> str | None:
        """The lake that the journal belongs to, or None."""
        return identity.read_lake(self._directory)

    def partitions(self) -> Iterator[Partition]:
        """Every partition that exists, ordered by topic and number."""
        yield from layout.partitions(self._directory)

    def end(self, partition: Partition) -> int:
        """The offset after the last byte known to be on disk; 0 for a partition not yet written."""
        try:
            synced = layout.SyncedEnd(self._folder(partition), writable=False)
        except (FileNotFoundError, ValueError):
            return 0  # the writer is just making the folder
        with closing(synced):
            return synced.value

    def read(self, partition: Partition, start: int, max_bytes: int) -> Batch:
        """Whole lines from `start` on; see `JournalReader.read`."""
        # The end first: a segment that holds a byte below it was made before it was published.
        end = self.end(partition)
        name = f"{partition.topic}/{partition.number}"
        if not 0 <= start <= end:
            raise LookupError(f"{name}: offset {start} is past the durable end {end}")
        folder = self._folder(partition)
        bases = layout.segment_bases(folder)
        chunks: list[bytes] = []
        position = start
        while position < end and position - start < max(max_bytes, 1):
            place = bisect_right(bases, position) - 1
            if place < 0:
                raise LookupError(
                    f"{name}: offset {position} lies before the oldest byte kept, "
                    f"{bases[0] if bases else end}"
                )
            limit = bases[place + 1] if place + 1 < len(bases) else end
            path = layout.segment_path(folder, bases[place])
            chunk = _lines(
                path,
                position - bases[place],
                min(limit, end) - bases[place],
                max_bytes - (position - start),
                or_one=not chunks,
            )
            if chunk is None and not chunks:
                raise LookupError(
                    f"{path} lacks offset {position}: acknowledged bytes are lost; restore the "
                    f"file, or move the position by hand to {min(limit, end)}"
                )
            if not chunk:
                break
            chunks.append(chunk)
            position += len(chunk)
        return Batch(partition, start, position, b"".join(chunks))

    def before(self, partition: Partition, offset: int, size: int) -> bytes | None:
        """The bytes before an offset; see `JournalReader.before`.

        They come from one segment: at most as many as that one holds before the offset.
        """
        folder = self._folder(partition)
        bases = layout.segment_bases(folder)
        place = bisect_right(bases, offset - 1) - 1
        if place < 0:
            return None
        base = bases[place]
        first = max(base, offset - size)
        try:
            descriptor = os.open(layout.segment_path(folder, base), os.O_RDONLY)
        except FileNotFoundError:
            return None
        try:
            return os.pread(descriptor, offset - first, first - base)
        finally:
            os.close(descriptor)

    def next_kept(self, partition: Partition, offset: int) -> int:
        """Where the first segment after an offset begins, or the durable end."""
        bases = layout.segment_bases(self._folder(partition))
        place = bisect_right(bases, offset)
        return bases[place] if place < len(bases) else self.end(partition)

    def trim(self, partition: Partition, before: int) -> int:
        """Drop whole segments that end at or before an offset; return the oldest offset kept.

        The last segment always stays: its name carries the position on. What crashes left before
        the oldest offset goes with them.
        """
        folder = self._folder(partition)
        bases = layout.segment_bases(folder)
        durable = self.end(partition)
        oldest = bases[-1] if bases else 0
        for base, following in pairwise(bases):
            if following > min(before, durable):
                oldest = base
                break
            layout.segment_path(folder, base).unlink(missing_ok=True)
            for offset, torn in layout.torn_tails(folder):
                if offset <= following:
                    torn.unlink(missing_ok=True)
        return oldest

    def _folder(self, partition: Partition) -> Path:
        return layout.partition_dir(self._directory, partition)


def _lines(path: Path, first: int, limit: int, wanted: int, *, or_one: bool) -> bytes | None:
    """Whole lines of one file between two places, about `wanted` bytes of them.

    Empty when the next line is longer than that and `or_one` is not set. None when the file is
    absent, shorter than `limit` says, or has no line end there.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        data = os.pread(descriptor, min(max(wanted, 1), limit - first), first)
        cut = data.rfind(b"\n") + 1
        while not cut and or_one:
            step = os.pread(
                descriptor, min(_LINE_STEP, limit - first - len(data)), first + len(data)
            )
            if not step:
                return None
            newline = step.find(b"\n") + 1
            cut = len(data) + newline if newline else 0
            data += step
        if not cut and not data:
            return None
        return data[:cut]
    finally:
        os.close(descriptor)
