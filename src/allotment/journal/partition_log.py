"""One partition as its writer sees it: recover, append, roll, and stay honest after a failure.

What makes it safe:

* A byte is readable only below the durable end, which moves only after `fdatasync`.
* After a failed write or sync the descriptor is given up for good: the kernel may have dropped the
  dirty pages and report success the next time. The next append begins a new segment whose name is
  the durable end, so whatever the old file holds beyond it has no offset any more.
* Files that were removed or replaced under a running writer still take bytes, which nobody would
  ever read: after each sync it is seen that both still bear their names.
* At start, bytes beyond the durable end are copied into such a new segment and synced there, not
  synced in place, for the same reason.

What makes it quick: zeros are written ahead. A sync of bytes in blocks that the file has already
writes these blocks alone; where the file grows, the file system writes its own books too. No line
has a zero byte, so zeros at the end of a file are nothing. A segment that is closed is cut.
"""

from __future__ import annotations

import contextlib
import errno
import os
from math import inf
from pathlib import Path
from time import monotonic
from typing import Final

import orjson

from allotment.journal.layout import (
    Place,
    SyncedEnd,
    segment_bases,
    segment_path,
    sync_folder,
    torn_path,
    write_all,
)

AHEAD_BYTES: Final = 512 << 10
"""So much is written ahead at once: every tenth group or so takes a millisecond more for it."""
_NEW_SEGMENT: Final = os.O_CREAT | os.O_EXCL | os.O_WRONLY


class PartitionLog:
    """Appends to one partition. Not thread-safe; the caller holds the partition's lock."""

    def __init__(self, folder: Path, *, segment_bytes: int) -> None:
        """Open or make the partition, and bring it into order after a crash.

        Raises:
            OSError: the folder cannot be read, written or synced.
        """
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._descriptor: int | None = None
        self._place: Place | None = None
        self._base = 0
        self._size = 0
        self._ahead = AHEAD_BYTES
        self.begun: float | None = None
        """When the first byte of the last segment came, by the monotonic clock; None: it has none.

        That of a segment of before the start is long ago.
        """
        folder.mkdir(parents=True, exist_ok=True)
        sync_folder(folder.parent)
        sync_folder(folder.parent.parent)
        self._synced = SyncedEnd(folder, writable=True)
        self._recover()

    @property
    def end(self) -> int:
        """The durable end."""
        return self._synced.value

    def append(self, data: bytes) -> None:
        """Make whole lines durable and readable.

        Raises:
            OSError: they are neither; a later call may succeed and takes the same offsets.
        """
        if self._descriptor is None:
            self._start_segment()
        descriptor = self._descriptor
        assert descriptor is not None  # noqa: S101 -- for the type checker
        try:
            at = self._synced.value - self._base
            write_all(descriptor, data, at)
            if at + len(data) > self._size:
                self._size = at + len(data) + self._write_ahead(descriptor, at + len(data))
            os.fdatasync(descriptor)
            self._check_place()
        except OSError:
            self._abandon()
            raise
        end = self._synced.value + len(data)
        self._synced.publish(end)
        if self.begun is None:
            self.begun = monotonic()
        if end - self._base >= self._segment_bytes:
            self._close_segment()

    def _write_ahead(self, descriptor: int, at: int) -> int:
        """Put zeros behind what the file holds; how many."""
        size = min(self._ahead, self._segment_bytes - at)
        if size <= 0:
            return 0
        try:
            write_all(descriptor, bytes(size), at)
        except OSError:
            self._ahead = 0  # a disk that is nearly full may have room for lines yet
            return 0
        return size

    def roll(self) -> None:
        """Begin a new segment, so that the last one can be dropped once all of it was read.

        Raises:
            OSError: none can be made now; a later append makes one.
        """
        self._close_segment()
        self._start_segment()

    def in_place(self) -> bool:
        """Whether the partition's folder still is the one that was opened."""
        return self._synced.in_place()

    def close(self) -> None:
        """Give up the files. Everything appended is already durable."""
        self._close_segment()
        self._synced.close()

    def _start_segment(self) -> None:
        """A new file whose name is the durable end."""
        end = self._synced.value
        path = segment_path(self._folder, end)
        # A file of that name holds no readable byte: they would all lie beyond the durable end.
        path.unlink(missing_ok=True)
        descriptor = os.open(path, _NEW_SEGMENT, 0o644)
        try:
            sync_folder(self._folder)
        except OSError:
            os.close(descriptor)
            raise
        self._take(path, descriptor, end, 0)
        self.begun = None

    def _take(self, path: Path, descriptor: int, base: int, size: int) -> None:
        """Append to this segment from now on; so large is its file."""
        self._descriptor, self._base, self._size = descriptor, base, size
        self._ahead = AHEAD_BYTES
        self._place = Place(path, descriptor)

    def _check_place(self) -> None:
        """Fail unless the bytes lie where a reader will look for them."""
        if not (self._place and self._place.kept() and self._synced.in_place()):
            raise OSError(
                errno.ENOENT,
                "the folder was removed or replaced under the running intake; put it back, or "
                "start the intake again to begin a new one",
                str(self._folder),
            )

    def _close_segment(self) -> None:
        """Cut the file to what it holds: for tidiness, the next one's name bounds it too."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, self._synced.value - self._base)
            os.close(descriptor)

    def _abandon(self) -> None:
        """Give the descriptor up."""
        with contextlib.suppress(OSError):
            self._close_segment()

    def _recover(self) -> None:
        bases = segment_bases(self._folder)
        if not bases:
            return
        base = bases[-1]
        path = segment_path(self._folder, base)
        size = path.stat().st_size
        # Only the last segment can hold unsynced bytes. The published end may lag behind after a
        # power cut, since nothing syncs it; then the last segment is read through.
        durable = max(self._synced.value, base)
        tail = _bytes_from(path, durable - base).rstrip(b"\0")
        self.begun = -inf if tail or durable > base else None
        if tail:
            self._rewrite_tail(path, base, durable, tail)
        elif base + size >= durable:
            self._synced.publish(durable)
            if durable - base < self._segment_bytes:
                self._take(path, os.open(path, os.O_WRONLY), base, size)
        # Shorter than published: bytes are lost, by no doing of ours. Their offsets are not used
        # again; the next append begins a segment at the published end.

    def _rewrite_tail(self, path: Path, base: int, durable: int, tail: bytes) -> None:
        """Keep the whole valid lines beyond the durable end, the rest aside in a `.torn` file."""
        kept = whole_lines(tail)
        if kept < len(tail):
            torn_path(self._folder, durable + kept).write_bytes(tail[kept:])
        fresh = self._folder / f"{durable:020d}.new"
        with fresh.open("wb") as file:
            file.write(tail[:kept])
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(segment_path(self._folder, durable))
        sync_folder(self._folder)
        if base != durable:
            os.truncate(path, durable - base)
        self._synced.publish(durable + kept)
        path = segment_path(self._folder, durable)
        self._take(path, os.open(path, os.O_WRONLY), durable, kept)


def _bytes_from(path: Path, at: int) -> bytes:
    with path.open("rb") as file:
        file.seek(at)
        return file.read()


def whole_lines(data: bytes) -> int:
    """How many bytes from the start are whole lines of JSON.

    It stops at the first line that is not: what was acknowledged lies before it, because a sync
    covers everything written earlier.
    """
    position = 0
    while (newline := data.find(b"\n", position)) >= 0:
        try:
            orjson.loads(data[position:newline])
        except orjson.JSONDecodeError:
            break
        position = newline + 1
    return position
