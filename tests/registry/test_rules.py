"""The named rules, each refused and satisfied."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from allotment.registry import rules
from allotment.registry.plan import ExperimentPlan, GroupPlan, InstrumentPlan
from allotment.registry.rules import Surroundings
from allotment.registry.states import State

NOW = datetime.now(UTC).replace(second=0, microsecond=0)
Make = Callable[..., ExperimentPlan]


def names(found: tuple[rules.Refusal, ...]) -> list[str]:
    return [refusal.rule for refusal in found]


def refused(plan: ExperimentPlan | InstrumentPlan, **given: Any) -> list[str]:  # noqa: ANN401
    given = {"before": None, "now": NOW} | given
    return names(rules.to_save(plan, **given))


def test_to_save__sound_plan__no_refusal(experiment_plan: Make) -> None:
    assert refused(experiment_plan()) == []


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"machine_name": "short"}, "name-has-form"),
        ({"machine_name": "a" * 64}, "name-has-form"),
        ({"machine_name": "has a space"}, "name-has-form"),
        ({"machine_name": "-begins-badly"}, "name-has-form"),
        ({"machine_name": "ends-with-newline\n"}, "name-has-form"),
        ({"machine_name": "ümlaut-is-no-letter"}, "name-has-form"),
        ({"start": NOW + timedelta(days=30)}, "end-after-start"),
        ({"sites": (("frwiki", Decimal("0.1")), ("frwiki", Decimal("0.2")))}, "site-listed-once"),
        ({"sites": (("FR wiki", Decimal("0.1")),)}, "site-has-form"),
        ({"risk_level": "medium"}, "risk-needs-review"),
        ({"risk_level": "high"}, "risk-needs-review"),
        ({"acknowledged": False}, "guidelines-acknowledged"),
        ({"attributes": ("agent_ua_string",)}, "attribute-has-field"),
        ({"groups": (GroupPlan(name="control"),)}, "groups-are-enough"),
        ({"groups": tuple(GroupPlan(name=f"g{i}") for i in range(11))}, "groups-are-enough"),
        ({"groups": (GroupPlan(name="a"), GroupPlan(name="a"))}, "group-named-once"),
        ({"groups": (GroupPlan(name="a"), GroupPlan(name="b c"))}, "group-name-has-form"),
        (
            {"groups": (GroupPlan(name="a", weight=0), GroupPlan(name="b"))},
            "weights-are-positive",
        ),
    ],
)
def test_to_save__one_fault__exactly_its_rule_refuses(
    experiment_plan: Make, changes: dict[str, Any], rule: str
) -> None:
    assert refused(experiment_plan(**changes)) == [rule]


def test_to_save__name_of_another_in_other_case__refused(experiment_plan: Make) -> None:
    assert refused(
        experiment_plan(), around=Surroundings(taken=frozenset({"Search-Suggestions"}))
    ) == ["name-is-free"]


def test_to_save__shortest_and_longest_name__accepted(experiment_plan: Make) -> None:
    for name in ("a2345678", "A" * 63, "v1.2_x-y"):
        assert refused(experiment_plan(machine_name=name)) == []


def test_to_save__app_stream__web_only_attribute_refused(experiment_plan: Make) -> None:
    plan = experiment_plan(
        schema_title="analytics/product_metrics/app/base", attributes=("mediawiki_skin",)
    )
    assert refused(plan) == ["attribute-has-field"]


def before(plan: ExperimentPlan | InstrumentPlan, **changes: Any) -> rules.Standing:  # noqa: ANN401
    return rules.Standing(**({"plan": plan, "state": State.RUNNING} | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"machine_name": "another-name"},
        {"identifier_type": "mw-user"},
        {"groups": (GroupPlan(name="control"), GroupPlan(name="renamed", weight=2))},
        {"groups": (GroupPlan(name="control"), GroupPlan(name="described", weight=3))},
        {"groups": (GroupPlan(name="described", weight=2), GroupPlan(name="control"))},
    ],
)
def test_to_save__frozen_field_after_activation__refused(
    experiment_plan: Make, changes: dict[str, Any]
) -> None:
    old = experiment_plan()
    assert refused(experiment_plan(**changes), before=before(old)) == ["live-is-frozen"]
    stopped = before(old, state=State.STOPPED)
    assert refused(experiment_plan(**changes), before=stopped) == ["live-is-frozen"]
    draft = before(old, state=State.DRAFT)
    assert refused(experiment_plan(**changes), before=draft) == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sites": (("frwiki", Decimal("0.2")), ("dewiki", Decimal("0.1")))}, []),
        ({"sites": (("frwiki", Decimal("0.05")), ("dewiki", Decimal("0.1")))}, ["sites"]),
        ({"sites": (("frwiki", Decimal("0.1")),)}, ["sites"]),
        ({"default_rate": Decimal("0.01")}, []),
        # A site that takes over the default's place must not fall below it either.
        (
            {"default_rate": Decimal("0.2"), "sites": (("frwiki", Decimal("0.1")),)},
            [],
        ),
    ],
)
def test_to_save__traffic_after_activation__only_rises(
    experiment_plan: Make, changes: dict[str, Any], expected: list[str]
) -> None:
    found = rules.to_save(experiment_plan(**changes), before=before(experiment_plan()), now=NOW)
    assert [refusal.field for refusal in found] == expected
    assert all(refusal.rule == "traffic-only-rises" for refusal in found)


def test_to_save__new_site_below_default__counts_as_lowering(experiment_plan: Make) -> None:
    old = experiment_plan(default_rate=Decimal("0.5"), sites=())
    new = experiment_plan(default_rate=Decimal("0.5"), sites=(("frwiki", Decimal("0.1")),))
    assert refused(new, before=before(old)) == ["traffic-only-rises"]


def test_to_save__lowered_traffic__message_says_what_and_how(experiment_plan: Make) -> None:
    new = experiment_plan(sites=(("frwiki", Decimal("0.05")), ("dewiki", Decimal("0.1"))))
    (refusal,) = rules.to_save(new, before=before(experiment_plan()), now=NOW)
    assert "on frwiki is 10% and would fall to 5%" in refusal.sentence
    assert "Give 10% or more" in refusal.sentence


def test_to_save__instrument_share_after_activation__may_fall(
    instrument_plan: Callable[..., InstrumentPlan],
) -> None:
    new = instrument_plan(default_rate=Decimal("0.01"), sites=())
    assert refused(new, before=before(instrument_plan())) == []


def test_to_save__live_dates__editing_never_stops(experiment_plan: Make) -> None:
    start = NOW - timedelta(days=2)
    old = experiment_plan(start=start)
    past = experiment_plan(start=start, end=NOW - timedelta(days=1))
    assert refused(past, before=before(old)) == ["end-in-future"]
    moved = experiment_plan(start=NOW + timedelta(days=1))
    assert refused(moved, before=before(old)) == ["start-stays"]
    assert refused(moved, before=before(old, state=State.SCHEDULED)) == []


def test_to_activate__pending_risk_past_end_no_traffic__each_refuses(
    experiment_plan: Make,
) -> None:
    plan = experiment_plan(
        risk_level="pending", end=NOW - timedelta(days=1), default_rate=Decimal(0), sites=()
    )
    assert names(rules.to_activate(plan, now=NOW)) == [
        "risk-is-assessed",
        "end-in-future",
        "some-traffic",
    ]
    assert rules.to_activate(experiment_plan(), now=NOW) == ()


def test_percent__shares__shortest_text() -> None:
    shares = ["0", "1", "0.5", "0.00000001", "0.12500000"]
    assert [rules.percent(Decimal(s)) for s in shares] == [
        "0%",
        "100%",
        "50%",
        "0.000001%",
        "12.5%",
    ]
