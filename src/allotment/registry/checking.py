"""The check on what the registry holds: documents from rows and plans, refusals from findings.

Rules about the record's life cycle are the registry's own (`rules`). Everything that only needs
configuration is the check's (`contract.check`), which sees streams, schemas, items and metrics
together. Where both have a rule of one name, the registry's word counts: it knows families of
sites, exceptions and the layer's owners.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from django.db.models import QuerySet

from allotment.analysis.metrics import METRICS
from allotment.contract.check import (
    PLATFORMS,
    Configuration,
    Entry,
    Finding,
    Kind,
    Limits,
    MetricNeeds,
    Observations,
    Scene,
    Severity,
    check_scene,
    of_entry,
)
from allotment.contract.check.entries import entry_of
from allotment.contract.check.plan_files import FIELDS
from allotment.registry import environments, schema_catalog, targeting
from allotment.registry import plan as plans
from allotment.registry.models import Experiment, Instrument, Site, Stream
from allotment.registry.plan import AnyPlan, ExperimentPlan, InstrumentPlan, rate_text
from allotment.registry.remembered import Memory
from allotment.registry.rules import Refusal
from allotment.registry.rules.catalog import RULES as OWN_RULES
from allotment.registry.sites import FAMILY_PREFIX
from allotment.registry.states import LIVE, Stage
from allotment.registry.surroundings import AnyItem
from allotment.registry.translated import told

_memory = Memory()
"""What a plan is judged beside: all that is live on its stream, at each key that is pressed."""
_LONGEST: Final = timedelta(minutes=1)
_BOTH_JUDGE: Final = frozenset({"attribute-has-field"})
"""Rules of the registry that see less than the check's of the same name."""
_SAID_BY: Final = {
    "targeting-has-shape": "condition-can-be-met",
    "targeting-operator-is-known": "condition-can-be-met",
    "targeting-operand-fits": "condition-can-be-met",
    "environment-is-known": "environment-has-stream",
    "layer-ranges-apart": "layer-range-is-free",
    "stream-name-has-form": "name-has-form",
}
"""Rules of the check that the registry's forms hold by another rule."""


def document(plan: AnyPlan) -> dict[str, Any]:
    """A plan in the public API's shape, with the fields of the record that the check reads."""
    rates: dict[str, Any] = {"default": float(plan.default_rate)}
    for site, rate in plan.sites:
        rates.setdefault(rate_text(rate), []).append(site)
    shared: dict[str, Any] = {
        "name": plan.machine_name,
        "start": _time(plan.start),
        "end": _time(plan.end),
        "sample_rate": rates,
        "stream_name": plan.stream,
        "contextual_attributes": list(plan.attributes),
        "risk_level": plan.risk_level,
        "review_link": plan.review_link,
        "environments": list(plan.environments),
        "targeting": targeting.to_document(plan.targeting),
    }
    if isinstance(plan, InstrumentPlan):
        return shared | {"sample_unit": plan.sample_unit, "schema_title": plan.schema_title}
    return shared | {
        "user_identifier_type": plan.identifier_type,
        "groups": [group.name for group in plan.groups],
        "weights": [group.weight for group in plan.groups],
        "schema_id": plan.schema_id,
        "holds_out": list(plan.holds_out),
        "metrics": {
            "primary": plan.primary_metric,
            "secondary": list(plan.secondary_metrics),
            "guardrails": [guardrail.metric for guardrail in plan.guardrails],
        },
    }


def _time(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def stream_document(row: Stream) -> dict[str, Any]:
    """A stream's settings as they would be served, also where they are damaged."""
    settings: Any = row.settings
    found = dict(settings) if isinstance(settings, dict) else {"": settings}
    producers = found.get("producers", {})
    attributes = row.attributes if isinstance(row.attributes, list) else []
    if isinstance(producers, dict):
        client = producers.get("metrics_platform_client", {})
        if isinstance(client, dict):
            client = {"provide_values": attributes, **client}
        found["producers"] = {**producers, "metrics_platform_client": client}
    return {
        **found,
        "stream": row.name,
        "schema_title": row.schema_title,
        "destination_event_service": row.destination_event_service,
        "environments": row.environments,
    }


def stream_entry(row: Stream) -> Entry:
    """A stream as the check reads it."""
    return entry_of(Kind.STREAM, stream_document(row), name=row.name)


def item_entry(plan: AnyPlan) -> Entry:
    """A plan as the check reads it."""
    kind = Kind.EXPERIMENT if isinstance(plan, ExperimentPlan) else Kind.INSTRUMENT
    return entry_of(kind, document(plan), name=plan.machine_name)


def metric_needs() -> tuple[MetricNeeds, ...]:
    """What each metric of the catalogue reads."""
    return tuple(
        MetricNeeds(m.name, ("action",), (m.numerator_action, m.denominator_action))
        for m in METRICS
    )


def scene(
    configuration: Configuration,
    now: datetime,
    *,
    previous: Configuration | None = None,
    observations: Observations | None = None,
) -> Scene:
    """What the registry's check looks at."""
    usual = Limits()
    return Scene(
        configuration,
        schema_catalog.repository(),
        now,
        metrics=metric_needs(),
        platforms=PLATFORMS,
        previous=previous,
        observations=observations,
        limits=Limits(
            environments=usual.environments | set(environments.ENVIRONMENTS),
            families=frozenset(f"{FAMILY_PREFIX}{name}" for name in _families()),
        ),
    )


def _families() -> Iterator[str]:
    named = Site.objects.exclude(family="").order_by("family")
    yield from named.values_list("family", flat=True).distinct()


def configuration(now: datetime) -> Configuration:
    """Every stream, and every item that is served now or later. A damaged row is left out."""
    return Configuration(
        tuple(stream_entry(row) for row in Stream.objects.order_by("name")),
        tuple(_live(Instrument.objects.all(), now)),
        tuple(_live(Experiment.objects.all(), now)),
    )


def _live(
    rows: QuerySet[Any], now: datetime, *, but: object = None, memory: Memory | None = None
) -> Iterator[Entry]:
    on = rows.filter(stage=Stage.ACTIVE).select_related("stream").prefetch_related("sites")
    if rows.model is Experiment:
        on = on.select_related("stream", "layer").prefetch_related("groups")
    known = memory or Memory()
    for _, row in known.rows(on.order_by("machine_name"), lambda new: [(str(r), r) for r in new]):
        if row.pk == but or row.state(now) not in LIVE:
            continue
        try:
            yield known.made(row, "entry", partial(_entry_of, row))
        except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError):
            continue  # Home tells of rows that cannot be served


