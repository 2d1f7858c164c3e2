"""What every change to an item goes through: one transaction, the latest row, the rules' answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar, cast

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from allotment.registry import plan as plans
from allotment.registry import rules
from allotment.registry.models import ConfigurationVersion, Experiment, Instrument
from allotment.registry.plan import AnyPlan, ExperimentPlan
from allotment.registry.rules import Refusal, RuleRefusedError
from allotment.registry.rules.freezing import DESCRIBING
from allotment.registry.shown import Show
from allotment.registry.states import Stage, State
from allotment.registry.surroundings import AnyItem, range_of

T = TypeVar("T", bound=Experiment | Instrument)


@contextmanager
def configuration_change(show: Show) -> Iterator[datetime]:
    """One transaction that raises the configuration version iff the public API shows a change.

    `show` says what it shows of the thing that changes. Yields the moment at which both the old and
    the new answer are taken.
    """
    now = timezone.now()
    with transaction.atomic():
        before = show(now)
        yield now
        if show(now) != before:
            ConfigurationVersion.rise()


def standing(item: AnyItem, now: datetime) -> rules.Standing:
    """What an edit of this item starts from."""
    return rules.Standing(
        plan=plans.of(item),
        state=item.state(now),
        phase=item.phase,
        was_on=item.activated is not None,
        range=range_of(item),
    )


def refuse(refusals: tuple[Refusal, ...]) -> None:
    """Nothing where nothing refuses.

    Raises:
        RuleRefusedError: otherwise.
    """
    if refusals:
        raise RuleRefusedError(refusals)


def fresh(item: T, expected: int | None) -> T:
    """The row as it is inside this transaction; the caller's may be older."""
    row = cast("T", type(item).objects.select_for_update().get(pk=item.pk))
    refuse_stale(row.revision, expected)
    return row


def refuse_stale(stored: int, expected: int | None) -> None:
    """Nothing where a write began from the version that is stored, or does not say from which.

    Raises:
        RuleRefusedError: somebody wrote meanwhile; nothing of theirs is lost.
    """
    if expected is not None and expected != stored:
        raise RuleRefusedError(
            (
                Refusal(
                    "nobody-wrote-meanwhile",
                    "revision",
                    gettext("somebody else saved it meanwhile"),
                    gettext("You began from revision %(expected)s; %(stored)s is stored now.")
                    % {"expected": expected, "stored": stored},
                    gettext("Look at what changed in the history, and make your change once more."),
                ),
            )
        )


def settle(item: AnyItem, now: datetime) -> bool:
    """Note on the row what the clock has ended, so that a later end cannot wake it; whether it did.

    The caller stores it.
    """
    over = item.stage == Stage.ACTIVE and item.state(now) is State.STOPPED
    if over:
        item.stage, item.stopped = Stage.STOPPED, item.end
    return over


def stopped(item: AnyItem, now: datetime) -> None:
    """Note on the row that it is switched off; the caller stores it."""
    item.stage, item.stopped = Stage.STOPPED, now


_UNSEEN = DESCRIBING | {
    "risk_level",
    "review_link",
    "acknowledged",
    "is_template",
    "hypothesis",
    "primary_metric",
    "secondary_metrics",
    "guardrails",
    "minimum_effect",
    "planned_size",
    "planned_days",
    "decision_rule",
}


def public_part(plan: AnyPlan) -> dict[str, Any]:
    """What the public document shows of a plan: its version rises with it."""
    record = {k: v for k, v in plans.to_record(plan).items() if k not in _UNSEEN}
    if isinstance(plan, ExperimentPlan):
        record["groups"] = [(group.name, group.weight) for group in plan.groups]
    return record


def judged_part(plan: AnyPlan) -> dict[str, Any]:
    """What an approval hangs on: all but what describes the item."""
    return {k: v for k, v in plans.to_record(plan).items() if k not in DESCRIBING}
