"""The made-up readers, and the signed cookie that says which of them is reading."""

from __future__ import annotations

import hmac
import os
import re
import secrets
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

COOKIE = "demo-reader"
_USER_ID = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who is logged in. `user_id` is what experiments on accounts randomize."""

    user_id: str
    name: str


READERS = (
    Reader("1", "Ada Plot"),
    Reader("2", "Bertie Marrow"),
    Reader("3", "Chandra Leaf"),
    Reader("4", "Dorothea Spade"),
    Reader("5", "Emeka Furrow"),
    Reader("6", "Fumiko Bean"),
    Reader("7", "Gwen Trellis"),
    Reader("8", "Hugo Compost"),
)


def reader_by_id(user_id: str) -> Reader | None:
    """A reader by number: one of those with a name, or any other number up to nine digits."""
    known = next((reader for reader in READERS if reader.user_id == user_id), None)
    if known is not None:
        return known
    return Reader(user_id, f"Reader {user_id}") if _USER_ID.fullmatch(user_id) else None


def sign(key: bytes, user_id: str) -> str:
    """The cookie's value for a reader."""
    return f"{user_id}.{_signature(key, user_id)}"


def verify(key: bytes, value: str) -> Reader | None:
    """The reader whom a cookie names; None for one that was not signed here."""
    user_id, _, signature = value.rpartition(".")
    if not hmac.compare_digest(signature.encode(), _signature(key, user_id).encode()):
        return None
    return reader_by_id(user_id)


def load_key(path: Path) -> bytes:
    """The signing key in a file that only its owner can read; made at the first start."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:  # another process was first
        return path.read_bytes()
    with os.fdopen(descriptor, "wb") as file:
        key = secrets.token_bytes(32)
        file.write(key)
    return key


def _signature(key: bytes, user_id: str) -> str:
    return hmac.new(key, f"demo-reader:{user_id}".encode(), sha256).hexdigest()
