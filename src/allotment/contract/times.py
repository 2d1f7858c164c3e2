"""Times as events carry them, and looser forms that old clients were allowed, rewritten to that.

The published schemas were held to a lenient check of `date-time`: any one white space for the `T`,
and an offset written `+HHMM` or `+HH`. The lake reads RFC 3339, so such a time is rewritten, to the
same instant. A time that names no instant (month 13, February 30) stays as it is and is refused.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from allotment.contract.schema_fields import AnyPath, places, spots

_LOOSE: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt\s](\d\d:\d\d:\d\d(?:\.\d+)?)(?:([Zz])|([+-]\d\d)(?::?(\d\d))?)", re.ASCII
)


def time_text(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, cut and not rounded: `2026-11-22T02:55:09.429Z`.

    The SDK and the journal, which import no other room, write times of the same form.
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def now_text() -> str:
    """The time of now in that form; quick, since every request is given one."""
    return _text_of(time.time_ns() // 1_000_000)


@lru_cache(maxsize=2)  # many requests come within a millisecond
def _text_of(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=2)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def time_paths(schema: dict[str, Any]) -> tuple[AnyPath, ...]:
    """Where an event of this schema holds times."""
    return tuple(path for path, node in places(schema) if node.get("format") == "date-time")


def normalize_time(text: str) -> str:
    """RFC 3339 for a time in a looser form; any other text unchanged."""
    match = _LOOSE.fullmatch(text)
    if match is None:
        return text
    day, clock, utc, hours, minutes = match.groups()
    offset = "Z" if utc else f"{hours}:{minutes or '00'}"
    return f"{day}T{clock}{offset}"


def normalize_times(event: dict[str, Any], paths: Sequence[AnyPath]) -> bool:
    """Rewrite the times of an event in place. Whether anything changed."""
    changed = False
    for path in paths:
        for owner, key in spots(event, path):
            text = owner[key] if isinstance(key, int) else owner.get(key)
            if isinstance(text, str):
                better = normalize_time(text)
                if better != text:
                    owner[key] = better
                    changed = True
    return changed
