"""Times as people read them: in the reader's zone, with UTC beside it.

The reader's zone and language are those of the request that is being answered; outside of one they
are UTC and English.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils import timezone
from django.utils.dateformat import format as written
from django.utils.translation import pgettext


@dataclass(frozen=True)
class Shown:
    """One moment in two zones.

    `local` names its zone; `universal` is "" where the reader's zone is UTC, or as good as it.
    `stamp` is for machines.
    """

    local: str
    universal: str
    stamp: str


def shown(when: datetime, *, weekday: bool = True) -> Shown:
    """A moment in the reader's zone, and in UTC; that has a day of its own only where it differs.

    Raises:
        ValueError: it has no zone.
    """
    local = timezone.localtime(when)
    universal = when.astimezone(UTC)
    stamp = f"{universal:%Y-%m-%dT%H:%MZ}"
    form = pgettext("date format", "D j M Y, H:i") if weekday else _without_weekday()
    if timezone.get_current_timezone_name() == "UTC" or not local.utcoffset():
        return Shown(f"{written(local, form)} UTC", "", stamp)
    same_day = universal.date() == local.date()
    other = written(universal, "H:i" if same_day else pgettext("date format", "D j H:i"))
    return Shown(f"{written(local, form)} {local.tzname() or ''}".strip(), f"{other} UTC", stamp)


def _without_weekday() -> str:
    return pgettext("date format", "j M Y, H:i")


def spoken(when: datetime) -> str:
    """A moment inside a sentence: `26 Nov 2026, 10:00 CET (09:00 UTC)`."""
    found = shown(when, weekday=False)
    return f"{found.local} ({found.universal})" if found.universal else found.local


def day(when: datetime) -> str:
    """The day of a moment in the reader's zone: `26 Nov 2026`."""
    return written(timezone.localtime(when), pgettext("date format", "j M Y"))
