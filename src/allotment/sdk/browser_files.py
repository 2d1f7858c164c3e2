"""The browser scripts that ship inside the package, and how they are served."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

PREFIX = "/_allotment/"
SCRIPT = "allotment.js"
_FOLDER = Path(__file__).with_name("browser")
_SERVED = re.compile(r"[A-Za-z]+\.m?js")
_ALWAYS = "public, max-age=31536000, immutable"
_SHORT = "public, max-age=300"


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """An answer to a request for one of the scripts."""

    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def status_line(self) -> str:
        """As WSGI wants it: `200 OK`."""
        return f"{self.status} {self.reason}"


def script_url(name: str = SCRIPT) -> str:
    """The script's address on the site; it names the content's version and may be kept for ever."""
    found = _read(name)
    return f"{PREFIX}{name}?v={found[1]}" if found else f"{PREFIX}{name}"


def serve(method: str, path: str, query: str, headers: Mapping[str, str]) -> FileAnswer | None:
    """Answer a request under `/_allotment/`; None for any other path.

    Args:
        headers: the request's, by lower-case name.
    """
    if not path.startswith(PREFIX):
        return None
    if method not in {"GET", "HEAD"}:
        return _text(405, "Method Not Allowed", "only GET and HEAD", ("Allow", "GET, HEAD"))
    name = path.removeprefix(PREFIX)
    found = _read(name) if _SERVED.fullmatch(name) else None
    if found is None:
        return _text(404, "Not Found", f"{name} is no script of this package")
    body, version = found
    etag = f'"{version}"'
    kept = (
        ("ETag", etag),
        ("Cache-Control", _ALWAYS if f"v={version}" in query.split("&") else _SHORT),
        ("X-Content-Type-Options", "nosniff"),
    )
    asked = [tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")]
    if etag in asked or "*" in asked:
        return FileAnswer(304, "Not Modified", kept, b"")
    return FileAnswer(
        200,
        "OK",
        (
            *kept,
            ("Content-Type", "text/javascript; charset=utf-8"),
            ("Content-Length", str(len(body))),
        ),
        b"" if method == "HEAD" else body,
    )


def _read(name: str) -> tuple[bytes, str] | None:
    """A script's bytes and version, read again when the file on disk has changed."""
    try:
        return _read_at(name, (_FOLDER / name).stat().st_mtime_ns)
    except FileNotFoundError:
        return None


@lru_cache(maxsize=32)
def _read_at(name: str, _changed_ns: int) -> tuple[bytes, str]:
    body = (_FOLDER / name).read_bytes()
    return body, sha256(body).hexdigest()[:16]


def _text(status: int, reason: str, text: str, *headers: tuple[str, str]) -> FileAnswer:
    body = f"{text}\n".encode()
    return FileAnswer(
        status,
        reason,
        (
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
            *headers,
        ),
        body,
    )
