"""Changes to what is stored: each one transaction, with its rules, history and version.

Saving never touches the switch; `activate` and `stop` touch nothing else (but `activate` fills in
a start that was left open). Every function raises RuleRefusedError, with nothing stored, when a
rule refuses.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from allotment.registry import plan as plans
from allotment.registry import public_api, rules
from allotment.registry.models import (
    ConfigurationVersion,
    Experiment,
    ExperimentSite,
    Group,
    Instrument,
    InstrumentSite,
    State,
    Stream,
)
from allotment.registry.plan import AnyPlan, ExperimentPlan
from allotment.registry.rules import RuleRefusedError

AnyItem = Experiment | Instrument


@contextmanager
def configuration_change() -> Iterator[datetime]:
    """One transaction that raises the configuration version iff the public API shows a change.

    Yields the moment at which both the old and the new answer are taken.
    """
    now = timezone.now()
    with transaction.atomic():
        before = public_api.everything(now)
        yield now
        if public_api.everything(now) != before:
            ConfigurationVersion.rise()


def standing(item: AnyItem, now: datetime) -> rules.Standing:
    """What an edit of this item starts from."""
    state = item.state(now)
    return rules.Standing(
        plan=plans.of(item),
        activated=item.activated is not None,
        live=state in {State.SCHEDULED, State.RUNNING},
        started=state is State.RUNNING,
    )


def taken_names(item: AnyItem | None = None) -> set[str]:
    """Every machine name and stream name but the item's own."""
    names: set[str] = set(Stream.objects.values_list("name", flat=True))
    for model in (Experiment, Instrument):
        rows = model.objects.all()
        if isinstance(item, model):
            rows = rows.exclude(pk=item.pk)
        names.update(rows.values_list("machine_name", flat=True))
    return names


def create(plan: AnyPlan) -> AnyItem:
    """Store a new item, switched off."""
    item: AnyItem = Experiment() if isinstance(plan, ExperimentPlan) else Instrument()
    with configuration_change() as now:
        _refuse(rules.to_save(plan, before=None, taken=taken_names(), now=now))
        _store(item, plan)
    return item


def edit(item: AnyItem, plan: AnyPlan, *, reason: str = "") -> AnyItem:
    """Store another plan of an item. Its version rises when the public document changes."""
    with configuration_change() as now:
        item = _fresh(item)
        before = standing(item, now)
        _refuse(rules.to_save(plan, before=before, taken=taken_names(item), now=now))
        if plan == before.plan:
            return item
        if _public_part(plan) != _public_part(before.plan):
            item.version += 1
        _store(item, plan, reason=reason)
    return item


def activate(item: AnyItem, *, reason: str = "") -> AnyItem:
    """Switch on; a start that was left open becomes this minute."""
    with configuration_change() as now:
        item = _fresh(item)
        _refuse(rules.to_activate(plans.of(item), now=now))
        item.active = True
        item.start = item.start or now.replace(second=0, microsecond=0)
        item.activated = item.activated or now
        item.stopped = None
        _record(item, reason or "Switched on")
    return item


def stop(item: AnyItem, *, reason: str = "") -> AnyItem:
    """Switch off: nobody is enrolled any more once sites have read the configuration."""
    with configuration_change() as now:
        item = _fresh(item)
        if item.active:
            item.stopped = now
        item.active = False
        _record(item, reason or "Stopped")
    return item


def save_stream(stream: Stream) -> Stream:
    """Store a new or changed stream; the form has checked its fields."""
    with configuration_change():
        stream.save()
    return stream


def _refuse(refusals: tuple[rules.Refusal, ...]) -> None:
    if refusals:
        raise RuleRefusedError(refusals)


def _fresh(item: AnyItem) -> AnyItem:
    """The row as it is inside this transaction; the caller's may be older."""
    return type(item).objects.select_for_update().get(pk=item.pk)


def _public_part(plan: AnyPlan) -> dict[str, Any]:
    hidden = {"name", "description", "owners", "purpose", "task", "hypothesis", "environments"}
    hidden |= {"risk_level", "review_link", "acknowledged", "synthetic_note"}
    record = {k: v for k, v in plans.to_record(plan).items() if k not in hidden}
    if isinstance(plan, ExperimentPlan):
        record["groups"] = [(group.name, group.weight) for group in plan.groups]
    return record


_SHARED = (
    "machine_name",
    "name",
    "description",
    "purpose",
    "task",
    "start",
    "end",
    "default_rate",
    "risk_level",
    "review_link",
    "acknowledged",
    "synthetic_note",
)


def _store(item: AnyItem, plan: AnyPlan, *, reason: str = "") -> None:
    for name in _SHARED:
        setattr(item, name, getattr(plan, name))
    item.owners = list(plan.owners)
    item.attributes = list(plan.attributes)
    item.environments = list(plan.environments)
    item.stream = Stream.objects.get(name=plan.stream)
    if isinstance(item, Experiment) and isinstance(plan, ExperimentPlan):
        item.hypothesis = plan.hypothesis
        item.identifier_type = plan.identifier_type
        item.schema_id = plan.schema_id
        _save_quietly(item)
        _store_experiment_rows(item, plan)
    elif isinstance(item, Instrument) and isinstance(plan, plans.InstrumentPlan):
        item.sample_unit = plan.sample_unit
        _save_quietly(item)
        item.sites.all().delete()
        InstrumentSite.objects.bulk_create(
            InstrumentSite(instrument=item, site=site, rate=rate) for site, rate in plan.sites
        )
    _record(item, reason)


def _store_experiment_rows(item: Experiment, plan: ExperimentPlan) -> None:
    item.groups.all().delete()
    Group.objects.bulk_create(
        Group(
            experiment=item,
            name=group.name,
            description=group.description,
            weight=group.weight,
            position=position,
        )
        for position, group in enumerate(plan.groups)
    )
    item.sites.all().delete()
    ExperimentSite.objects.bulk_create(
        ExperimentSite(experiment=item, site=site, rate=rate) for site, rate in plan.sites
    )


def _save_quietly(item: AnyItem) -> None:
    """Save without a history record: the rows that belong to it are not stored yet."""
    item.skip_history_when_saving = True
    try:
        item.save()
    finally:
        del item.skip_history_when_saving


def _record(item: AnyItem, reason: str) -> None:
    """Save with a history record that holds the whole plan and the switch."""
    item.plan_to_keep = plans.to_record(plans.of(item)) | {"active": item.active}
    item._change_reason = reason[:100]  # noqa: SLF001 - how the history is told why
    item.save()
