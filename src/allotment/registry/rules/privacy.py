"""Rules of privacy: what is sent, of whom, and who has looked at it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from django.utils.translation import gettext

from allotment.registry import attributes, risk, targeting, words
from allotment.registry.plan import AnyPlan
from allotment.registry.rules.facts import StreamFacts
from allotment.registry.rules.refusal import Refusal
from allotment.registry.translated import told


def tiers(plan: AnyPlan, stream: StreamFacts) -> Iterator[Refusal]:
    """The chosen tier is no lower than what is sent makes it; from medium on a review is linked."""
    found = risk.assess(
        (*stream.attributes, *plan.attributes),
        fields=stream.fields,
        keeps_user_agent=stream.keeps_user_agent,
    )
    if risk.is_lower(plan.risk_level, found.tier):
        yield Refusal(
            "risk-fits-what-is-sent",
            "risk_level",
            gettext("what is sent makes the risk %(tier)s") % {"tier": words.inside(found.tier)},
            gettext("Its events carry %(sentence)s.") % {"sentence": told(found.sentence)},
            gettext("Choose %(tier)s and link the review, or send less.")
            % {"tier": words.inside(found.tier)},
        )
    if plan.risk_level in {"medium", "high"} and not plan.review_link:
        yield Refusal(
            "risk-needs-review",
            "review_link",
            gettext("%(risk_level)s risk needs a review")
            % {"risk_level": words.inside(plan.risk_level)},
            gettext("The risk is %(risk_level)s and no review is linked.")
            % {"risk_level": words.inside(plan.risk_level)},
            gettext("Link the security and legal review, or choose another risk level."),
        )


def acknowledged(plan: AnyPlan) -> Iterator[Refusal]:
    """Somebody has said that the guidelines are followed."""
    if not plan.acknowledged:
        yield Refusal(
            "guidelines-acknowledged",
            "acknowledged",
            gettext("the guidelines are not acknowledged"),
            gettext("Nobody has said that this follows the data collection guidelines."),
            gettext("Read them and tick the box."),
        )


def fields(plan: AnyPlan) -> Iterator[Refusal]:
    """Every attribute has a field in the schema."""
    missing = attributes.without_field(plan.attributes, plan.schema_title)
    if missing:
        yield Refusal(
            "attribute-has-field",
            "attributes",
            gettext("the schema has no field for an attribute"),
            gettext(
                "Events of %(stream)s have no field for %(missing)s, so every event would be "
                "refused."
            )
            % {"stream": plan.stream, "missing": ", ".join(missing)},
            gettext("Leave it out, or choose another stream."),
        )


def conditions(plan: AnyPlan) -> Iterator[Refusal]:
    """Every condition names a known attribute, a comparison that fits it, and a fitting value."""
    for condition in plan.targeting:
        problem = targeting.problem(condition)
        if problem is not None:
            yield Refusal(
                "condition-can-be-met",
                "targeting",
                gettext("a condition on %(attribute)s cannot be used")
                % {"attribute": condition.attribute},
                gettext("Nobody would meet it."),
                problem,
            )
    counts = Counter((c.attribute, c.operator) for c in plan.targeting)
    for (attribute, operator), count in counts.items():
        if count > 1:
            yield Refusal(
                "condition-listed-once",
                "targeting",
                gettext("%(attribute)s %(operator)s is asked %(count)s times")
                % {"attribute": attribute, "operator": operator, "count": count},
                gettext("Of two conditions of one kind on one attribute, only one could count."),
                gettext("Keep one of the rows; “in” takes several values."),
            )
