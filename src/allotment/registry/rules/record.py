"""Rules of the record: names, dates, groups, and the plan of the analysis."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from decimal import Decimal

from allotment.allocation.law import MAX_TOTAL_WEIGHT
from allotment.allocation.reading import MAX_GROUPS
from allotment.contract.check.rules_names import GROUP_NAME, MACHINE_NAME
from allotment.registry.plan import AnyPlan, ExperimentPlan
from allotment.registry.rules.refusal import Refusal, moment

FEWEST_GROUPS = 2
_ADDRESS = re.compile(r"https?://[^\s/]+\S*", re.IGNORECASE)


def names(plan: AnyPlan, taken: Collection[str]) -> Iterator[Refusal]:
    """The machine name has the form that code can use, and nobody else has it."""
    name = plan.machine_name
    if not MACHINE_NAME.fullmatch(name):
        yield Refusal(
            "name-has-form",
            "machine_name",
            "the machine name has a form that code cannot use",
            f"“{name}” is not 8 to 63 letters, digits, dots, dashes or underscores "
            "that begin with a letter or digit.",
            "Choose a name such as related-articles-card.",
        )
    elif name.casefold() in {other.casefold() for other in taken}:
        yield Refusal(
            "name-is-free",
            "machine_name",
            "the machine name is taken",
            f"“{name}” is the name of another instrument, experiment or stream.",
            "Choose another name; upper and lower case count as the same.",
        )


def dates(plan: AnyPlan) -> Iterator[Refusal]:
    """The end is after the start."""
    if plan.start is not None and plan.end <= plan.start:
        yield Refusal(
            "end-after-start",
            "end",
            "the end is not after the start",
            f"It starts {moment(plan.start)} and ends {moment(plan.end)}.",
            "Choose an end that is later than the start.",
        )


def links(plan: AnyPlan) -> Iterator[Refusal]:
    """Links lead somewhere: a page shows them, so nothing but a web address is taken."""
    for link in plan.links:
        if not _ADDRESS.fullmatch(link.url):
            yield Refusal(
                "link-is-address",
                "links",
                "a link is no web address",
                f"“{link.url}” does not begin with http:// or https://.",
                "Give the whole address, as the browser shows it.",
            )


def groups(plan: ExperimentPlan) -> Iterator[Refusal]:
    """One control and one to nine groups besides, each named once, with weights that add up."""
    if not FEWEST_GROUPS <= len(plan.groups) <= MAX_GROUPS:
        yield Refusal(
            "groups-are-enough",
            "groups",
            f"an experiment has {FEWEST_GROUPS} to {MAX_GROUPS} groups",
            f"This one has {len(plan.groups)}.",
            "The first is control; give at least one more to compare with it.",
        )
    counts = Counter(group.name for group in plan.groups)
    for name, count in counts.items():
        if count > 1:
            yield Refusal(
                "group-named-once",
                "groups",
                f"two groups are called {name}",
                f"“{name}” stands in {count} rows.",
                "Give each group a name of its own.",
            )
        if not GROUP_NAME.fullmatch(name):
            yield Refusal(
                "group-name-has-form",
                "groups",
                f"“{name}” cannot be a group's name",
                f"“{name}” is not 1 to 63 letters, digits, dots, dashes or underscores.",
                "Choose a name such as control or card.",
            )
    weights = [group.weight for group in plan.groups]
    if min(weights, default=1) < 1 or sum(weights) > MAX_TOTAL_WEIGHT:
        yield Refusal(
            "weights-are-positive",
            "groups",
            "a group's weight cannot be used",
            f"The weights are {', '.join(str(w) for w in weights)}.",
            f"Give whole numbers from 1 whose sum is at most {MAX_TOTAL_WEIGHT}.",
        )


def analysis(plan: ExperimentPlan) -> Iterator[Refusal]:
    """One metric decides, none is named twice, and the sizes planned are sizes."""
    named = [plan.primary_metric] if plan.primary_metric else []
    named += [*plan.secondary_metrics, *(g.metric for g in plan.guardrails)]
    for metric, count in Counter(named).items():
        if count > 1:
            yield Refusal(
                "metric-named-once",
                "secondary_metrics",
                f"{metric} is named more than once",
                f"“{metric}” stands {count} times among primary, secondary and guardrail metrics.",
                "Keep it in the place that fits best.",
            )
    effect = plan.minimum_effect
    if effect is not None and effect <= 0:
        yield Refusal(
            "effect-is-positive",
            "minimum_effect",
            "the smallest change worth having is not above 0",
            f"It is {effect}%.",
            "Give how much better the metric must get, such as 2.",
        )
    for guardrail in plan.guardrails:
        if guardrail.margin <= Decimal(0):
            yield Refusal(
                "margin-is-positive",
                "guardrails",
                f"the margin of {guardrail.metric} is not above 0",
                f"It is {guardrail.margin}%; no experiment could ever show that.",
                "Give how much worse it may get at most, such as 1.",
            )
    for field, word in (("planned_size", "size"), ("planned_days", "run time")):
        planned = getattr(plan, field)
        if planned is not None and planned < 1:
            yield Refusal(
                "planned-is-positive",
                field,
                f"the planned {word} is not at least 1",
                f"It is {planned}.",
                "Give a whole number from 1, or leave it empty.",
            )
