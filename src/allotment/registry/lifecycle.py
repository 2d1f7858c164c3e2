"""Changes to what is stored: each one transaction, with its rules, history and version.

Saving never touches the stage; the verbs touch nothing else, but that switching on fills in a start
that was left open, takes a range of the layer and takes the holdouts that are on. Every function
raises RuleRefusedError, with nothing stored, when a rule refuses. All take `by`, the account that
acts (None: whoever the request names, or the system), a `reason` for the history, and `expected`,
the revision that the caller has seen: with another one stored since, nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar, overload

from django.utils import timezone

from allotment.registry import audit, checking, holdouts, phases, rules, shown, storing
from allotment.registry import plan as plans
from allotment.registry.changing import (
    configuration_change,
    fresh,
    judged_part,
    public_part,
    refuse,
    refuse_stale,
    settle,
    standing,
    stopped,
)
from allotment.registry.killing import kill
from allotment.registry.models import Account, Experiment, Instrument, Stream
from allotment.registry.plan import AnyPlan, ExperimentPlan, InstrumentPlan
from allotment.registry.rules import Refusal, RuleRefusedError, traffic
from allotment.registry.states import Stage, State, Verb
from allotment.registry.surroundings import AnyItem, Neighborhood, range_of

T = TypeVar("T", bound=Experiment | Instrument)

__all__ = ["AnyItem", "RuleRefusedError", "configuration_change", "kill", "standing"]


@overload
def create(plan: ExperimentPlan, *, by: Account | None = None, reason: str = "") -> Experiment: ...


@overload
def create(plan: InstrumentPlan, *, by: Account | None = None, reason: str = "") -> Instrument: ...


def create(plan: AnyPlan, *, by: Account | None = None, reason: str = "") -> AnyItem:
    """Store a new item as a draft."""
    item: AnyItem = Experiment() if isinstance(plan, ExperimentPlan) else Instrument()
    with configuration_change(shown.nothing) as now:
        around = Neighborhood(now).around(plan)
        refuse(rules.to_save(plan, before=None, now=now, around=around))
        item.creator = item.edited_by = by
        storing.store(item, plan)
        storing.record(item, "create", reason, by=by)
    return item


def edit(
    item: T,
    plan: AnyPlan,
    *,
    reason: str = "",
    by: Account | None = None,
    expected: int | None = None,
) -> T:
    """Store another plan of an item; its state stays.

    Its version rises when the public document changes. An approval is withdrawn unless the change
    concerns only what describes it.
    """
    with configuration_change(shown.of_item(item)) as now:
        item = fresh(item, expected)
        settle(item, now)
        before = standing(item, now)
        around = Neighborhood(now).around(plan, item)
        found = rules.to_save(plan, before=before, now=now, around=around)
        if plan == before.plan and not found:
            return item
        # A live item must not be edited into what could not have been switched on.
        refuse((*found, *(checked(item, plan, now, found) if before.live else ())))
        if public_part(plan) != public_part(before.plan):
            item.version += 1
        if judged_part(plan) != judged_part(before.plan):
            item.approved = item.approved_by = None
            item.edited_by = by
        if isinstance(item, Experiment) and isinstance(plan, ExperimentPlan) and before.live:
            _take_range(item, plan, around)
        storing.store(item, plan)
        storing.record(item, "edit", reason, by=by)
    return item


def ask(item: T, *, reason: str = "", by: Account | None = None, expected: int | None = None) -> T:
    """Draft → ready: nothing refuses it any more, and a second person may look at it."""

    def complete(item: AnyItem, now: datetime) -> None:
        plan = plans.of(item)
        around = Neighborhood(now).around(plan, item)
        found = rules.to_be_complete(plan, around=around, now=now)
        refuse((*found, *checked(item, plan, now, found)))
        item.stage = Stage.READY

    return _do(item, Verb.ASK, complete, reason or "Ready", by, expected)


def withdraw(
    item: T, *, reason: str = "", by: Account | None = None, expected: int | None = None
) -> T:
    """Ready → draft; an approval is gone with it."""

    def back(item: AnyItem, _: datetime) -> None:
        item.stage = Stage.DRAFT
        item.approved = item.approved_by = None

    return _do(item, Verb.WITHDRAW, back, reason or "Taken back to draft", by, expected)


def approve(item: T, *, by: Account, reason: str = "", expected: int | None = None) -> T:
    """Another person than its makers has looked at the plan as it stands."""

    def approved(item: AnyItem, now: datetime) -> None:
        plan = plans.of(item)
        authors = tuple(key for key in (item.creator_id, item.edited_by_id) if key is not None)
        around = Neighborhood(now).around(plan, item)
        found = (
            *rules.to_approve(approver=by.pk, authors=authors),
            *rules.to_be_complete(plan, around=around, now=now),
        )
        refuse((*found, *checked(item, plan, now, found)))
        item.approved, item.approved_by = now, by

    return _do(item, Verb.APPROVE, approved, reason or "Approved", by, expected)


def activate(
    item: T, *, reason: str = "", by: Account | None = None, expected: int | None = None
) -> T:
    """Switch on; a start that was left open becomes this minute."""

    def switched_on(item: AnyItem, now: datetime) -> None:
        plan = plans.of(item)
        around = Neighborhood(now).around(plan, item)
        found = rules.to_activate(
            plan,
            now=now,
            around=around,
            approved=item.approved is not None,
            own=range_of(item),
            last_stop=phases.last_stop(item),
        )
        refuse((*found, *checked(item, plan, now, found)))
        if isinstance(item, Experiment) and isinstance(plan, ExperimentPlan):
            _take_range(item, plan, around)
            # Whoever has met a group in this phase stays: a holdout that came since does not count.
            if item.activated is None:
                item.holdouts = holdouts.taken(Neighborhood(now).holdouts_of(plan))
        item.stage = Stage.ACTIVE
        item.start = item.start or _this_minute(item, now)
        item.activated = item.activated or now
        item.stopped = None

    return _do(item, Verb.ACTIVATE, switched_on, reason or "Switched on", by, expected)


def start(
    item: T, *, reason: str = "", by: Account | None = None, expected: int | None = None
) -> T:
    """Scheduled → running, this minute instead of the planned one."""

    def started(item: AnyItem, now: datetime) -> None:
        refuse(rules.to_start(plans.of(item), now))
        item.start = _this_minute(item, now)
        item.version += 1

    return _do(item, Verb.START, started, reason or "Started now", by, expected)


def stop(item: T, *, reason: str = "", by: Account | None = None, expected: int | None = None) -> T:
    """Switch off: nobody is enrolled any more once sites have read the configuration."""
    return _do(item, Verb.STOP, stopped, reason or "Stopped", by, expected)


def decide(
    item: T,
    decision: str,
    reasons: str,
    *,
    reason: str = "",
    by: Account | None = None,
    expected: int | None = None,
) -> T:
    """Stopped → decided, for good: what people made of the result, and why."""

    def decided(item: AnyItem, now: datetime) -> None:
        refuse(rules.to_decide(decision, reasons, tuple(Experiment.Decision.values)))
        if isinstance(item, Experiment):
            item.decision, item.decision_reasons, item.decided = decision, reasons.strip(), now
        item.stage = Stage.DECIDED

    return _do(item, Verb.DECIDE, decided, reason or "Decided", by, expected)


def relaunch(
    item: T, *, reason: str = "", by: Account | None = None, expected: int | None = None
) -> T:
    """Stopped or decided → a draft of the next phase of the same experiment.

    The phase that ends is kept with its configuration, dates and decision; the draft begins with
    its plan, an open start and as long a run.
    """

    def next_phase(item: AnyItem, now: datetime) -> None:
        if not isinstance(item, Experiment):
            raise TypeError(f"{item.machine_name} is no experiment")
        phases.begin_next(item, now, by)

    return _do(item, Verb.RELAUNCH, next_phase, reason or "Relaunched", by, expected)


def archive(
    item: T, *, reason: str = "", by: Account | None = None, expected: int | None = None
) -> T:
    """Out of the directory's first view; nothing is lost."""

    def put_away(item: AnyItem, _: datetime) -> None:
        item.stage = Stage.ARCHIVED

    return _do(item, Verb.ARCHIVE, put_away, reason or "Archived", by, expected)


