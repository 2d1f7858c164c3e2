"""How segment files lie on disk.

    <topic>/<partition>/<20-digit base offset>.ndjson    records, one a line
    <topic>/<partition>/<20-digit offset>.torn           half a line that a crash left, put aside
    <topic>/<partition>/synced                           the durable end, 8 bytes
    .locks/<partition>                                   held by the writer of that partition

A segment holds the offsets from its name up to the name of the next segment, or up to the durable
end where it is the last. Bytes beyond that were never acknowledged and are nobody's; most are zeros
that the writer has put there ahead.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from allotment.journal.protocol import Partition

LOCKS: Final = ".locks"
SYNCED: Final = "synced"
_SEGMENT: Final = re.compile(r"(\d{20})\.ndjson", re.ASCII)
_TOPIC: Final = re.compile(r"[a-z0-9][a-z0-9_]{0,199}", re.ASCII)
_PARTITION: Final = re.compile(r"\d{4}", re.ASCII)
_WORD: Final = 8


def partition_dir(root: Path, partition: Partition) -> Path:
    """The folder of one partition.

    Raises:
        ValueError: the topic's name would not do as the name of a folder.
    """
    if not _TOPIC.fullmatch(partition.topic):
        raise ValueError(
            f"topic {partition.topic!r}: give lower-case letters, digits and '_', at most 200"
        )
    return root / partition.topic / f"{partition.number:04d}"


def partitions(root: Path) -> Iterator[Partition]:
    """Every partition that has a folder, ordered by topic and number."""
    if not root.is_dir():
        return
    for topic in sorted(p for p in root.iterdir() if _TOPIC.fullmatch(p.name) and p.is_dir()):
        for folder in sorted(topic.iterdir()):
            if _PARTITION.fullmatch(folder.name):
                yield Partition(topic.name, int(folder.name))


def segment_path(folder: Path, base: int) -> Path:
    """The file whose first byte has offset `base`."""
    return folder / f"{base:020d}.ndjson"


def segment_bases(folder: Path) -> list[int]:
    """The base offsets of the segments in a folder, in order."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 -- called on every read; half the cost of iterdir
    except FileNotFoundError:
        return []
    return sorted(int(match[1]) for match in map(_SEGMENT.fullmatch, names) if match)


def lock_partition(root: Path, number: int) -> int | None:
    """Hold a partition number by a descriptor, whose end frees it; None: another process has it."""
    descriptor = os.open(root / LOCKS / f"{number:04d}", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def torn_path(folder: Path, offset: int) -> Path:
    """Where what a crash left of a line beyond the durable end is put aside."""
    return folder / f"{offset:020d}.torn"


def torn_tails(folder: Path) -> Iterator[tuple[int, Path]]:
    """What was put aside in a folder, and from which offset."""
    for path in folder.glob("*.torn"):
        if path.stem.isdecimal():
            yield int(path.stem), path


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes, at: int = 0) -> None:
    """Write everything to a place in a file, or raise `OSError`.

    A disk that fills up takes a part of it first.
    """
    rest = memoryview(data)
    while rest:
        written = os.pwrite(descriptor, rest, at)
        rest, at = rest[written:], at + written


class Place:
    """An open file and its name: whether the one still is the other."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Remember which file it is; the descriptor may be closed afterwards."""
        found = os.fstat(descriptor)
        self._path, self._device, self._inode = str(path), found.st_dev, found.st_ino

    def kept(self) -> bool:
        """Whether the name still leads to that file."""
        try:
            found = os.stat(self._path)  # noqa: PTH116 -- called at every commit; a third of the cost
        except OSError:
            return False
        return found.st_ino == self._inode and found.st_dev == self._device


class SyncedEnd:
    """The durable end of one partition, shared between processes through a mapped file.

    The value is stored and loaded as one aligned machine word, so that no reader sees a half of it.
    """

    def __init__(self, folder: Path, *, writable: bool) -> None:
        """Map the file. A writer makes it, with value 0, where it is absent or damaged.

        Raises:
            FileNotFoundError: a reader finds no file.
        """
        path = folder / SYNCED
        if writable and (not path.exists() or path.stat().st_size != _WORD):
            fresh = folder / f"{SYNCED}.new"
            descriptor = os.open(fresh, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o644)
            try:
                # Real bytes: a store into a hole on a full disk would kill the process.
                write_all(descriptor, bytes(_WORD))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            fresh.replace(path)
            sync_folder(folder)
        descriptor = os.open(path, os.O_RDWR if writable else os.O_RDONLY)
        try:
            self._place = Place(path, descriptor)
            access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_READ
            self._map = mmap.mmap(descriptor, _WORD, access=access)
        finally:
            os.close(descriptor)
        self._word = memoryview(self._map).cast("Q")

    @property
    def value(self) -> int:
        """The offset after the last byte known to be on disk."""
        return _little(self._word[0])

    def publish(self, end: int) -> None:
        """Let readers go up to here. Only after the bytes are on disk."""
        self._word[0] = _little(end)

    def in_place(self) -> bool:
        """Whether the file of that name is still the one that is mapped."""
        return self._place.kept()

    def close(self) -> None:
        """Unmap. The value stays in the file."""
        self._word.release()
        self._map.close()


def _little(word: int) -> int:
    """The machine word whose bytes are the little-endian form of a number, and back."""
    if sys.byteorder == "little":
        return word
    return int.from_bytes(word.to_bytes(_WORD, "little"), "big")
