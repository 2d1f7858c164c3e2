"""What a change does to people, counted where the lake knows the last day's subjects."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import pgettext

from allotment.registry import effects, public_api, storing, versions, words
from allotment.registry.effects import Seen
from allotment.registry.models import Experiment
from allotment.registry.surroundings import AnyItem

_LOG = logging.getLogger(__name__)


def between(item: AnyItem, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Sentences on what lies between two versions of an item, or a version and what is typed."""
    word = pgettext("what is sampled", "units")
    if isinstance(item, Experiment):
        word = words.subjects(item.identifier_type)
    try:
        return effects.sentences(
            before, after, book=public_api.sites(), seen=_seen(item), subjects=word
        )
    except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError) as error:
        # A record from before whole plans were kept: what changed is still told, line by line.
        _LOG.info("%s: what the change does cannot be said: %s", item.machine_name, error)
        return []


def _seen(item: AnyItem) -> Seen | None:
    """The last day's subjects of an experiment that runs; None where there are none to know."""
    if not isinstance(item, Experiment) or item.activated is None:
        return None
    # The query engine is loaded when it is first needed, as for results.
    from allotment.analysis import experiment, subjects  # noqa: PLC0415

    try:
        parsed = experiment.parse_experiment(public_api.of_analytics(item))
        day = subjects.of_last_day(settings.ALLOTMENT.lake_dir, parsed, timezone.now())
    except (OSError, ValueError, TypeError) as error:
        _LOG.warning("%s: the last day's subjects are not known: %s", item.machine_name, error)
        return None
    if day is None:
        return None
    present = storing.to_keep(item)
    return Seen(day.drawn, _at_first(item) or present, present, day.assigned)


def _at_first(item: Experiment) -> Mapping[str, Any] | None:
    """The record a day ago, or the first with which this phase was on, if that is later."""
    then = timezone.now() - timedelta(days=1)
    was_on = [
        version
        for version in versions.all_of(item)
        if version.record.get("active") and version.record.get("phase_index", 0) == item.phase
    ]
    earlier = [version for version in was_on if version.when <= then]
    found = earlier[-1:] or was_on[:1]
    return found[0].record if found else None
