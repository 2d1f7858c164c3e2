"""Every rule speaks where its failure is, and is silent on the demo's configuration."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.contract.check.cases import CASES, Case
from tests.contract.check.cases_of_shares import ALL_MEASURED, NAMED, SHARES
from tests.contract.check.scenes import Changes, found, scene

from allotment.contract.check import RULES, Arrived, Observations, Severity, check_scene

_SEEN = Observations(
    asked={"related-articles-card": 9, "demo-article-clicks": 9},
    streams={"product_metrics.web_base": 9},
    fields={"product_metrics.web_base": frozenset({"action", "performer.is_logged_in"})},
    actions={"related-articles-card": frozenset({"impression", "click", "experiment_exposure"})},
    groups={"related-articles-card": {"control": Arrived(90, 500), "card": Arrived(95, 510)}},
)


_EVERY = (*CASES, *SHARES)


@pytest.mark.parametrize("case", _EVERY, ids=[case.label for case in _EVERY])
def test_rule__broken_configuration__speaks(case: Case) -> None:
    told = found(case.changes, rule=case.rule, **case.more)
    assert told, [f"{f.rule}: {f.what}" for f in found(case.changes, **case.more)]
    for finding in told:
        text = f"{finding.headline} {finding.sentence}"
        if case.text in text:
            assert finding.severity is case.severity
            assert all((finding.headline, finding.what, finding.consequence, finding.remedy))
            assert finding.headline[-1] != "."
            return
    pytest.fail(str([f.sentence for f in told]))


@pytest.mark.parametrize("name", RULES)
def test_rule__demo__silent(name: str) -> None:
    whole = scene(before={}, observations=_SEEN)
    assert list(RULES[name].findings(whole)) == []


def test_rules__all__have_a_case() -> None:
    assert set(RULES) - {case.rule for case in _EVERY} == _TESTED_BY_THEMSELVES


@pytest.mark.parametrize("changes", ALL_MEASURED)
def test_holdout__all_traffic_wherever_sites_are_known__silent(changes: Changes) -> None:
    assert found(changes, rule="holdout-measures-all", limits=NAMED) == []


_TESTED_BY_THEMSELVES = {
    "key-given-once",
    "attribute-fits-field",
    "required-field-is-sent",
    "schema-has-membership",
}
"""Rules that need a file, or a schema that the lab does not ship."""


def test_rules__all__tell_a_claim_and_a_story() -> None:
    for rule in RULES.values():
        assert rule.claim.endswith("."), rule.name
        assert rule.story.endswith("."), rule.name
        assert rule.name == rule.name.lower()


def test_check__demo__nothing_at_all() -> None:
    assert check_scene(scene()) == []


def test_check__one_entry_asked_about__nothing_of_the_others() -> None:
    broken: Changes = {"experiments/0/groups": ["control"], "instruments/0/sample_unit": "device"}
    told = scene(broken)
    about = frozenset({(e.kind, e.name) for e in told.configuration.instruments})
    assert [f.rule for f in check_scene(replace(told, about=about))] == ["sample-unit-is-known"]
    assert {f.rule for f in check_scene(told)} >= {"sample-unit-is-known", "groups-are-enough"}


def test_check__several__errors_come_first() -> None:
    told = found({"experiments/0/end": "2062-01-01T00:00:00Z", "instruments/0/name": "short"})
    weights = [f.severity.weight for f in told]
    assert weights == sorted(weights, reverse=True)
    assert told[0].severity is Severity.ERROR
