"""The check itself: every rule over one scene. Pure but for reading the schema repository."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from allotment.contract.check import (  # noqa: F401 - each module adds its rules
    rules_attributes,
    rules_changes,
    rules_dates,
    rules_holdouts,
    rules_metrics,
    rules_names,
    rules_observed,
    rules_privacy,
    rules_schema,
    rules_settings,
    rules_streams,
    rules_targeting,
    rules_traffic,
)
from allotment.contract.check.entries import Configuration
from allotment.contract.check.findings import Finding, Kind, Severity
from allotment.contract.check.platforms import PLATFORMS, Platform
from allotment.contract.check.rule import RULES, Rule
from allotment.contract.check.scene import Limits, MetricNeeds, Observations, Scene, did_you_mean
from allotment.contract.schemas import SchemaRepository


class UnknownRuleError(ValueError):
    """No rule has that name; the message says which is like it."""


def check(
    configuration: Configuration,
    schemas: SchemaRepository,
    *,
    now: datetime,
    metrics: Collection[MetricNeeds] | None = None,
    platforms: Collection[Platform] = PLATFORMS,
    previous: Configuration | None = None,
    observations: Observations | None = None,
    limits: Limits | None = None,
) -> list[Finding]:
    """Everything that the rules find in a configuration, errors first.

    Args:
        configuration: what to check, in the public API's shapes.
        schemas: the schemas that events are held to.
        now: the moment against which dates are held.
        metrics: the metric catalogue; None where it is not known, and metrics are not judged.
        platforms: the client libraries in use.
        previous: the configuration before, to tell what got lost.
        observations: what was lately seen at the intake and in requests.
        limits: what the lab allows; the default's where it is None.
    """
    return check_scene(
        Scene(
            configuration,
            schemas,
            now,
            metrics=None if metrics is None else tuple(metrics),
            platforms=tuple(platforms),
            previous=previous,
            observations=observations,
            limits=limits or Limits(),
        )
    )


def check_scene(
    scene: Scene, *, only: Collection[str] = (), skip: Collection[str] = ()
) -> list[Finding]:
    """What the rules find in a scene: errors, warnings, notes; within each by place.

    Args:
        scene: what is looked at. With `about`, findings about other entries are left out.
        only: names of the rules to apply; empty for all.
        skip: names of rules to leave out.

    Raises:
        UnknownRuleError: `only` or `skip` name a rule that there is not.
    """
    for name in (*only, *skip):
        named_rule(name)
    applied = [r for n, r in RULES.items() if (not only or n in only) and n not in skip]
    findings = [finding for rule in applied for finding in rule.findings(scene)]
    if scene.about is not None:
        findings = [f for f in findings if (f.place.kind, f.place.name) in scene.about]
    return sorted(dict.fromkeys(findings), key=_order)


def _order(finding: Finding) -> tuple[int, str, str, str]:
    place = finding.place
    return (-finding.severity.weight, place.kind, place.name, place.pointer)


def of_entry(scene: Scene, kind: Kind, name: str) -> list[Finding]:
    """What the rules find in one entry, all others around it."""
    return check_scene(replace(scene, about=frozenset({(kind, name)})))


def named_rule(name: str) -> Rule:
    """The rule of a name.

    Raises:
        UnknownRuleError: there is none.
    """
    if name not in RULES:
        raise UnknownRuleError(
            f"there is no rule {name!r}. {did_you_mean(name, list(RULES))}".strip()
        )
    return RULES[name]


def worst(findings: Collection[Finding]) -> Severity | None:
    """The highest severity among findings; None where there are none."""
    return max((f.severity for f in findings), key=lambda s: s.weight, default=None)
