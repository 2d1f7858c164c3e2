"""Words that a plan may use. A form offers them in lists; a program may send any.

The rules have the names that the check has for the same faults.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from allotment.registry import metric_catalog, schema_catalog
from allotment.registry.environments import ENVIRONMENTS
from allotment.registry.models import Experiment, Instrument, Layer, Stream
from allotment.registry.models.item import Item
from allotment.registry.plan import AnyPlan, ExperimentPlan
from allotment.registry.rules import Refusal


def refusals(plan: AnyPlan, before: AnyPlan | None) -> tuple[Refusal, ...]:
    """What a plan names that there is not; a metric that was stored may stay."""
    return (
        *_shared(plan),
        *(_of_experiment(plan, before) if isinstance(plan, ExperimentPlan) else ()),
    )


def _shared(plan: AnyPlan) -> Iterator[Refusal]:
    streams = Stream.objects.exclude(name__startswith="/").order_by("name")
    names = list(streams.values_list("name", flat=True))
    yield from _unknown("stream-exists", "stream", "stream", [plan.stream], names)
    yield from _unknown(
        "environment-is-known", "environments", "environment", plan.environments, ENVIRONMENTS
    )
    yield from _unknown(
        "risk-is-assessed", "risk_level", "risk tier", [plan.risk_level], Item.Risk.values
    )
    # The templates that come with Allotment are nobody's: files that hold them must be applicable.
    if not plan.owners and not plan.is_template:
        yield Refusal(
            "owner-is-named",
            "owners",
            "nobody owns it",
            "The list of owners is empty.",
            "Name a team, or an account as @name.",
        )
    if not plan.name.strip():
        yield Refusal(
            "value-has-form",
            "name",
            "it has no name",
            "The name is empty.",
            "Give a name for people.",
        )
    if not isinstance(plan, ExperimentPlan):
        yield from _unknown(
            "sample-unit-is-known",
            "sample_unit",
            "unit of sampling",
            [plan.sample_unit],
            Instrument.SampleUnit.values,
        )


def _of_experiment(plan: ExperimentPlan, before: AnyPlan | None) -> Iterator[Refusal]:
    yield from _unknown(
        "identifier-type-is-known",
        "identifier_type",
        "identifier type",
        [plan.identifier_type],
        Experiment.IdentifierType.values,
    )
    yield from _unknown(
        "value-has-form",
        "decision_rule",
        "decision rule",
        [plan.decision_rule],
        Experiment.DecisionRule.values,
    )
    layers = list(Layer.objects.values_list("name", flat=True))
    yield from _unknown("layer-is-known", "layer", "layer", [plan.layer], ["", *layers])
    known = {"", *metric_catalog.titles(), *(_metrics(before))}
    for field, named in (
        ("primary_metric", [plan.primary_metric]),
        ("secondary_metrics", plan.secondary_metrics),
        ("guardrails", [guardrail.metric for guardrail in plan.guardrails]),
    ):
        yield from _unknown("metric-is-known", field, "metric", named, sorted(known))
    title = plan.schema_title
    if title and (
        plan.schema_id.strip("/").rpartition("/")[0] != title
        or not schema_catalog.is_known(plan.schema_id)
    ):
        newest = schema_catalog.latest_uri(title)
        yield Refusal(
            "schema-fits-stream",
            "schema_id",
            f"“{plan.schema_id}” is no version of the stream's schema",
            f"“{plan.schema_id}” is no released version of {title}, which the stream takes.",
            f"Leave it empty, or give one such as {newest}.",
        )


def _metrics(plan: AnyPlan | None) -> list[str]:
    if not isinstance(plan, ExperimentPlan):
        return []
    return [
        plan.primary_metric,
        *plan.secondary_metrics,
        *(guardrail.metric for guardrail in plan.guardrails),
    ]


def _unknown(
    rule: str, field: str, word: str, named: Collection[str], known: Collection[str]
) -> Iterator[Refusal]:
    for name in named:
        if name not in known:
            listed = [value for value in known if value]
            yield Refusal(
                rule,
                field,
                f"there is no {word} “{name}”",
                f"“{name}” is no {word} of this registry.",
                f"Give one of {', '.join(listed)}." if listed else "Make it first.",
            )
