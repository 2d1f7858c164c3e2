"""Plans: what people want an item to be. Frozen values; the rules and the history read them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from allotment.registry.models import Experiment, Instrument


@dataclass(frozen=True, kw_only=True)
class GroupPlan:
    """One group: its name in the code, what its subjects see, its weight."""

    name: str
    description: str = ""
    weight: int = 1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What an instrument and an experiment have in common. Rates are shares, 0 to 1."""

    machine_name: str
    name: str
    description: str = ""
    owners: tuple[str, ...] = ()
    purpose: str = ""
    task: str = ""
    start: datetime | None = None
    end: datetime
    stream: str
    schema_title: str
    attributes: tuple[str, ...] = ()
    default_rate: Decimal
    sites: tuple[tuple[str, Decimal], ...] = ()
    environments: tuple[str, ...] = ()
    risk_level: str
    review_link: str = ""
    acknowledged: bool = False
    synthetic_note: str = ""

    def rate_at(self, site: str) -> Decimal:
        """The share at a site; the default where the site is not named."""
        return dict(self.sites).get(site, self.default_rate)


@dataclass(frozen=True, kw_only=True)
class InstrumentPlan(Plan):
    """What a person wants an instrument to be."""

    sample_unit: str


@dataclass(frozen=True, kw_only=True)
class ExperimentPlan(Plan):
    """What a person wants an experiment to be; the first group is control."""

    hypothesis: str = ""
    identifier_type: str
    schema_id: str
    groups: tuple[GroupPlan, ...]


AnyPlan = InstrumentPlan | ExperimentPlan


def to_record(plan: AnyPlan) -> dict[str, Any]:
    """The plan as plain values, for the history; rates as their shortest text."""
    record = asdict(plan)
    record["default_rate"] = rate_text(plan.default_rate)
    record["sites"] = {site: rate_text(rate) for site, rate in plan.sites}
    return record


def rate_text(rate: Decimal) -> str:
    """A share's shortest plain text: `0.50000000` → `0.5`, `0` → `0`."""
    return format(rate.normalize(), "f")


def of_experiment(item: Experiment) -> ExperimentPlan:
    """The plan that is stored."""
    return ExperimentPlan(
        **_shared(item),
        sites=tuple((row.site, row.rate) for row in item.sites.all()),
        hypothesis=item.hypothesis,
        identifier_type=item.identifier_type,
        schema_id=item.schema_id,
        groups=tuple(
            GroupPlan(name=g.name, description=g.description, weight=g.weight)
            for g in item.groups.all()
        ),
    )


def of_instrument(item: Instrument) -> InstrumentPlan:
    """The plan that is stored."""
    return InstrumentPlan(
        **_shared(item),
        sites=tuple((row.site, row.rate) for row in item.sites.all()),
        sample_unit=item.sample_unit,
    )


def of(item: Experiment | Instrument) -> AnyPlan:
    """The plan that is stored, of either kind."""
    return of_experiment(item) if isinstance(item, Experiment) else of_instrument(item)


def _shared(item: Experiment | Instrument) -> dict[str, Any]:
    return {
        "machine_name": item.machine_name,
        "name": item.name,
        "description": item.description,
        "owners": tuple(item.owners),
        "purpose": item.purpose,
        "task": item.task,
        "start": item.start,
        "end": item.end,
        "stream": item.stream.name,
        "schema_title": item.stream.schema_title,
        "attributes": tuple(item.attributes),
        "default_rate": item.default_rate,
        "environments": tuple(item.environments),
        "risk_level": item.risk_level,
        "review_link": item.review_link,
        "acknowledged": item.acknowledged,
        "synthetic_note": item.synthetic_note,
    }
