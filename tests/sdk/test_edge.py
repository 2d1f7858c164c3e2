"""Groups from an edge: read as the vectors say, they decide over experiments of browsers."""

from datetime import UTC, datetime

import pytest
from tests.vector_files import read_vectors

from allotment.allocation import parse_experiment
from allotment.sdk import Membership, enroll, enrollment_headers, parse_enrollments

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
IDS = {"mw-user": "42", "edge-unique": "b1"}


def test_parse_enrollments__all_vectors__agree() -> None:
    cases = read_vectors("enrollments.json")["cases"]
    assert len(cases) == 800
    for case in cases:
        assert parse_enrollments(case["header"]) == case["groups"], case


def test_enrollment_headers__membership__reads_back_without_what_cannot_be_carried() -> None:
    assigned = {"first-test": "control", "odd; name": "a", "second-test": "b", "short": "a"}
    headers = enrollment_headers(Membership(assigned))
    assert headers == {
        "X-Experiment-Enrollments": "first-test=control;second-test=b;",
        "Server-Timing": 'WMF-Uniq;desc="first-test=control;second-test=b;"',
    }
    read = parse_enrollments(headers["X-Experiment-Enrollments"])
    assert read == {"first-test": "control", "second-test": "b"}
    assert enrollment_headers(Membership({"short": "a"})) == {}


def found(
    edge: dict[str, str], unit: str = "edge-unique", overrides: dict[str, str] | None = None
) -> Membership:
    item = {
        "name": "first-test",
        "groups": ["control", "b"],
        "sample_rate": {"default": 0},
        "user_identifier_type": unit,
        "version": "3",
    }
    experiments = [parse_experiment(item)]
    return enroll(experiments, IDS, site=None, now=NOW, edge=edge, overrides=overrides)


def test_enroll__edge_gives_a_group__its_subject_id_is_awaited() -> None:
    assert found({"first-test": "b", "unknown-test": "x"}).to_event() == {
        "enrolled": ["first-test"],
        "assigned": {"first-test": "b"},
        "subject_ids": {"first-test": "awaiting"},
        "sampling_units": {"first-test": "edge-unique"},
        "coordinators": {"first-test": "default"},
        "versions": {"first-test": "3"},
    }
    assert found({"first-test": "b"}).reason("first-test") == "edge"


@pytest.mark.parametrize(
    ("edge", "unit"),
    [({"first-test": "x"}, "edge-unique"), ({"first-test": "b"}, "mw-user"), ({}, "edge-unique")],
)
def test_enroll__no_group_that_an_edge_may_give__nobody(edge: dict[str, str], unit: str) -> None:
    member = found(edge, unit)
    assert member.enrolled == ()
    decided = "edge_unknown_group" if edge and unit == "edge-unique" else "not_sampled"
    assert member.reason("first-test") == decided


def test_enroll__edge_says_nothing_of_it__law_decides() -> None:
    item = {"name": "first-test", "groups": ["control", "b"], "sample_rate": {"default": 1}}
    experiments = [parse_experiment(item)]
    drawn = enroll(experiments, IDS, site=None, now=NOW)
    other = enroll(experiments, IDS, site=None, now=NOW, edge={"second-test": "b"})
    assert other == drawn
    assert drawn.enrolled == ("first-test",)


def test_enroll__forced_group__wins_over_the_edge() -> None:
    member = found({"first-test": "b"}, overrides={"first-test": "control"})
    assert (member.group("first-test"), member.subject_ids["first-test"]) == (
        "control",
        "overridden",
    )