def restore(
    item: T, *, reason: str = "", by: Account | None = None, expected: int | None = None
) -> T:
    """Back to where it was when it was archived."""

    def brought_back(item: AnyItem, _: datetime) -> None:
        decided = isinstance(item, Experiment) and bool(item.decision)
        item.stage = Stage.DECIDED if decided else Stage.STOPPED if item.activated else Stage.DRAFT

    return _do(item, Verb.RESTORE, brought_back, reason or "Brought back", by, expected)


def clone(
    item: AnyItem,
    *,
    machine_name: str,
    name: str = "",
    acknowledged: bool = False,
    by: Account | None = None,
) -> AnyItem:
    """A new draft with the plan of another item, also of a template."""
    plan = replace(copied(item, machine_name=machine_name, name=name), acknowledged=acknowledged)
    return create(plan, by=by, reason=f"Like {item.machine_name}")


def copied(item: AnyItem, *, machine_name: str = "", name: str = "") -> AnyPlan:
    """The plan of a new item like another: it runs as long, from now on."""
    plan = plans.of(item)
    length = max(plan.end - (plan.start or item.created), timedelta(days=1))
    end = (timezone.now() + length).replace(second=0, microsecond=0)
    return plans.copy_of(plan, machine_name=machine_name, name=name or plan.name, end=end)


