"""A request as the handlers see it."""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from urllib.parse import unquote, urlsplit

_LONGEST_REMEMBERED: Final = 256


class RequestError(Exception):
    """A request that is none, or whose body holds no events that can be read."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


class Request:
    """One request, its body read."""

    __slots__ = ("body", "headers", "held", "keep_alive", "method", "path", "problem", "query")

    def __init__(self, method: str, target: bytes, headers: dict[bytes, bytes]) -> None:
        """Take the head; the connection adds the body.

        Raises:
            RequestError: 400, the target is no path.
        """
        self.method = method
        self.path, self.query = (
            _split(target) if len(target) <= _LONGEST_REMEMBERED else split_target(target)
        )
        self.headers = headers
        """By name in lower case; of a header that comes twice the first."""
        self.body = b""
        self.problem: RequestError | None = None
        """Why the body is not there."""
        self.held = 0
        """How many bytes of memory are counted for it."""
        self.keep_alive = True

    def header(self, name: str) -> str | None:
        """The value of a header by its name in lower case; None where it is not there."""
        value = self.headers.get(name.encode())
        return None if value is None else value.decode("utf-8", "replace")


def split_target(target: bytes) -> tuple[str, str]:
    """The path, its escapes undone, and the query of a request's target.

    A target may be a whole URL (RFC 9112, 3.2.2): whoever asks like a proxy must be understood.

    Raises:
        RequestError: 400, it is neither.
    """
    text = target.decode("latin-1")
    if not text.startswith("/"):
        try:
            parts = urlsplit(text)
        except ValueError:
            raise _no_path() from None
        if not parts.netloc and text != "*":
            raise _no_path()
        return unquote(parts.path) or "/", parts.query
    path, _, query = text.partition("?")
    return unquote(path.partition("#")[0]), query.partition("#")[0]


_split = lru_cache(maxsize=256)(split_target)


def _no_path() -> RequestError:
    return RequestError(400, "bad_request", "the request's target is no path")
