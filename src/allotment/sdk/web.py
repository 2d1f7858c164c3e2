"""What the WSGI and ASGI middlewares share: ids in cookies, overrides, headers. Pure."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

from allotment.allocation import parse_overrides
from allotment.sdk import edge

BROWSER_COOKIE = "allotment-browser"
SESSION_COOKIE = "allotment-session"
OVERRIDE_PARAMETER = "mpo"
MAX_OVERRIDE_CHARS = 2048
_YEAR_SECONDS = 365 * 24 * 60 * 60
_BROWSER_ID = re.compile(r"[0-9a-f]{32}")
_SESSION_ID = re.compile(r"[0-9a-f]{20}")

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class CookieIds:
    """The two anonymous ids of a request, and the `Set-Cookie` values that make new ones last."""

    browser_id: str
    session_id: str
    set_cookies: tuple[str, ...]


def cookie_ids(cookie_header: str, *, secure: bool) -> CookieIds:
    """Read the ids from a request's `Cookie` header; make new ones for what is missing or damaged.

    Ids are random: 128 bits name a browser for a year, 80 bits a session until the browser closes.
    Scripts cannot read the first; the browser client shares the second, so that events of one
    session have one id wherever they are made.
    """
    cookies = parse_cookies(cookie_header)
    browser = cookies.get(BROWSER_COOKIE, "")
    session = cookies.get(SESSION_COOKIE, "")
    rest = "; Path=/; SameSite=Lax" + ("; Secure" if secure else "")
    new: list[str] = []
    if not _BROWSER_ID.fullmatch(browser):
        browser = secrets.token_hex(16)
        new.append(f"{BROWSER_COOKIE}={browser}; Max-Age={_YEAR_SECONDS}; HttpOnly{rest}")
    if not _SESSION_ID.fullmatch(session):
        session = secrets.token_hex(10)
        new.append(f"{SESSION_COOKIE}={session}{rest}")
    return CookieIds(browser, session, tuple(new))


def parse_cookies(header: str) -> dict[str, str]:
    """Cookies of a request by name (RFC 6265 §5.4); of two with one name the first counts.

    Unlike `http.cookies`, one odd cookie of another program does not hide the others.
    """
    found: dict[str, str] = {}
    for part in header.split(";"):
        name, separator, value = part.strip().partition("=")
        if separator:
            found.setdefault(name.strip(), value.strip().strip('"'))
    return found


def overrides_in(query: str) -> dict[str, str]:
    """Forced groups of a query string: `mpo=experiment:group;experiment2:group2`.

    One that is longer than a link by hand would be is ignored.
    """
    try:
        values = parse_qs(query, max_num_fields=200).get(OVERRIDE_PARAMETER, [])
    except ValueError:
        return {}
    text = ";".join(values)
    return parse_overrides(text) if len(text) <= MAX_OVERRIDE_CHARS else {}


def edge_groups(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Groups that an edge told with a request; several such headers are one list."""
    name = edge.HEADER.lower()
    return edge.parse_enrollments(";".join(value for key, value in headers if key.lower() == name))


def header_value(headers: Iterable[tuple[str, str]], name: str) -> str:
    """A header's value; empty where it is missing."""
    return next((value for key, value in headers if key.lower() == name), "")


def takes_head(headers: Sequence[tuple[str, str]]) -> bool:
    """Whether an answer is a page that text can be put into: HTML, not compressed."""
    kind = header_value(headers, "content-type").partition(";")[0].strip().lower()
    coding = header_value(headers, "content-encoding").strip().lower()
    return kind == "text/html" and coding in {"", "identity"}


def personal(headers: Sequence[tuple[str, str]], cookies: Sequence[str]) -> Headers:
    """Headers of an answer that is for one visitor: no shared cache may keep it.

    Validators go too: a page that is revalidated by an ETag of the text alone would keep an old
    membership.
    """
    kept = [
        (name, value)
        for name, value in headers
        if name.lower() not in {"cache-control", "vary", "etag", "last-modified"}
    ]
    kept.append(("Cache-Control", _private(headers)))
    kept.append(("Vary", _vary(headers)))
    kept.extend(("Set-Cookie", cookie) for cookie in cookies)
    return kept


def without_length(headers: Sequence[tuple[str, str]]) -> Headers:
    """The headers, but for the length of a body that may grow."""
    return [(name, value) for name, value in headers if name.lower() != "content-length"]


def _private(headers: Sequence[tuple[str, str]]) -> str:
    joined = ",".join(value for name, value in headers if name.lower() == "cache-control")
    directives = [part.strip() for part in joined.split(",") if part.strip()]
    if any(part.lower() == "no-store" for part in directives):
        return ", ".join(directives)
    shared = {"public", "private", "s-maxage", "immutable", "proxy-revalidate"}
    kept = [part for part in directives if part.partition("=")[0].strip().lower() not in shared]
    return ", ".join(["private", *kept])


def _vary(headers: Sequence[tuple[str, str]]) -> str:
    joined = ",".join(value for name, value in headers if name.lower() == "vary")
    names = [part.strip() for part in joined.split(",") if part.strip()]
    if "*" in names or any(name.lower() == "cookie" for name in names):
        return ", ".join(names)
    return ", ".join([*names, "Cookie"])
