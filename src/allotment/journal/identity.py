"""Which journal this is, and whose: positions in it mean nothing in another.

identity    a random id, made with the journal
lake        the id of the lake that this journal's events go to
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from allotment.journal import layout

IDENTITY: Final = "identity"
LAKE: Final = "lake"


def read_identity(root: Path) -> str | None:
    """The journal's id; None where no writer has made a journal yet."""
    return _read(root / IDENTITY)


def ensure_identity(root: Path) -> str:
    """The journal's id, made and durable where it is absent.

    Raises:
        OSError: it cannot be written, or it is gone from a journal that has segments: under a new
            id their events would go to the lake a second time.
    """
    found = read_identity(root)
    if found is not None:
        return found
    for partition in layout.partitions(root):
        if layout.segment_bases(layout.partition_dir(root, partition)):
            raise OSError(
                f"{root / IDENTITY} is missing beside segments of {partition.topic}: restore it,"
                " or move the whole folder away and begin a new journal"
            )
    _write_once(root / IDENTITY, secrets.token_hex(8))
    made = read_identity(root)
    assert made is not None  # noqa: S101 -- it has just been written
    return made


def read_lake(root: Path) -> str | None:
    """The id of the lake that has claimed the journal, or None."""
    return _read(root / LAKE)


def write_lake(root: Path, lake: str) -> None:
    """Note the lake that the journal belongs to, durably."""
    fresh = _fresh(root / LAKE, lake)
    fresh.replace(root / LAKE)
    layout.sync_folder(root)


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None


def _write_once(path: Path, text: str) -> None:
    """Give a file its content unless another process was faster; never a half of it."""
    fresh = _fresh(path, text)
    with suppress(FileExistsError):
        os.link(fresh, path)
    fresh.unlink()
    layout.sync_folder(path.parent)


def _fresh(path: Path, text: str) -> Path:
    fresh = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    try:
        layout.write_all(descriptor, f"{text}\n".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return fresh
