"""The key that signs sessions: made once, kept in a file that only its owner can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

FILE_NAME = "secret_key"


def ensure(registry_dir: Path) -> str:
    """The key of this data folder; made with mode 0600 when there is none.

    Two processes that start at once agree: the file is created exclusively, the loser reads it.
    """
    path = registry_dir / FILE_NAME
    registry_dir.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text(encoding="ascii")
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48))
        file.flush()
        os.fsync(file.fileno())
    return path.read_text(encoding="ascii")


def read_or_passing(registry_dir: Path) -> str:
    """The key in the file, or one that lasts as long as this process.

    Django wants a key when its settings are imported, and an import must not write to disk.
    """
    try:
        return (registry_dir / FILE_NAME).read_text(encoding="ascii")
    except OSError:
        return secrets.token_urlsafe(48)