def _entry_of(row: AnyItem) -> Entry:
    return item_entry(plans.of(row))


def of_lab(
    now: datetime,
    *,
    previous: Configuration | None = None,
    observations: Observations | None = None,
) -> tuple[Configuration, list[Finding]]:
    """What the rules find in everything that is served, and the configuration they saw."""
    found = configuration(now)
    looked = scene(found, now, previous=previous, observations=observations)
    return found, check_scene(looked)


def of_plan(plan: AnyPlan, now: datetime, item: AnyItem | None = None) -> list[Finding]:
    """What the rules find in a plan among what is live on its stream.

    `item` is the row that has the plan, where there is one: it is not its own neighbor.
    """
    return of_candidate(item_entry(plan), now, item)


def of_candidate(entry: Entry, now: datetime, item: AnyItem | None = None) -> list[Finding]:
    """The same of an entry, which may be wrong in any way."""
    neighbors: dict[type[AnyItem], tuple[Entry, ...]] = {}
    _memory.look_after(_LONGEST, now)
    for model in (Instrument, Experiment):
        rows = model.objects.filter(stream__name=entry.stream)
        but = item.pk if isinstance(item, model) else None
        neighbors[model] = tuple(_live(rows, now, but=but, memory=_memory))
    whole = Configuration(
        tuple(stream_entry(row) for row in Stream.objects.order_by("name")),
        _with(entry, Kind.INSTRUMENT, neighbors[Instrument]),
        _with(entry, Kind.EXPERIMENT, neighbors[Experiment]),
    )
    return of_entry(scene(whole, now), entry.kind, entry.name)


def forget() -> None:
    """Read anew what plans are judged beside."""
    _memory.forget()


def _with(entry: Entry, kind: Kind, others: tuple[Entry, ...]) -> tuple[Entry, ...]:
    return (*others, entry) if entry.kind is kind else others


def of_stream(row: Stream, now: datetime) -> list[Finding]:
    """What the rules find in a stream, stored or not, among the others and what is live on it."""
    entry = stream_entry(row)
    others = tuple(
        stream_entry(other) for other in Stream.objects.exclude(pk=row.pk).order_by("name")
    )
    before = Stream.objects.filter(pk=row.pk).first() if row.pk else None
    whole = Configuration(
        (*others, entry),
        tuple(_live(Instrument.objects.filter(stream__name=row.name), now)),
        tuple(_live(Experiment.objects.filter(stream__name=row.name), now)),
    )
    previous = Configuration((*others, stream_entry(before))) if before else None
    return of_entry(scene(whole, now, previous=previous), Kind.STREAM, row.name)


def judged(findings: Iterable[Finding], said: Collection[str] = ()) -> list[Finding]:
    """The findings that the registry's own rules do not judge, or have not said already."""
    return [
        finding
        for finding in findings
        if (finding.rule not in OWN_RULES or finding.rule in _BOTH_JUDGE)
        and finding.rule not in said
        and _SAID_BY.get(finding.rule, "") not in said
    ]


def field_of(finding: Finding) -> str:
    """The form's field that a finding concerns."""
    return FIELDS.get(finding.place.field, finding.place.field)


@dataclass(frozen=True)
class Remark:
    """A finding as the form shows it beside the field that it concerns."""

    severity: str
    field: str
    headline: str
    text: str
    remedy: str
    rule: str


def remark(finding: Finding) -> Remark:
    """A finding for people who fill in a form, in their language."""
    return Remark(
        finding.severity.value,
        field_of(finding),
        told(finding.headline),
        f"{told(finding.what)} {told(finding.consequence)}",
        told(finding.remedy),
        finding.rule,
    )


def refusal(finding: Finding) -> Refusal:
    """A finding as a rule's no, in the reader's language."""
    what = f"{told(finding.what)} {told(finding.consequence)}"
    headline, remedy = told(finding.headline), told(finding.remedy)
    return Refusal(finding.rule, field_of(finding), headline, what, remedy)


def refusals(findings: Iterable[Finding], said: Iterable[Refusal] = ()) -> tuple[Refusal, ...]:
    """What of the findings refuses: the errors that the registry's rules have not said."""
    names = {one.rule for one in said}
    errors = (f for f in findings if f.severity is Severity.ERROR)
    return tuple(refusal(finding) for finding in judged(errors, names))
