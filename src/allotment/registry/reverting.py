"""Back to an earlier version: a new version with the old content, through the same rules."""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext

from allotment.registry import lifecycle, versions
from allotment.registry import plan as plans
from allotment.registry.changing import T
from allotment.registry.models import Account
from allotment.registry.plan import AnyPlan
from allotment.registry.rules import Refusal, RuleRefusedError
from allotment.registry.surroundings import AnyItem


def revert(
    item: T,
    number: int,
    *,
    reason: str = "",
    by: Account | None = None,
    expected: int | None = None,
) -> T:
    """Store the plan of an earlier version once more, as the next version; the state stays.

    The dates of an earlier phase stay with that phase. Where the plan is as it was, nothing is
    stored.

    Raises:
        RuleRefusedError: a rule of editing refuses it, or there is no such version to go back to.
    """
    plan = plan_at(item, number)
    why = reason.strip() or f"Back to version {number}"
    return lifecycle.edit(item, plan, reason=why, by=by, expected=expected)


def plan_at(item: AnyItem, number: int) -> AnyPlan:
    """The plan that going back to a version would store.

    Raises:
        RuleRefusedError: there is no such version, or it kept no whole plan.
    """
    version = versions.find(item, number)
    if version is None:
        raise _none(
            gettext("%(name)s has no version %(number)s.")
            % {"name": item.machine_name, "number": number}
        )
    try:
        plan = versions.plan_of(item, version)
    except (KeyError, TypeError, ValueError) as error:
        raise _none(
            gettext("Version %(number)s kept no whole plan.") % {"number": number}
        ) from error
    plan = replace(plan, schema_title=_title(item, plan))
    if version.record.get("phase_index", 0) != item.phase:
        now = plans.of(item)
        plan = replace(plan, start=now.start, end=now.end)
    return plan


def _title(item: AnyItem, plan: AnyPlan) -> str:
    """The title of the plan's stream as it is now: it belongs to the stream."""
    same = type(item.stream).objects.filter(name=plan.stream).first()
    if same is None:
        raise _none(
            gettext("Its stream %(stream)s is not there any more.") % {"stream": plan.stream}
        )
    return same.schema_title


def _none(what: str) -> RuleRefusedError:
    return RuleRefusedError(
        (
            Refusal(
                "version-is-kept",
                "number",
                gettext("there is nothing to go back to"),
                what,
                gettext("Choose another version in the history."),
            ),
        )
    )