def save_stream(stream: Stream, *, expected: int | None = None, reason: str = "") -> Stream:
    """Store a new or changed stream as its next version; the form has checked its fields."""
    named: Any = stream
    named._change_reason = reason[:100]  # noqa: SLF001 - how the history is told why
    with configuration_change(shown.of_stream(stream)):
        made = stream.pk is None
        if not made:
            stored = Stream.objects.select_for_update().get(pk=stream.pk)
            refuse_stale(stored.revision, expected)
            stream.revision = stored.revision + 1
        stream.save()
        audit.record(
            "make-stream" if made else "change-stream",
            kind="stream",
            name=stream.name,
            reason=reason,
        )
    return stream


def taken_names() -> set[str]:
    """Every machine name and stream name."""
    names: set[str] = set(Stream.objects.values_list("name", flat=True))
    for model in (Experiment, Instrument):
        names.update(model.objects.values_list("machine_name", flat=True))
    return names


def _do(
    item: T,
    verb: Verb,
    change: Callable[[AnyItem, datetime], None],
    reason: str,
    by: Account | None,
    expected: int | None,
) -> T:
    """One verb of the life cycle: refused by the table or its rules, or done and recorded.

    A verb whose effect holds already (two people press Stop) changes nothing.
    """
    with configuration_change(shown.of_item(item)) as now:
        item = fresh(item, expected)
        ended = settle(item, now)
        state = item.state(now)
        if (verb, state) in _DONE:
            if ended:
                storing.record(item, Verb.ENDS, reason, by=by)
            return item
        refuse(rules.state_allows(state, verb, item.KIND))
        change(item, now)
        storing.record(item, verb, reason, by=by)
    return item


_DONE = {
    (Verb.STOP, State.STOPPED),
    (Verb.ACTIVATE, State.SCHEDULED),
    (Verb.ACTIVATE, State.RUNNING),
    (Verb.START, State.RUNNING),
    (Verb.ASK, State.READY),
    (Verb.WITHDRAW, State.DRAFT),
    (Verb.ARCHIVE, State.ARCHIVED),
}


def checked(
    item: AnyItem | None, plan: AnyPlan, now: datetime, said: Iterable[Refusal] = ()
) -> tuple[Refusal, ...]:
    """What the check refuses beyond what the rules of the record have said."""
    return checking.refusals(checking.of_plan(plan, now, item), said)


def _this_minute(item: AnyItem, now: datetime) -> datetime:
    """The present minute; in a later phase no earlier than the one before has ended."""
    minute = now.replace(second=0, microsecond=0)
    last = phases.last_stop(item)
    if last is None or last < minute:
        return minute
    return (last + timedelta(seconds=1)).replace(microsecond=0)


def _take_range(item: Experiment, plan: ExperimentPlan, around: rules.Surroundings) -> None:
    if not plan.layer:
        item.layer_begin = item.layer_end = None
        return
    found = traffic.range_for(plan, range_of(item), around)
    if found is not None:
        item.layer_begin, item.layer_end = found.begin, found.end
