"""The answers of the intake: status, headers, body."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from allotment.intake.request import RequestError

Headers: TypeAlias = tuple[tuple[str, str], ...]

CORS: Final[Headers] = (
    ("access-control-allow-origin", "*"),
    ("access-control-allow-methods", "POST, OPTIONS"),
    (
        "access-control-allow-headers",
        "accept, content-type, content-encoding, x-requested-with, x-request-id, x-allotment-sdk",
    ),
    ("access-control-expose-headers", "etag"),
    ("access-control-max-age", "86400"),
)
EMPTY_HEADERS: Final[Headers] = (("access-control-allow-origin", "*"),)
JSON_HEADERS: Final[Headers] = (
    *EMPTY_HEADERS,
    ("content-type", "application/json"),
    ("x-content-type-options", "nosniff"),
)
_PROBLEM_HEADERS: Final[Headers] = (
    *EMPTY_HEADERS,
    ("content-type", "application/problem+json"),
    ("x-content-type-options", "nosniff"),
)
_TITLES: Final = {
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    408: "Request Timeout",
    413: "Content Too Large",
    414: "URI Too Long",
    415: "Unsupported Media Type",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
_REASONS: Final = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No Content",
    207: "Multi-Status",
    **_TITLES,
}
_NO_CONTENT: Final = 204
_LONGEST_MESSAGE: Final = 500
_NONE: Final[Mapping[str, Any]] = MappingProxyType({})
RETRY_AFTER_SECONDS: Final = 5
SENDING: Final = "POST, OPTIONS"
"""The methods of a path that takes events."""
READING: Final = "GET, HEAD"
"""The methods of any other path."""
UNAVAILABLE: Final = 503


class Answer(NamedTuple):
    """What goes back. An empty body has no content type."""

    status: int
    headers: Headers
    body: bytes = b""


CREATED: Final = Answer(201, EMPTY_HEADERS)
HASTY: Final = Answer(202, EMPTY_HEADERS)
PREFLIGHT: Final = Answer(204, (*CORS, ("allow", SENDING)))


def text_answer(text: str, content_type: str) -> Answer:
    """A body that is plain text."""
    headers = (
        *EMPTY_HEADERS,
        ("content-type", content_type),
        ("x-content-type-options", "nosniff"),
    )
    return Answer(200, headers, text.encode())


ROBOTS: Final = text_answer("User-agent: *\nDisallow: /\n", "text/plain; charset=utf-8")


def json_answer(status: int, value: Any) -> Answer:  # noqa: ANN401 -- any JSON value
    """A JSON body."""
    return Answer(status, JSON_HEADERS, orjson.dumps(value))


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    method: str,
    uri: str,
    extra: Headers = (),
    members: Mapping[str, Any] = _NONE,
) -> Answer:
    """A problem document (RFC 9457) with the members that this protocol's intakes have.

    Args:
        status: of the answer.
        code: which problem, for programs.
        detail: what is wrong and what to do.
        method: of the request.
        uri: its path.
        extra: further headers.
        members: further members of the document.
    """
    body = {
        "status": status,
        "type": code,
        "title": _TITLES.get(status, "Error"),
        "detail": detail,
        "method": method,
        "uri": uri,
        **members,
    }
    return Answer(status, (*_PROBLEM_HEADERS, *extra), orjson.dumps(body))


def unavailable(detail: str, *, method: str, uri: str) -> Answer:
    """503: nothing was acknowledged, try again."""
    return problem(
        UNAVAILABLE,
        "unavailable",
        detail,
        method=method,
        uri=uri,
        extra=(("retry-after", str(RETRY_AFTER_SECONDS)),),
    )


def refusal(error: RequestError, *, method: str, uri: str) -> Answer:
    """The problem document of a request that was refused as a whole."""
    if error.status == UNAVAILABLE:
        return unavailable(error.detail, method=method, uri=uri)
    return problem(error.status, error.code, error.detail, method=method, uri=uri)


def outcome_answer(
    accepted: int,
    invalid: list[Any],
    errors: list[Any],
    reasons: Collection[str],
    *,
    method: str,
    uri: str,
) -> Answer:
    """201 when all were accepted, 207 when some, 400 when none.

    Where none was accepted and some could not be held against a schema, it is a problem document
    that has the lists beside, as clients of this protocol read them.

    Args:
        accepted: how many were.
        invalid: those that break their schema, as they are shown.
        errors: those that are refused for something else.
        reasons: for which any was refused.
        method: of the request.
        uri: its path.
    """
    if not invalid and not errors:
        return CREATED
    if accepted:
        return json_answer(207, {"invalid": invalid, "error": errors})
    if not errors:
        return json_answer(400, {"invalid": invalid})
    detail: str = errors[0]["context"]["message"][:_LONGEST_MESSAGE]
    if len(invalid) + len(errors) > 1:
        detail = (
            f"none of {len(invalid) + len(errors)} events was accepted, see invalid and error;"
            f" the first error is: {detail}"
        )
    (code,) = reasons if len(reasons) == 1 else ("events_refused",)
    lists = {"invalid": invalid, "error": errors}
    return problem(400, code, detail, method=method, uri=uri, members=lists)


@lru_cache(maxsize=64)
def _head(status: int, headers: Headers) -> bytes:
    """Status line and headers, without the empty line that ends them."""
    lines = [f"HTTP/1.1 {status} {_REASONS[status]}", *(f"{name}: {v}" for name, v in headers)]
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1")


@lru_cache(maxsize=64)
def _head_without_body(status: int, headers: Headers) -> bytes:
    length = () if status == _NO_CONTENT else (("content-length", "0"),)
    return _head(status, (*headers, *length))


def encode(answer: Answer, more: bytes, *, head_only: bool = False) -> bytes:
    """An answer as it goes over the wire.

    Args:
        answer: its headers are remembered in this form, so they must not be made up by clients.
        more: further header lines, each with its line end.
        head_only: leave the body out, as for HEAD.
    """
    body = answer.body
    if not body:
        return b"%b%b\r\n" % (_head_without_body(answer.status, answer.headers), more)
    return b"%b%bcontent-length: %d\r\n\r\n%b" % (
        _head(answer.status, answer.headers),
        more,
        len(body),
        b"" if head_only else body,
    )
