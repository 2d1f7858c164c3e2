"""Whether an item's events arrive, in signs and words: for its health, and for who installs it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from allotment.contract.tables import table_name
from allotment.registry import numbers
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import Experiment

if TYPE_CHECKING:  # the query engine takes a second to load
    from allotment.analysis.arrivals import Arrivals

_LOG = logging.getLogger(__name__)
_ENOUGH = 50
"""So many events of one group make the silence of another one telling."""


@dataclass(frozen=True)
class Sign:
    """One thing seen: its tone and icon, and a sentence."""

    tone: str
    icon: str
    text: str


def lately(item: AnyItem, now: datetime) -> Arrivals | None:
    """The item's events of the last day; None where they cannot be known quickly."""
    if not settings.ALLOTMENT.lake_dir.is_dir():
        return None
    import duckdb  # noqa: PLC0415
    from pyiceberg.exceptions import NoSuchTableError  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    from allotment.analysis import arrivals  # noqa: PLC0415

    source = arrivals.Source(
        name=item.machine_name,
        stream=item.stream.name,
        table=f"event.{table_name(item.stream.schema_title)}",
        experiment=isinstance(item, Experiment),
    )
    try:
        return arrivals.of_last_day(settings.ALLOTMENT.lake_dir, source, now)
    except (OSError, ValueError, LookupError, duckdb.Error, SQLAlchemyError, NoSuchTableError):
        _LOG.exception("%s: its events of the last day cannot be counted", item.machine_name)
        return None


def signs(found: Arrivals | None, groups: Sequence[str]) -> list[Sign]:
    """What the last day tells; `groups` are an experiment's, none for an instrument."""
    if found is None:
        return [Sign("muted", "open", _("How many events came in the last day is not known."))]
    return [_arrived(found, groups), *_forced(found), *_refused(found)]


def _arrived(found: Arrivals, groups: Sequence[str]) -> Sign:
    total = sum(found.parts.values())
    if not total:
        return Sign("warn", "warn", _("No event of it has arrived in the last day."))
    silent = [group for group in groups if not found.parts.get(group)]
    if silent and total >= _ENOUGH:
        text = _("Nothing arrives from %(groups)s: is it measured there?")
        return Sign("bad", "bad", text % {"groups": ", ".join(silent)})
    if silent:
        text = _("Events arrive, but none from %(groups)s yet.")
        return Sign("warn", "warn", text % {"groups": ", ".join(silent)})
    text = ngettext(
        "Events arrive from every group: %(many)s in the last day.",
        "Events arrive from every group: %(many)s in the last day.",
        total,
    )
    if not groups:
        text = ngettext(
            "Events arrive: %(many)s in the last day.",
            "Events arrive: %(many)s in the last day.",
            total,
        )
    return Sign("good", "good", text % {"many": numbers.whole(total)})


def _forced(found: Arrivals) -> Iterator[Sign]:
    if found.forced:
        text = ngettext(
            "%(many)s event of a forced group arrived; it is never counted.",
            "%(many)s events of forced groups arrived; they are never counted.",
            found.forced,
        )
        yield Sign("muted", "open", text % {"many": numbers.whole(found.forced)})


def _refused(found: Arrivals) -> Iterator[Sign]:
    many = sum(count for _reason, count in found.refused)
    if not many:
        yield Sign("good", "good", _("No event was refused in the last day."))
        return
    text = ngettext(
        "%(many)s event was refused in the last day; it is kept and can be mended.",
        "%(many)s events were refused in the last day; they are kept and can be mended.",
        many,
    )
    yield Sign("bad", "bad", text % {"many": numbers.whole(many)})
