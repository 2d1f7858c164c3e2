"""Rules of privacy: what is sent, of whom, and who has looked at it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from allotment.registry import attributes, risk, targeting
from allotment.registry.plan import AnyPlan
from allotment.registry.rules.facts import StreamFacts
from allotment.registry.rules.refusal import Refusal


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
            f"what is sent makes the risk {found.tier}",
            f"Its events carry {found.sentence}.",
            f"Choose {found.tier} and link the review, or send less.",
        )
    if plan.risk_level in {"medium", "high"} and not plan.review_link:
        yield Refusal(
            "risk-needs-review",
            "review_link",
            f"{plan.risk_level} risk needs a review",
            f"The risk is {plan.risk_level} and no review is linked.",
            "Link the security and legal review, or choose another risk level.",
        )


def acknowledged(plan: AnyPlan) -> Iterator[Refusal]:
    """Somebody has said that the guidelines are followed."""
    if not plan.acknowledged:
        yield Refusal(
            "guidelines-acknowledged",
            "acknowledged",
            "the guidelines are not acknowledged",
            "Nobody has said that this follows the data collection guidelines.",
            "Read them and tick the box.",
        )


def fields(plan: AnyPlan) -> Iterator[Refusal]:
    """Every attribute has a field in the schema."""
    missing = attributes.without_field(plan.attributes, plan.schema_title)
    if missing:
        yield Refusal(
            "attribute-has-field",
            "attributes",
            "the schema has no field for an attribute",
            f"Events of {plan.stream} have no field for {', '.join(missing)}, "
            "so every event would be refused.",
            "Leave it out, or choose another stream.",
        )


def conditions(plan: AnyPlan) -> Iterator[Refusal]:
    """Every condition names a known attribute, a comparison that fits it, and a fitting value."""
    for condition in plan.targeting:
        problem = targeting.problem(condition)
        if problem is not None:
            yield Refusal(
                "condition-can-be-met",
                "targeting",
                f"a condition on {condition.attribute} cannot be used",
                "Nobody would meet it.",
                problem,
            )
    counts = Counter((c.attribute, c.operator) for c in plan.targeting)
    for (attribute, operator), count in counts.items():
        if count > 1:
            yield Refusal(
                "condition-listed-once",
                "targeting",
                f"{attribute} {operator} is asked {count} times",
                "Of two conditions of one kind on one attribute, only one could count.",
                "Keep one of the rows; “in” takes several values.",
            )
