"""From the bytes of a request to the events in it."""

from __future__ import annotations

import json
import re
import zlib
from functools import lru_cache
from typing import Any, Final

import orjson

from allotment.intake.request import RequestError

MEDIA_TYPES: Final = frozenset({"application/json", "text/plain", "application/reports+json"})
MOST_EVENTS: Final = 10_000
"""Real events fill the largest body long before; the faults of tiny ones take many times that."""
MENDED_BYTES: Final = 256 << 10
"""Up to this size halves of characters are mended; it takes some ten times as long as parsing."""
_BOM: Final = b"\xef\xbb\xbf"
_HALF_ESCAPED: Final = re.compile(rb"\\u[dD][89a-fA-F]")
_HALF: Final = re.compile("[\ud800-\udfff]")
_WINDOW_GZIP: Final = 31
_WINDOW_ZLIB: Final = 15
_WINDOW_RAW: Final = -15


def check_media_type(content_type: bytes | None) -> None:
    """Refuse what is not JSON in UTF-8.

    Raises:
        RequestError: 415.
    """
    problem = _media_type_problem(content_type or b"")
    if problem:
        raise RequestError(415, "unsupported_media_type", problem)


@lru_cache(maxsize=256)
def _media_type_problem(given: bytes) -> str | None:
    content_type = given.decode("utf-8", "replace")
    media, *parameters = content_type.split(";")
    if media.strip().lower() not in MEDIA_TYPES:
        return (
            f"Content-Type is {content_type[:100]!r}; "
            "send application/json, text/plain or application/reports+json"
        )
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
            if charset not in {"utf-8", "utf8", "us-ascii"}:
                return f"charset is {charset[:50]!r}; send utf-8"
    return None


class Inflation:
    """Undoes a Content-Encoding piece by piece, never making more than a body may be."""

    def __init__(self, body: bytes, encoding: bytes, max_bytes: int) -> None:
        """Begin.

        Raises:
            RequestError: 415 for an encoding not known.
        """
        self._name = encoding.decode("latin-1").strip().lower()
        self._max_bytes = max_bytes
        self._parts: list[bytes] = []
        self._size = 0
        self._rest = body
        self._inflater = zlib.decompressobj(_window(self._name, body))

    def step(self, size: int) -> bool:
        """Make up to `size` bytes more; whether that was all.

        Raises:
            RequestError: 400 for a damaged body, 413 for too large a one.
        """
        try:
            part = self._inflater.decompress(self._rest, size)
        except zlib.error as error:
            raise RequestError(400, "damaged_body", f"the body is not {self._name}: {error}") from (
                error
            )
        self._rest = self._inflater.unconsumed_tail
        self._size += len(part)
        if self._size > self._max_bytes:
            raise too_large(self._max_bytes)
        self._parts.append(part)
        if self._inflater.eof:
            if self._inflater.unused_data:
                # A further member (RFC 1952, 2.2), or a mistake: passed over it would be lost.
                raise RequestError(
                    400,
                    "damaged_body",
                    f"bytes follow the end of the {self._name} body; send it in one piece",
                )
            return True
        if len(part) < size and not self._rest:
            raise RequestError(400, "damaged_body", f"the {self._name} body ends too early")
        return False

    def data(self) -> bytes:
        """All of it."""
        return b"".join(self._parts)


def _window(name: str, body: bytes) -> int:
    """What zlib calls the form of a packed body."""
    if name in {"gzip", "x-gzip"}:
        return _WINDOW_GZIP
    if name == "deflate":
        # Some clients send the bare stream under this name: a zlib header's two bytes divide by 31.
        is_zlib = len(body) > 1 and (body[0] & 15) == 8 and (body[0] << 8 | body[1]) % 31 == 0  # noqa: PLR2004 -- RFC 1950
        return _WINDOW_ZLIB if is_zlib else _WINDOW_RAW
    raise RequestError(
        415,
        "unsupported_content_encoding",
        f"Content-Encoding is {name[:50]!r}; send gzip, deflate or none",
    )


def is_packed(encoding: bytes | None) -> bool:
    """Whether a Content-Encoding must be undone."""
    return encoding is not None and encoding.strip().lower() not in {b"", b"identity"}


def too_large(max_bytes: int) -> RequestError:
    """The refusal of a body above the limit."""
    return RequestError(
        413, "body_too_large", f"the body is larger than {max_bytes} bytes; send smaller batches"
    )


def parse_events(body: bytes) -> list[Any]:
    """The events of a body: the elements of an array, or one object. Never empty.

    Raises:
        RequestError: 400, or 413 for more than `MOST_EVENTS`.
    """
    body = body.removeprefix(_BOM)
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        parsed = _parse_damaged(body, error)
    if isinstance(parsed, dict | list):
        if not parsed:
            raise _empty()
        if isinstance(parsed, dict):
            return [parsed]
        if len(parsed) > MOST_EVENTS:
            raise RequestError(
                413,
                "too_many_events",
                f"the body has {len(parsed)} events; send at most {MOST_EVENTS} in one",
            )
        return parsed
    raise RequestError(
        400, "malformed_json", "the body is one JSON value; send an object or an array"
    )


def _empty() -> RequestError:
    return RequestError(400, "empty_body", "there is no event in the body")


def _parse_damaged(body: bytes, error: orjson.JSONDecodeError) -> object:
    """Once more with what is no character replaced, as every intake of this protocol does.

    That is bytes that are not UTF-8, and halves of a pair of escapes (`\\ud83d` alone): a browser
    sends one where a text was cut in the middle of an emoji, and it must not cost the whole batch.
    """
    if not body.strip():
        raise _empty()
    text = body.decode("utf-8", "replace")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    if len(body) <= MENDED_BYTES and _HALF_ESCAPED.search(body):
        try:
            # It knows halves, and whatever else it allows the parser refuses then.
            halves = json.dumps(json.loads(text), ensure_ascii=False)
            return orjson.loads(_HALF.sub("\ufffd", halves))
        except (ValueError, RecursionError):
            pass
    raise RequestError(400, "malformed_json", f"the body is not JSON: {error}") from None
