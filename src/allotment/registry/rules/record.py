"""Rules of the record: names, dates, groups, and the plan of the analysis."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from decimal import Decimal

from django.utils.translation import gettext

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
            gettext("the machine name has a form that code cannot use"),
            gettext(
                "“%(name)s” is not 8 to 63 letters, digits, dots, dashes or underscores that "
                "begin with a letter or digit."
            )
            % {"name": name},
            gettext("Choose a name such as related-articles-card."),
        )
    elif name.casefold() in {other.casefold() for other in taken}:
        yield Refusal(
            "name-is-free",
            "machine_name",
            gettext("the machine name is taken"),
            gettext("“%(name)s” is the name of another instrument, experiment or stream.")
            % {"name": name},
            gettext("Choose another name; upper and lower case count as the same."),
        )


def dates(plan: AnyPlan) -> Iterator[Refusal]:
    """The end is after the start."""
    if plan.start is not None and plan.end <= plan.start:
        yield Refusal(
            "end-after-start",
            "end",
            gettext("the end is not after the start"),
            gettext("It starts %(start)s and ends %(end)s.")
            % {"start": moment(plan.start), "end": moment(plan.end)},
            gettext("Choose an end that is later than the start."),
        )


def links(plan: AnyPlan) -> Iterator[Refusal]:
    """Links lead somewhere: a page shows them, so nothing but a web address is taken."""
    for link in plan.links:
        if not _ADDRESS.fullmatch(link.url):
            yield Refusal(
                "link-is-address",
                "links",
                gettext("a link is no web address"),
                gettext("“%(url)s” does not begin with http:// or https://.") % {"url": link.url},
                gettext("Give the whole address, as the browser shows it."),
            )


def groups(plan: ExperimentPlan) -> Iterator[Refusal]:
    """One control and one to nine groups besides, each named once, with weights that add up."""
    if not FEWEST_GROUPS <= len(plan.groups) <= MAX_GROUPS:
        yield Refusal(
            "groups-are-enough",
            "groups",
            gettext("an experiment has %(fewest_groups)s to %(max_groups)s groups")
            % {"fewest_groups": FEWEST_GROUPS, "max_groups": MAX_GROUPS},
            gettext("This one has %(groups)s.") % {"groups": len(plan.groups)},
            gettext("The first is control; give at least one more to compare with it."),
        )
    counts = Counter(group.name for group in plan.groups)
    for name, count in counts.items():
        if count > 1:
            yield Refusal(
                "group-named-once",
                "groups",
                gettext("two groups are called %(name)s") % {"name": name},
                gettext("“%(name)s” stands in %(count)s rows.") % {"name": name, "count": count},
                gettext("Give each group a name of its own."),
            )
        if not GROUP_NAME.fullmatch(name):
            yield Refusal(
                "group-name-has-form",
                "groups",
                gettext("“%(name)s” cannot be a group's name") % {"name": name},
                gettext("“%(name)s” is not 1 to 63 letters, digits, dots, dashes or underscores.")
                % {"name": name},
                gettext("Choose a name such as control or card."),
            )
    weights = [group.weight for group in plan.groups]
    if min(weights, default=1) < 1 or sum(weights) > MAX_TOTAL_WEIGHT:
        yield Refusal(
            "weights-are-positive",
            "groups",
            gettext("a group's weight cannot be used"),
            gettext("The weights are %(weights)s.")
            % {"weights": ", ".join(str(w) for w in weights)},
            gettext("Give whole numbers from 1 whose sum is at most %(max_total_weight)s.")
            % {"max_total_weight": MAX_TOTAL_WEIGHT},
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
                gettext("%(metric)s is named more than once") % {"metric": metric},
                gettext(
                    "“%(metric)s” stands %(count)s times among primary, secondary and guardrail "
                    "metrics."
                )
                % {"metric": metric, "count": count},
                gettext("Keep it in the place that fits best."),
            )
    effect = plan.minimum_effect
    if effect is not None and effect <= 0:
        yield Refusal(
            "effect-is-positive",
            "minimum_effect",
            gettext("the smallest change worth having is not above 0"),
            gettext("It is %(effect)s%%.") % {"effect": effect},
            gettext("Give how much better the metric must get, such as 2."),
        )
    for guardrail in plan.guardrails:
        if guardrail.margin <= Decimal(0):
            yield Refusal(
                "margin-is-positive",
                "guardrails",
                gettext("the margin of %(metric)s is not above 0") % {"metric": guardrail.metric},
                gettext("It is %(margin)s%%; no experiment could ever show that.")
                % {"margin": guardrail.margin},
                gettext("Give how much worse it may get at most, such as 1."),
            )
    for field, headline in (
        ("planned_size", gettext("the planned size is not at least 1")),
        ("planned_days", gettext("the planned run time is not at least 1")),
    ):
        planned = getattr(plan, field)
        if planned is not None and planned < 1:
            yield Refusal(
                "planned-is-positive",
                field,
                headline,
                gettext("It is %(planned)s.") % {"planned": planned},
                gettext("Give a whole number from 1, or leave it empty."),
            )
