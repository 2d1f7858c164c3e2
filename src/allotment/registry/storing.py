"""Writing a plan to its rows, each write with its history record and its audit entry."""

from __future__ import annotations

from typing import Any

from allotment.registry import audit, targeting
from allotment.registry import plan as plans
from allotment.registry.models import (
    Account,
    Experiment,
    ExperimentSite,
    Group,
    Instrument,
    InstrumentSite,
    Layer,
    Stream,
)
from allotment.registry.plan import AnyPlan, ExperimentPlan, InstrumentPlan
from allotment.registry.surroundings import AnyItem

_AS_STORED = (
    "machine_name",
    "name",
    "description",
    "contact",
    "purpose",
    "task",
    "start",
    "end",
    "default_rate",
    "risk_level",
    "review_link",
    "acknowledged",
    "synthetic_note",
    "is_template",
)
_OF_EXPERIMENTS = (
    "hypothesis",
    "primary_metric",
    "minimum_effect",
    "planned_size",
    "planned_days",
    "decision_rule",
    "identifier_type",
    "schema_id",
    "layer_share",
)


def store(item: AnyItem, plan: AnyPlan) -> None:
    """Write a plan to an item's row and the rows below it, without a history record yet."""
    for name in _AS_STORED:
        setattr(item, name, getattr(plan, name))
    item.owners = list(plan.owners)
    item.attributes = list(plan.attributes)
    item.environments = list(plan.environments)
    item.links = [{"label": link.label, "url": link.url} for link in plan.links]
    item.targeting = targeting.to_document(plan.targeting)
    item.stream = Stream.objects.get(name=plan.stream)
    if isinstance(item, Experiment) and isinstance(plan, ExperimentPlan):
        for name in _OF_EXPERIMENTS:
            setattr(item, name, getattr(plan, name))
        item.secondary_metrics = list(plan.secondary_metrics)
        item.guardrails = [[g.metric, plans.rate_text(g.margin)] for g in plan.guardrails]
        item.holds_out = list(plan.holds_out)
        item.layer = Layer.objects.get(name=plan.layer) if plan.layer else None
        save_quietly(item)
        _store_groups(item, plan)
        item.sites.all().delete()
        ExperimentSite.objects.bulk_create(
            ExperimentSite(experiment=item, site=site, rate=rate) for site, rate in plan.sites
        )
    elif isinstance(item, Instrument) and isinstance(plan, InstrumentPlan):
        item.sample_unit = plan.sample_unit
        save_quietly(item)
        item.sites.all().delete()
        InstrumentSite.objects.bulk_create(
            InstrumentSite(instrument=item, site=site, rate=rate) for site, rate in plan.sites
        )


def _store_groups(item: Experiment, plan: ExperimentPlan) -> None:
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


def save_quietly(item: AnyItem) -> None:
    """Save without a history record: the rows that belong to it are not stored yet."""
    item.skip_history_when_saving = True
    try:
        item.save()
    finally:
        del item.skip_history_when_saving


def record(
    item: AnyItem, verb: str, reason: str, *, by: Account | None = None, kill: int | None = None
) -> None:
    """Save with a history record that holds the whole plan and what was done, and audit it."""
    before = item.revision if verb != "create" else 0
    if verb != "create":
        item.revision += 1
    item.plan_to_keep = to_keep(item)
    item.verb_to_keep = verb
    item.kill_to_keep = kill
    item._change_reason = reason  # noqa: SLF001 - how the history is told why
    if by is not None:
        item._history_user = by  # noqa: SLF001 - how the history is told who
    item.save()
    detail: dict[str, Any] = {} if kill is None else {"kill": kill}
    audit.record(
        verb,
        kind=item.KIND,
        name=item.machine_name,
        before=before,
        after=item.revision,
        reason=reason,
        who=None if by is None else by.username,
        **detail,
    )


def to_keep(item: AnyItem) -> dict[str, Any]:
    """The whole plan, and with it what no plan says: stage, phase, range and decision."""
    kept = plans.to_record(plans.of(item)) | {"stage": str(item.stage), "active": item.active}
    if isinstance(item, Experiment):
        kept |= {
            "phase_index": item.phase_index,
            "layer_range": [item.layer_begin, item.layer_end],
            "held_out_by": [found["name"] for found in item.holdouts],
            "decision": item.decision,
            "decision_reasons": item.decision_reasons,
        }
    return kept
