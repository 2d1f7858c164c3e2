"""Plans: what people want an item to be. Frozen values; the rules and the history read them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, overload

from allotment.registry import targeting
from allotment.registry.models import Experiment, Instrument
from allotment.registry.targeting import Condition


@dataclass(frozen=True, kw_only=True)
class GroupPlan:
    """One group: its name in the code, what its subjects see, its weight."""

    name: str
    description: str = ""
    weight: int = 1


@dataclass(frozen=True, kw_only=True)
class Link:
    """Where more is written."""

    label: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Guardrail:
    """A metric that must not get worse by more than a margin, in percent of control's value."""

    metric: str
    margin: Decimal


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What an instrument and an experiment have in common. Rates are shares, 0 to 1."""

    machine_name: str
    name: str
    description: str = ""
    owners: tuple[str, ...] = ()
    contact: str = ""
    purpose: str = ""
    task: str = ""
    links: tuple[Link, ...] = ()
    start: datetime | None = None
    end: datetime
    stream: str
    schema_title: str
    attributes: tuple[str, ...] = ()
    default_rate: Decimal
    sites: tuple[tuple[str, Decimal], ...] = ()
    environments: tuple[str, ...] = ()
    targeting: tuple[Condition, ...] = ()
    risk_level: str
    review_link: str = ""
    acknowledged: bool = False
    synthetic_note: str = ""
    is_template: bool = False

    def rate_at(self, site: str) -> Decimal:
        """The share at a site as the rows name it; the default where none does."""
        return dict(self.sites).get(site, self.default_rate)


@dataclass(frozen=True, kw_only=True)
class InstrumentPlan(Plan):
    """What a person wants an instrument to be."""

    sample_unit: str


@dataclass(frozen=True, kw_only=True)
class ExperimentPlan(Plan):
    """What a person wants an experiment to be; the first group is control.

    `minimum_effect` is relative, in percent of control's value; `planned_size` counts the subjects
    of each group; `layer_share` is the share of the layer that it owns, 0 to 1. `holds_out` names
    what the first group is kept out of: `all`, `layer:name`, machine names of experiments.
    """

    hypothesis: str = ""
    primary_metric: str = ""
    secondary_metrics: tuple[str, ...] = ()
    guardrails: tuple[Guardrail, ...] = ()
    minimum_effect: Decimal | None = None
    planned_size: int | None = None
    planned_days: int | None = None
    decision_rule: str = Experiment.DecisionRule.SHIP_IF_BETTER
    identifier_type: str
    schema_id: str
    groups: tuple[GroupPlan, ...]
    layer: str = ""
    layer_share: Decimal | None = None
    holds_out: tuple[str, ...] = ()


AnyPlan = InstrumentPlan | ExperimentPlan


def to_record(plan: AnyPlan) -> dict[str, Any]:
    """The plan as plain values, for the history; numbers as their shortest text."""
    record = asdict(plan)
    record["default_rate"] = rate_text(plan.default_rate)
    record["sites"] = {site: rate_text(rate) for site, rate in plan.sites}
    record["targeting"] = targeting.to_document(plan.targeting)
    if isinstance(plan, ExperimentPlan):
        record["guardrails"] = {g.metric: rate_text(g.margin) for g in plan.guardrails}
        record["decision_rule"] = str(plan.decision_rule)
        for name in ("minimum_effect", "layer_share"):
            found: Decimal | None = getattr(plan, name)
            record[name] = None if found is None else rate_text(found)
    return record


def from_record(kind: str, record: dict[str, Any]) -> AnyPlan:
    """The plan that a history record keeps; the reverse of `to_record`, also once it was JSON.

    Raises:
        KeyError, TypeError, ValueError: it is no record of a plan of this kind.
    """
    found = dict(record)
    for name in ("owners", "attributes", "environments"):
        found[name] = tuple(found[name])
    for name in ("start", "end"):
        if isinstance(found[name], str):
            found[name] = datetime.fromisoformat(found[name])
    found["links"] = tuple(Link(**link) for link in found.get("links", ()))
    found["default_rate"] = Decimal(found["default_rate"])
    found["sites"] = tuple((site, Decimal(rate)) for site, rate in found["sites"].items())
    found["targeting"] = targeting.from_document(found.get("targeting", {}))
    if kind == Instrument.KIND:
        return InstrumentPlan(**_of_fields(InstrumentPlan, found))
    found["groups"] = tuple(GroupPlan(**group) for group in found["groups"])
    found["holds_out"] = tuple(found.get("holds_out", ()))
    found["secondary_metrics"] = tuple(found.get("secondary_metrics", ()))
    found["guardrails"] = tuple(
        Guardrail(metric=metric, margin=Decimal(margin))
        for metric, margin in found.get("guardrails", {}).items()
    )
    for name in ("minimum_effect", "layer_share"):
        found[name] = None if found.get(name) is None else Decimal(found[name])
    return ExperimentPlan(**_of_fields(ExperimentPlan, found))


def _of_fields(of: type[Plan], found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name in of.__dataclass_fields__}


def rate_text(rate: Decimal) -> str:
    """A share's shortest plain text: `0.50000000` → `0.5`, `0` → `0`."""
    return format(rate.normalize(), "f")


