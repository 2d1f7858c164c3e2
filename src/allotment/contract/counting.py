"""How events are counted, from the intake to the lake: by stream, minute and outcome.

The intake counts what it accepts and rejects; after a crash, and for what still waits in the
journal, the same counts are made from the lines. Both must say the same of every event.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, TypeAlias

import orjson

from allotment.contract.masking import SEALED
from allotment.contract.tables import REJECTED

Count: TypeAlias = tuple[str, str, str]
"""Stream, minute, outcome: `accepted`, `lost`, or the reason of a rejection."""

ACCEPTED: Final = "accepted"
LOST: Final = "lost"
"""The outcome of an event that was answered 202 and could not be kept."""
UNREADABLE: Final = "unreadable_in_lake"
"""The reason in `event.rejected` of a line that the intake accepted and no row can hold."""
UNKNOWN_STREAM: Final = "unknown"
"""What an event is counted under whose stream is not configured: clients make up no names here."""
NO_MINUTE: Final = ""
"""The minute of an event without a time that the lake can read."""

_TIME: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)"
    r"(?:[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|(?:([+-])(\d\d):?(\d\d)?))?)?",
    re.ASCII,
)
MINUTE_LENGTH: Final = len("2026-11-22T08:15")
"""Of a time that we wrote, so many signs are its minute."""
_USUAL_LENGTH: Final = len("2026-11-22T08:15:30.123Z")
_USUAL_REST: Final = re.compile(r":[0-5]\d\.\d{3}Z", re.ASCII)
_EPOCH: Final = date(1970, 1, 1).toordinal()
_FIRST: Final = datetime(2, 1, 1, tzinfo=UTC)
_MINUTE: Final = timedelta(minutes=1)
_MINUTES: Final = int((datetime(9999, 1, 1, tzinfo=UTC) - _FIRST) / _MINUTE)
_BEFORE: Final = date(2, 1, 1).toordinal() - _EPOCH
_HOURS, _SIXTY = 24, 60


def minute_of(time: object) -> str:
    """The UTC minute of a time as the lake reads it: `2026-11-22T08:15`.

    A leap second counts to the minute after it. Empty for what is no time, and for the years 0, 1
    and 9999.
    """
    if type(time) is not str:
        return NO_MINUTE
    if len(time) == _USUAL_LENGTH and _USUAL_REST.fullmatch(time, MINUTE_LENGTH):
        # The form that we and browsers write: all of a minute share the answer.
        return _minute_of(time[:MINUTE_LENGTH] + ":00Z")
    return _minute_of(time)


@lru_cache(maxsize=4096)  # those of a request, or of a stretch of the journal, are often the same
def _minute_of(time: str) -> str:
    match = _TIME.fullmatch(time)
    if match is None:
        return NO_MINUTE
    day, hour, minute, second, sign, hours, minutes = match.groups()
    try:
        days = date.fromisoformat(day).toordinal() - _EPOCH
    except ValueError:
        return NO_MINUTE
    since = (days * _HOURS + int(hour or 0)) * _SIXTY + int(minute or 0)
    if second == "60":
        since += 1
    offset = int(hours or 0) * _SIXTY + int(minutes or 0)
    return minute_text(since + offset if sign == "-" else since - offset)


def minute_text(since_1970: int | None) -> str:
    """The text of a minute that is given as minutes since 1970."""
    if since_1970 is None:
        return NO_MINUTE
    since = since_1970 - _BEFORE * _HOURS * _SIXTY
    if not 0 <= since < _MINUTES:
        return NO_MINUTE
    return (_FIRST + since * _MINUTE).strftime("%Y-%m-%dT%H:%M").rjust(16, "0")


def count_line(topic: str, line: bytes) -> Count:
    """What one line of a journal topic counts as."""
    return weighed_line(topic, line)[0]


def weighed_line(topic: str, line: bytes) -> tuple[Count, int]:
    """What one line of a journal topic counts as, and for how many events it stands.

    A line of the rejected ones may stand for many that were counted and not kept.
    """
    try:
        found: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        found = None
    if type(found) is not dict:
        found = {}
    if topic == REJECTED:
        events = found.get("events")
        key = (
            _stream(found.get("counted_as")),
            minute_of(found.get("received")),
            _text(found.get("reason")) or UNREADABLE,
        )
        return key, events if type(events) is int else 1
    meta = found.get("meta")
    if type(meta) is not dict:
        meta = {}
    return (_stream(meta.get("stream")), minute_of(meta.get("dt")), ACCEPTED), 1


def count_lines(topic: str, lines: bytes) -> dict[Count, int]:
    """What whole lines of a journal topic count as, each with its newline.

    What masks hide is a part of a rejected event, and no event.
    """
    counts: dict[Count, int] = {}
    if topic == SEALED:
        return counts
    for line in lines.splitlines():
        key, events = weighed_line(topic, line)
        counts[key] = counts.get(key, 0) + events
    return counts


def _stream(name: object) -> str:
    return _text(name) or UNKNOWN_STREAM


def _text(value: object) -> str | None:
    return value if type(value) is str and value else None
