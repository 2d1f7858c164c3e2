"""The named rules: pure functions from plans to refusals.

Each rule has a name that people can quote; `catalog.RULES` lists them. A refusal says what is
wrong, where, and how to satisfy the rule. Rules of saving hold for every stored plan; rules of a
verb hold besides, when somebody does it.
"""

from __future__ import annotations

from datetime import datetime

from allotment.contract.check.rules_names import GROUP_NAME, MACHINE_NAME
from allotment.contract.check.rules_traffic import SITE_NAME
from allotment.registry.plan import AnyPlan, ExperimentPlan
from allotment.registry.rules import holdouts, privacy, record, traffic
from allotment.registry.rules.facts import Owner, Standing, StreamFacts, Surroundings
from allotment.registry.rules.freezing import frozen
from allotment.registry.rules.moves import (
    pledges,
    state_allows,
    to_activate,
    to_approve,
    to_be_complete,
    to_change_live,
    to_decide,
    to_kill,
    to_start,
)
from allotment.registry.rules.refusal import Refusal, RuleRefusedError, percent
from allotment.registry.rules.traffic import some as some_traffic

__all__ = [
    "GROUP_NAME",
    "MACHINE_NAME",
    "SITE_NAME",
    "Owner",
    "Refusal",
    "RuleRefusedError",
    "Standing",
    "StreamFacts",
    "Surroundings",
    "percent",
    "some_traffic",
    "state_allows",
    "to_activate",
    "to_approve",
    "to_be_complete",
    "to_change_live",
    "to_decide",
    "to_kill",
    "to_save",
    "to_start",
]


def to_save(
    plan: AnyPlan, *, before: Standing | None, now: datetime, around: Surroundings | None = None
) -> tuple[Refusal, ...]:
    """What refuses that this plan is stored.

    Args:
        plan: what is to be stored.
        before: what is stored now; None for a new item.
        now: the moment.
        around: what is around it; left out, it stands alone.
    """
    around = around or Surroundings()
    found = [
        *record.names(plan, around.taken),
        *record.dates(plan),
        *record.links(plan),
        *traffic.listed(plan, around.book),
        *traffic.caps(plan, before, around),
        *traffic.where(plan, around),
        *privacy.tiers(plan, around.stream),
        *privacy.acknowledged(plan),
        *privacy.fields(plan),
        *privacy.conditions(plan),
    ]
    if isinstance(plan, ExperimentPlan):
        found += [*record.groups(plan), *record.analysis(plan)]
        found += traffic.layer(plan, before, around)
        found += [*holdouts.listed(plan, around), *holdouts.stands_alone(plan)]
    if before is not None:
        found += frozen(plan, before, around, now)
        # A live item must not be edited into what could not have been switched on.
        if before.live:
            found += pledges(plan)
            found += to_change_live(plan, before.plan, around)
    return tuple(found)
