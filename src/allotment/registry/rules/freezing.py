"""What is frozen when (law 6): one table, read by the rules, the form and the documentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext, gettext_noop

from allotment.registry import words
from allotment.registry.plan import AnyPlan, ExperimentPlan
from allotment.registry.rules.facts import Standing, Surroundings
from allotment.registry.rules.holdouts import narrowed
from allotment.registry.rules.refusal import Refusal, moment
from allotment.registry.rules.traffic import lowered
from allotment.registry.states import State


class From(StrEnum):
    """Since when a field is fixed, or how it may still move."""

    FIRST = "from the first start, in every phase"
    PHASE = "from the start of the phase; a relaunch frees it"
    BEGUN = "once the start has passed"
    OVER = "once it has stopped"
    GROWS = "from the start of the phase it can only grow"


@dataclass(frozen=True)
class Frozen:
    """One row: the field, its words, since when it is fixed, why, and for which kinds."""

    field: str
    words: str
    since: From
    why: str
    kinds: tuple[str, ...] = ("experiment",)
    fill: bool = False
    value: Callable[[Any], Any] | None = None


_BOTH = ("experiment", "instrument")
_WHO_MET_WHAT = gettext_noop("it decided who met what")
_BEFOREHAND = gettext_noop(
    "what is promised before the first look keeps its worth only if it stays"
)
TABLE: tuple[Frozen, ...] = (
    Frozen(
        "machine_name",
        gettext_noop("the machine name"),
        From.FIRST,
        gettext_noop("code asks for it by name"),
        _BOTH,
    ),
    Frozen(
        "identifier_type",
        gettext_noop("who is put into a group"),
        From.FIRST,
        gettext_noop("code passes this kind of id"),
    ),
    Frozen(
        "groups",
        gettext_noop("the groups"),
        From.PHASE,
        _WHO_MET_WHAT,
        value=lambda g: [x.name for x in g],
    ),
    Frozen(
        "groups",
        gettext_noop("the groups' weights"),
        From.PHASE,
        _WHO_MET_WHAT,
        value=lambda g: {x.name: x.weight for x in g},
    ),
    Frozen(
        "targeting",
        gettext_noop("who it is for"),
        From.PHASE,
        _WHO_MET_WHAT,
        value=lambda found: sorted(map(repr, found)),
    ),
    Frozen("layer", gettext_noop("the layer"), From.PHASE, _WHO_MET_WHAT),
    Frozen(
        "layer_share",
        gettext_noop("its part of the layer"),
        From.GROWS,
        gettext_noop("people would lose their group"),
    ),
    Frozen(
        "holds_out",
        gettext_noop("what it is a holdout of"),
        From.GROWS,
        gettext_noop("people who were held out would be no longer"),
    ),
    Frozen(
        "sites",
        gettext_noop("the traffic of a site"),
        From.GROWS,
        gettext_noop("people would lose their group"),
    ),
    Frozen(
        "default_rate",
        gettext_noop("the traffic of all other sites"),
        From.GROWS,
        gettext_noop("people would lose their group"),
    ),
    Frozen(
        "environments",
        gettext_noop("the environments"),
        From.GROWS,
        gettext_noop("people would lose their group"),
    ),
    Frozen("hypothesis", gettext_noop("the hypothesis"), From.PHASE, _BEFOREHAND, fill=True),
    Frozen(
        "primary_metric", gettext_noop("the primary metric"), From.PHASE, _BEFOREHAND, fill=True
    ),
    Frozen("guardrails", gettext_noop("the guardrails"), From.PHASE, _BEFOREHAND, fill=True),
    Frozen(
        "minimum_effect", gettext_noop("the smallest change"), From.PHASE, _BEFOREHAND, fill=True
    ),
    Frozen("planned_size", gettext_noop("the planned size"), From.PHASE, _BEFOREHAND, fill=True),
    Frozen(
        "planned_days", gettext_noop("the planned run time"), From.PHASE, _BEFOREHAND, fill=True
    ),
    Frozen("decision_rule", gettext_noop("the decision rule"), From.PHASE, _BEFOREHAND),
    Frozen(
        "start",
        gettext_noop("the start"),
        From.BEGUN,
        gettext_noop("its events count from there"),
        _BOTH,
    ),
    Frozen(
        "end",
        gettext_noop("the end"),
        From.OVER,
        gettext_noop("whoever has seen the result must not lengthen the experiment"),
    ),
)
DESCRIBING = frozenset(
    {"name", "description", "owners", "contact", "purpose", "task", "links", "synthetic_note"}
)
"""The fields that people alone read: free in every state, and no approval hangs on them."""


def frozen_fields(kind: str, standing: Standing | None) -> frozenset[str]:
    """The fields that the form shows locked."""
    if standing is None:
        return frozenset()
    return frozenset(
        row.field
        for row in TABLE
        if kind in row.kinds
        and row.since is not From.GROWS
        and _holds(row, standing)
        and not (row.fill and not getattr(standing.plan, row.field))
    )


def frozen(
    plan: AnyPlan, before: Standing, around: Surroundings, now: datetime
) -> Iterator[Refusal]:
    """What an edit would change although it is fixed."""
    kind = "experiment" if isinstance(plan, ExperimentPlan) else "instrument"
    if before.state is State.ARCHIVED or before.state is State.DECIDED:
        yield from _closed(plan, before)
        return
    said: set[str] = set()
    for row in TABLE:
        if kind not in row.kinds or row.since is From.GROWS or not _holds(row, before):
            continue
        was, becomes = getattr(before.plan, row.field), getattr(plan, row.field)
        if row.value is not None:
            was, becomes = row.value(was), row.value(becomes)
        if was == becomes or row.field in said or (row.fill and not was):
            continue
        said.add(row.field)
        yield _refusal(row, before)
    if before.activated and isinstance(plan, ExperimentPlan):
        yield from lowered(plan, before, around.book)
        yield from _fewer_environments(plan, before)
        yield from narrowed(plan, before)
    yield from _live_dates(plan, before, now)


def _holds(row: Frozen, before: Standing) -> bool:
    if row.since is From.FIRST:
        return before.ever
    if row.since is From.BEGUN:
        return before.started or before.state is State.STOPPED
    if row.since is From.OVER:
        return before.state is State.STOPPED
    return before.activated


def _refusal(row: Frozen, before: Standing) -> Refusal:
    if row.since is From.BEGUN:
        return Refusal(
            "start-stays",
            "start",
            gettext("the start cannot move once it has passed"),
            gettext("It started %(start)s, and its events count from there.")
            % {"start": moment(before.plan.start)},
            gettext("Put the start back."),
        )
    if row.since is From.OVER:
        return Refusal(
            "end-stays",
            "end",
            gettext("the end cannot move once it has stopped"),
            gettext("It was to end %(end)s, and %(why)s.")
            % {"end": moment(before.plan.end), "why": gettext(row.why)},
            gettext("Put the end back; to go on, relaunch it as a new phase."),
        )
    if row.since is From.FIRST:
        remedy = gettext("Put back what stood here, or make a new item with another name.")
    else:
        remedy = gettext(
            "Put back what stood here; to change it, stop and relaunch it as a new phase."
        )
    return Refusal(
        "live-is-frozen",
        row.field,
        gettext("%(words)s cannot change any more") % {"words": gettext(row.words)},
        gettext("It has been switched on, and %(why)s.") % {"why": gettext(row.why)},
        remedy,
    )


def _closed(plan: AnyPlan, before: Standing) -> Iterator[Refusal]:
    archived = before.state is State.ARCHIVED
    for name in plan.__dataclass_fields__:
        if name not in DESCRIBING and getattr(plan, name) != getattr(before.plan, name):
            yield Refusal(
                "closed-stays",
                name,
                gettext("it is %(state)s") % {"state": words.inside(before.state)},
                gettext("What is in the archive is not edited.")
                if archived
                else gettext("The decision was taken on what stands here."),
                gettext("Bring it back from the archive first.")
                if archived
                else gettext("Put it back, or relaunch it as a new phase."),
            )


def _fewer_environments(plan: AnyPlan, before: Standing) -> Iterator[Refusal]:
    gone = [name for name in before.plan.environments if name not in plan.environments]
    if gone:
        yield Refusal(
            "environments-only-grow",
            "environments",
            gettext("this would end it in %(gone)s") % {"gone": gettext(" and ").join(gone)},
            gettext("People there have met their group and would lose it."),
            gettext("Choose the environment again, or stop the experiment."),
        )


def _live_dates(plan: AnyPlan, before: Standing, now: datetime) -> Iterator[Refusal]:
    if not before.live:
        return
    if not before.started and (plan.start is None or plan.start <= now):
        yield Refusal(
            "start-in-future",
            "start",
            gettext("this would start it"),
            gettext("It waits for its start, and editing never switches on."),
            gettext("Choose a later start, or use Start now on its page."),
        )
    if plan.end <= now:
        yield Refusal(
            "end-in-future",
            "end",
            gettext("this would stop it"),
            gettext("%(end)s has passed, and editing never switches off.")
            % {"end": moment(plan.end)},
            gettext("Choose a later end, or use Stop now on its page."),
        )
