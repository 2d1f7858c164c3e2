"""Which client library sent a request, as it says itself.

A header `X-Allotment-SDK: python/0.1.0`, or a parameter `sdk=js/0.1.0` of the address: beacons, by
which browsers send what a page has left, cannot set headers.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from allotment.intake.enrichment import Header

HEADER: Final = "x-allotment-sdk"
PARAMETER: Final = "sdk"
_SENDER: Final = re.compile(r"([A-Za-z0-9._-]{1,40})/([A-Za-z0-9._+-]{1,40})", re.ASCII)


class Sender(NamedTuple):
    """A client library; None where the request names none, or nothing that can be one."""

    sdk: str | None = None
    version: str | None = None


NOBODY: Final = Sender()


def nobody() -> Sender:
    """The sender of a request that says nothing about it."""
    return NOBODY


def sender(header: Header, query: str) -> Sender:
    """The sender that a request names; the header goes before the address."""
    named = header(HEADER)
    if named is None and query:
        named = dict(parse_qsl(query)).get(PARAMETER)
    match = _SENDER.fullmatch(named) if named else None
    return Sender(match[1], match[2]) if match else NOBODY
