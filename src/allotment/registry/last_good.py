"""The last good answer to each question, on disk: what is served when the database cannot say."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CONFIRM_EVERY = 30.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Kept:
    """An answer as it was kept. `confirmed` is when it was last known to hold, in Unix seconds."""

    documents: tuple[dict[str, Any], ...]
    left_out: tuple[str, ...]
    version: int
    confirmed: float


def read(folder: Path, name: str) -> Kept | None:
    """The answer that was kept; None where there is none or it is damaged."""
    path = folder / f"{name}.json"
    try:
        found = json.loads(path.read_bytes())
        return Kept(
            tuple(dict(document) for document in found["documents"]),
            tuple(str(text) for text in found["left_out"]),
            int(found["version"]),
            path.stat().st_mtime,
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _LOG.warning("%s cannot be read, and is written again: %s", path, error)
        return None


def write(
    folder: Path,
    name: str,
    documents: tuple[dict[str, Any], ...],
    left_out: tuple[str, ...],
    version: int,
) -> None:
    """Keep an answer, whole or not at all. A disk that takes none costs only the next outage."""
    path = folder / f"{name}.json"
    fresh = path.with_name(f".{name}.{os.getpid()}-{threading.get_ident()}")
    text = json.dumps(
        {"version": version, "left_out": left_out, "documents": documents}, ensure_ascii=False
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        _LOG.warning("%s cannot be written: %s", path, error)
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


def confirm(folder: Path, name: str) -> bool:
    """Note that what is kept still holds; false where nothing is kept."""
    path = folder / f"{name}.json"
    try:
        if time.time() - path.stat().st_mtime > _CONFIRM_EVERY:
            os.utime(path)
    except OSError:
        return False
    return True
