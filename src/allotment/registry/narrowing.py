"""What layer, holdouts and conditions leave of a site, before an experiment's traffic counts.

The traffic is a share of whoever is left. Whoever reads only the traffic expects more people than
come, and waits longer than planned.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from math import prod
from typing import Final

from django.utils.translation import gettext

from allotment.registry import holdouts
from allotment.registry.models import Experiment
from allotment.registry.plan import ExperimentPlan
from allotment.registry.rules import percent

_WHOLE: Final = Decimal(1)


def layer_share(item: Experiment) -> Decimal:
    """An experiment's part of its layer, 0 to 1; all where it is in none."""
    return _WHOLE if item.layer_id is None or item.layer_share is None else item.layer_share


def held_out(item: Experiment) -> Mapping[str, Decimal]:
    """The share that each holdout keeps out of an experiment, by the holdout's name.

    Of a row that is damaged none: pages show others beside it.
    """
    try:
        ranges = holdouts.served(item.holdouts, None)
        return {found["name"]: holdouts.share(found["end"]) for found in ranges}
    except (TypeError, KeyError, ArithmeticError):
        return {}


def part(item: Experiment) -> Decimal:
    """What layer and holdouts leave of every site's subjects, 0 to 1; each draws for itself."""
    return layer_share(item) * _left(item)


def told(item: Experiment, plan: ExperimentPlan) -> Iterator[str]:
    """One sentence for each thing that leaves fewer people than the traffic says."""
    if (share := layer_share(item)) != _WHOLE:
        yield gettext("It has %(share)s of its layer.") % {"share": percent(share)}
    if (left := _left(item)) != _WHOLE:
        yield gettext("Holdouts keep %(share)s out.") % {"share": percent(_WHOLE - left)}
    if plan.targeting:
        yield gettext("Only who meets its conditions is in it, so that fewer come.")


def _left(item: Experiment) -> Decimal:
    return prod((_WHOLE - share for share in held_out(item).values()), start=_WHOLE)
