"""Rules about metrics: known, with fields that exist and are sent, with their actions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from allotment.contract.check.entries import Entry, Path
from allotment.contract.check.findings import Kind, Severity, listed, shown
from allotment.contract.check.platforms import ATTRIBUTES
from allotment.contract.check.rule import Fault, rule_for
from allotment.contract.check.scene import MetricNeeds, Scene, did_you_mean
from allotment.contract.schema_fields import has_field
from allotment.contract.texts import said, sentences

EXPOSURE = "experiment_exposure"


def _named(entry: Entry, scene: Scene) -> Iterator[tuple[MetricNeeds, Path]]:
    """The metrics that an experiment names and somebody defines; each once."""
    known = {metric.name: metric for metric in scene.metrics or ()}
    seen: set[str] = set()
    for name, path in entry.metrics:
        if name in known and name not in seen:
            seen.add(name)
            yield known[name], path


@rule_for("metric-is-known", Severity.ERROR, Kind.EXPERIMENT)
def metric_is_known(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """Every metric that an experiment names is in the catalogue.

    A metric used to be registered in another repository, by another team, after the launch; what
    was missing there was found when the result was due.
    """
    if scene.metrics is None:
        return
    known = [metric.name for metric in scene.metrics]
    for name, path in entry.metrics:
        if name not in known:
            yield Fault(
                said("there is no metric “%(name)s”", name=name),
                said("%(name)s is not in the metric catalogue.", name=shown(name)),
                said("It would never be computed, and no result would come."),
                sentences(
                    did_you_mean(name, known),
                    said("Choose one of the catalogue, or add it there first."),
                ),
                path,
            )


@rule_for("metric-has-field", Severity.ERROR, Kind.EXPERIMENT)
def metric_has_field(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """Every field that a metric reads is in the schema, and is sent.

    Missing attributes were found by hand, days after launch. Events that were sent without a
    field cannot be given it later.
    """
    schema = scene.schema_of(entry)
    if schema is None:
        return
    for metric, path in _named(entry, scene):
        for field in metric.fields:
            steps = tuple(field.split("."))
            if not _reachable(schema.body, steps):
                yield Fault(
                    said("the schema lacks a field that %(metric)s reads", metric=metric.name),
                    said(
                        "%(metric)s reads %(field)s, and %(schema)s has no such field.",
                        metric=metric.name,
                        field=field,
                        schema=schema.uri,
                    ),
                    said("The metric could not be computed."),
                    said("Choose another metric, or a stream whose schema has the field."),
                    path,
                )
            elif (name := "_".join(steps)) in ATTRIBUTES and name not in _always_or(entry, scene):
                yield Fault(
                    said("nobody sends a field that %(metric)s reads", metric=metric.name),
                    said(
                        "%(metric)s reads %(field)s, and nothing asks clients to fill it.",
                        metric=metric.name,
                        field=field,
                    ),
                    said(
                        "The metric would find nothing, and events that were sent cannot be mended."
                    ),
                    said("Ask for %(name)s.", name=name),
                    entry.attribute_path,
                    field="attributes",
                )


def _always_or(entry: Entry, scene: Scene) -> tuple[str, ...]:
    always = ("agent_client_platform", "agent_client_platform_family")
    return (*always, *scene.requested(entry))


def _reachable(body: Mapping[str, Any], steps: tuple[str, ...]) -> bool:
    if has_field(dict(body), steps):
        return True
    node: Any = body
    for at, name in enumerate(steps):
        properties = node.get("properties") if isinstance(node, dict) else None
        if isinstance(properties, dict) and name in properties:
            node = properties[name]
            continue
        # A map takes any key, and what is below it is its values' matter.
        return at > 0 and isinstance(node, dict) and node.get("additionalProperties") is not False
    return True


@rule_for("metric-field-arrives", Severity.WARNING, Kind.EXPERIMENT)
def metric_field_arrives(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """Events of a running experiment really carry the fields that its metrics read.

    What is configured and what clients send are two things; only events that came prove it.
    """
    seen = scene.observations.fields.get(entry.stream) if scene.observations else None
    if seen is None or not entry.has_run(scene.now):
        return
    for metric, path in _named(entry, scene):
        lacking = [f for f in metric.fields if f not in seen and not _is_parent(f, seen)]
        if lacking:
            yield Fault(
                said("nobody sends what %(metric)s reads", metric=metric.name),
                said(
                    "No event of %(stream)s lately carried %(names)s.",
                    stream=entry.stream,
                    names=listed(lacking),
                ),
                said("The metric finds nothing."),
                said("Look at the code that sends the events: it must fill these fields."),
                path,
            )


def _is_parent(field: str, seen: frozenset[str]) -> bool:
    return any(path.startswith(f"{field}.") for path in seen)


@rule_for("metric-action-arrives", Severity.WARNING, Kind.EXPERIMENT)
def metric_action_arrives(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """A running experiment's events have the actions that its metrics count.

    A click that is sent under another word than the metric counts gives a rate of nothing, which
    looks like a result.
    """
    seen = scene.observations.actions.get(entry.name) if scene.observations else None
    if seen is None or not entry.has_run(scene.now):
        return
    for metric, path in _named(entry, scene):
        lacking = [action for action in metric.actions if action not in seen]
        if lacking:
            hints = [did_you_mean(action, sorted(seen)) for action in lacking]
            yield Fault(
                said("nobody sends an action that %(metric)s counts", metric=metric.name),
                said(
                    "No event of %(name)s lately had the action %(actions)s; there were %(seen)s.",
                    name=entry.name,
                    actions=listed(lacking),
                    seen=listed(sorted(seen)),
                )
                if seen
                else said(
                    "No event of %(name)s lately had the action %(actions)s; there were none.",
                    name=entry.name,
                    actions=listed(lacking),
                ),
                said("The metric counts nothing."),
                sentences(
                    *hints, said("Send that action, or choose a metric that counts what is sent.")
                ),
                path,
            )


@rule_for("exposure-arrives", Severity.WARNING, Kind.EXPERIMENT)
def exposure_arrives(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """A running experiment whose metrics count from exposure sends exposures.

    In May 2026 people counted for control who were not eligible at all: without an exposure, sent
    where a subject meets its group, nobody knows who took part.
    """
    seen = scene.observations.actions.get(entry.name) if scene.observations else None
    if seen is None or not entry.has_run(scene.now) or EXPOSURE in seen:
        return
    needing = [metric.name for metric, _ in _named(entry, scene) if metric.from_exposure]
    if needing:
        yield Fault(
            said("no exposure is sent"),
            said(
                "%(metrics)s counts from the exposure on, and no event of %(name)s lately had the "
                "action %(action)s.",
                metrics=listed(needing),
                name=entry.name,
                action=EXPOSURE,
            ),
            said("Nobody would be counted."),
            said(
                "Call send_exposure where a subject meets its group, after it is known to be "
                "eligible."
            ),
            ("metrics",),
        )
