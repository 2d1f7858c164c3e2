"""What requests may hold, as the OpenAPI document shows it. Names are those of the plan.

Unknown keys are refused. What has a named rule of its own (names, sites, tiers) is left to the
rules, so that every way in gives the same answer.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from ninja import Schema
from pydantic import ConfigDict, Field, WithJsonSchema

from allotment.registry import schema_catalog, targeting
from allotment.registry.environments import DEFAULT
from allotment.registry.manage_api.fields import (
    Address,
    Count,
    Key,
    Line,
    Moment,
    Name,
    Percent,
    Reason,
    Share,
    Text,
    Weight,
)
from allotment.registry.models import Experiment, Instrument, Stream
from allotment.registry.models.item import Item
from allotment.registry.plan import (
    AnyPlan,
    ExperimentPlan,
    GroupPlan,
    Guardrail,
    InstrumentPlan,
    Link,
)
from allotment.registry.targeting import Operand


class Body(Schema):
    """A request's body, of which every key is known."""

    model_config = ConfigDict(extra="forbid")


class Said(Body):
    """Why something is done."""

    reason: Reason = ""


class LinkBody(Body):
    """Where more is written."""

    label: Name
    url: Address


class GroupBody(Body):
    """One group; the first of an experiment is control."""

    name: Key
    description: Line = ""
    weight: Weight = 1


class GuardrailBody(Body):
    """A metric that must not get worse by more than a margin, in percent of control's value."""

    metric: Line
    margin: Percent


class SiteShare(Body):
    """The share of the subjects of a site, or of each site of a `family:…`."""

    site: Annotated[str, Field(max_length=70)]
    rate: Share


Targeting = Annotated[
    dict[str, dict[str, Any]],
    WithJsonSchema(
        {
            "type": "object",
            "additionalProperties": {"type": "object"},
            "description": "`{attribute: {operator: operand}}`; all conditions must hold.",
        }
    ),
]


class PlanBody(Body):
    """What an instrument and an experiment have in common. Rates are shares, 0 to 1."""

    machine_name: Key
    name: Name
    description: Text = ""
    owners: Annotated[list[Name], Field(max_length=50)] = []
    contact: Annotated[str, Field(max_length=254, pattern=r"^([^@\s]+@[^@\s]+)?$")] = ""
    purpose: Line = ""
    task: Address = ""
    links: Annotated[list[LinkBody], Field(max_length=100)] = []
    start: Moment | None = None
    end: Moment
    stream: Line
    attributes: Annotated[list[Line], Field(max_length=100)] = []
    default_rate: Share = Decimal(0)
    sites: Annotated[list[SiteShare], Field(max_length=2000)] = []
    environments: Annotated[list[Key], Field(max_length=10)] = [DEFAULT]
    targeting: Targeting = {}
    risk_level: Annotated[str, Field(max_length=10)] = Item.Risk.PENDING.value
    review_link: Address = ""
    acknowledged: bool = False
    is_template: bool = False

    def shared(self, before: AnyPlan | None) -> dict[str, Any]:
        """The fields of a plan that both kinds have.

        Raises:
            TypeError: the targeting is no object of objects.
        """
        names = (
            "machine_name",
            "name",
            "description",
            "contact",
            "purpose",
            "task",
            "start",
            "end",
            "stream",
            "default_rate",
            "risk_level",
            "review_link",
            "acknowledged",
            "is_template",
        )
        return {name: getattr(self, name) for name in names} | {
            "owners": tuple(dict.fromkeys(self.owners)),
            "links": tuple(Link(label=link.label, url=link.url) for link in self.links),
            "schema_title": self.schema_title(),
            "attributes": tuple(self.attributes),
            "sites": tuple((row.site, row.rate) for row in self.sites),
            "environments": tuple(self.environments),
            "targeting": targeting.from_document(_as_numbers(self.targeting)),
            "synthetic_note": before.synthetic_note if before else "",
        }

    def schema_title(self) -> str:
        """The schema title of the stream; empty where there is no such stream."""
        found = Stream.objects.filter(name=self.stream).first()
        return found.schema_title if found else ""

    def plan(self, before: AnyPlan | None) -> AnyPlan:
        """The plan that is asked for."""
        raise NotImplementedError


class InstrumentBody(PlanBody):
    """The plan of an instrument."""

    sample_unit: Annotated[str, Field(max_length=20)] = Instrument.SampleUnit.PAGEVIEW.value

    def plan(self, before: AnyPlan | None) -> InstrumentPlan:
        """The plan that is asked for."""
        return InstrumentPlan(**self.shared(before), sample_unit=self.sample_unit)


class ExperimentBody(PlanBody):
    """The plan of an experiment. An empty `schema_id` becomes the newest that the stream takes."""

    hypothesis: Text = ""
    primary_metric: Annotated[str, Field(max_length=100)] = ""
    secondary_metrics: Annotated[list[Line], Field(max_length=100)] = []
    guardrails: Annotated[list[GuardrailBody], Field(max_length=100)] = []
    minimum_effect: Percent | None = None
    planned_size: Count | None = None
    planned_days: Annotated[int, Field(ge=0, le=36_500)] | None = None
    decision_rule: Annotated[str, Field(max_length=30)] = (
        Experiment.DecisionRule.SHIP_IF_BETTER.value
    )
    identifier_type: Annotated[str, Field(max_length=20)]
    schema_id: Line = ""
    groups: Annotated[list[GroupBody], Field(max_length=100)]
    layer: Key = ""
    layer_share: Share | None = None
    holds_out: Annotated[list[Name], Field(max_length=500)] = []

    def plan(self, before: AnyPlan | None) -> ExperimentPlan:
        """The plan that is asked for."""
        return ExperimentPlan(
            **self.shared(before),
            hypothesis=self.hypothesis,
            primary_metric=self.primary_metric,
            secondary_metrics=tuple(self.secondary_metrics),
            guardrails=tuple(Guardrail(metric=g.metric, margin=g.margin) for g in self.guardrails),
            minimum_effect=self.minimum_effect,
            planned_size=self.planned_size,
            planned_days=self.planned_days,
            decision_rule=self.decision_rule,
            identifier_type=self.identifier_type,
            schema_id=self.schema_id or schema_catalog.latest_uri(self.schema_title()),
            groups=tuple(
                GroupPlan(name=g.name, description=g.description, weight=g.weight)
                for g in self.groups
            ),
            layer=self.layer,
            layer_share=self.layer_share,
            holds_out=tuple(dict.fromkeys(self.holds_out)),
        )


def _as_numbers(found: Any) -> Any:  # noqa: ANN401 - JSON
    """The same with decimal fractions as the floating numbers that the clients compare with."""
    if isinstance(found, Decimal):
        number: Operand = float(found)
        return number
    if isinstance(found, dict):
        return {name: _as_numbers(value) for name, value in found.items()}
    return [_as_numbers(value) for value in found] if isinstance(found, list) else found