def copy_of(plan: AnyPlan, *, machine_name: str, name: str, end: datetime) -> AnyPlan:
    """A plan like another one, for a new item: nobody has acknowledged it, nothing is synthetic."""
    return replace(
        plan,
        machine_name=machine_name,
        name=name,
        start=None,
        end=end,
        acknowledged=False,
        synthetic_note="",
        is_template=False,
    )


def with_owners(plan: AnyPlan, owners: tuple[str, ...]) -> AnyPlan:
    """The same plan with other owners."""
    return replace(plan, owners=owners)


def with_acknowledgement(plan: AnyPlan, acknowledged: bool) -> AnyPlan:  # noqa: FBT001
    """The same plan, with somebody's word that the guidelines are followed, or without."""
    return replace(plan, acknowledged=acknowledged)


def of_experiment(item: Experiment) -> ExperimentPlan:
    """The plan that is stored."""
    return ExperimentPlan(
        **_shared(item),
        hypothesis=item.hypothesis,
        primary_metric=item.primary_metric,
        secondary_metrics=tuple(item.secondary_metrics),
        guardrails=tuple(
            Guardrail(metric=metric, margin=Decimal(margin)) for metric, margin in item.guardrails
        ),
        minimum_effect=item.minimum_effect,
        planned_size=item.planned_size,
        planned_days=item.planned_days,
        decision_rule=item.decision_rule,
        identifier_type=item.identifier_type,
        schema_id=item.schema_id,
        groups=tuple(
            GroupPlan(name=g.name, description=g.description, weight=g.weight)
            for g in item.groups.all()
        ),
        layer=item.layer.name if item.layer is not None else "",
        layer_share=item.layer_share,
        holds_out=tuple(item.holds_out),
    )


def of_instrument(item: Instrument) -> InstrumentPlan:
    """The plan that is stored."""
    return InstrumentPlan(**_shared(item), sample_unit=item.sample_unit)


@overload
def of(item: Experiment) -> ExperimentPlan: ...


@overload
def of(item: Instrument) -> InstrumentPlan: ...


def of(item: Experiment | Instrument) -> AnyPlan:
    """The plan that is stored, of either kind."""
    return of_experiment(item) if isinstance(item, Experiment) else of_instrument(item)


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


def _shared(item: Experiment | Instrument) -> dict[str, Any]:
    return {name: getattr(item, name) for name in _AS_STORED} | {
        "owners": tuple(item.owners),
        "links": tuple(Link(**link) for link in item.links),
        "stream": item.stream.name,
        "schema_title": item.stream.schema_title,
        "attributes": tuple(item.attributes),
        "sites": tuple((row.site, row.rate) for row in item.sites.all()),
        "environments": tuple(item.environments),
        "targeting": targeting.from_document(item.targeting),
    }
