"""The rows about holdouts on an experiment's page: `{% holdout_rows item plan %}`."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone

from allotment.registry import holdouts
from allotment.registry.models import Experiment
from allotment.registry.plan import ExperimentPlan
from allotment.registry.surroundings import Neighborhood

register = template.Library()


@register.inclusion_tag("registry/holdout_rows.html")
def holdout_rows(item: Experiment, plan: ExperimentPlan) -> dict[str, Any]:
    """Who is kept out of an experiment; of a holdout, whom it keeps out of what, and of what not.

    `within` are the experiments that are on and have taken it, `without` those that it covers but
    that were on before.
    """
    rows = {
        "kept_out": [(found["name"], holdouts.share(found["end"])) for found in item.holdouts],
        "covers": plan.holds_out,
    }
    if not plan.holds_out:
        return rows
    around = Neighborhood(timezone.now())
    within, without = around.held_by(plan)
    weights = [group.weight for group in plan.groups]
    return rows | {
        "group": plan.groups[0].name if plan.groups else "",
        "share": holdouts.share_of(weights),
        "within": within,
        "without": without,
    }
