"""From the bytes of a request to the events in it."""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import Any, Final

import orjson

MEDIA_TYPES: Final = frozenset({"application/json", "text/plain", "application/reports+json"})
_BOM: Final = b"\xef\xbb\xbf"
_WINDOW_GZIP: Final = 31
_WINDOW_ZLIB: Final = 15
_WINDOW_RAW: Final = -15


class BodyError(Exception):
    """A request whose body holds no events that can be read."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


def check_media_type(content_type: str | None) -> None:
    """Refuse what is not JSON in UTF-8.

    Raises:
        BodyError: 415.
    """
    problem = _media_type_problem(content_type or "")
    if problem:
        raise BodyError(415, "unsupported_media_type", problem)


@lru_cache(maxsize=256)
def _media_type_problem(content_type: str) -> str | None:
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


def inflate(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Undo a Content-Encoding, never making more than `max_bytes`.

    Raises:
        BodyError: 415 for an encoding not known, 400 for a damaged body, 413 for too large a one.
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return body
    if name in {"gzip", "x-gzip"}:
        window = _WINDOW_GZIP
    elif name == "deflate":
        # Some clients send the bare stream under this name: a zlib header's two bytes divide by 31.
        is_zlib = len(body) > 1 and (body[0] & 15) == 8 and (body[0] << 8 | body[1]) % 31 == 0  # noqa: PLR2004 -- RFC 1950
        window = _WINDOW_ZLIB if is_zlib else _WINDOW_RAW
    else:
        raise BodyError(
            415,
            "unsupported_content_encoding",
            f"Content-Encoding is {encoding[:50]!r}; send gzip, deflate or none",
        )
    inflater = zlib.decompressobj(window)
    try:
        data = inflater.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise BodyError(400, "damaged_body", f"the body is not {name}: {error}") from error
    if len(data) > max_bytes:
        raise too_large(max_bytes)
    if not inflater.eof:
        raise BodyError(400, "damaged_body", f"the {name} body ends too early")
    return data


def too_large(max_bytes: int) -> BodyError:
    """The refusal of a body above the limit."""
    return BodyError(
        413, "body_too_large", f"the body is larger than {max_bytes} bytes; send smaller batches"
    )


def parse_events(body: bytes) -> list[Any]:
    """The events of a body: the elements of an array, or one object. Never empty.

    Raises:
        BodyError: 400.
    """
    body = body.removeprefix(_BOM)
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        parsed = _parse_damaged(body, error)
    if isinstance(parsed, dict | list):
        if parsed:
            return parsed if isinstance(parsed, list) else [parsed]
        raise _empty()
    raise BodyError(400, "malformed_json", "the body is one JSON value; send an object or an array")


def _empty() -> BodyError:
    return BodyError(400, "empty_body", "there is no event in the body")


def _parse_damaged(body: bytes, error: orjson.JSONDecodeError) -> object:
    """Once more with bytes that are not UTF-8 replaced, as every intake of this protocol does."""
    if not body.strip():
        raise _empty()
    text = body.decode("utf-8", "replace")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BodyError(400, "malformed_json", f"the body is not JSON: {error}") from None
