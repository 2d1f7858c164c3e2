"""Whole experiments: Python agrees with all vectors, and these cover what they promise."""

from collections import Counter
from typing import Any

import pytest
from tests.vector_files import read_vectors

from allotment.allocation import Reason, allocate, parse_experiment
from allotment.allocation.reading import parse_time


@pytest.fixture(scope="module")
def cases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_vectors("evaluation.json")["cases"]
    return found


def test_evaluation_json__cases__cover_what_they_promise(cases: list[dict[str, Any]]) -> None:
    reasons = Counter(case["reason"] for case in cases)
    assert set(reasons) == set(Reason)
    assert min(reasons.values()) > 150
    operators = {
        operator
        for case in cases
        for tests in case["experiment"].get("targeting", {}).values()
        for operator in tests
    }
    assert len(operators) == 12


def test_borders_json__cases__stand_on_both_sides() -> None:
    reasons = Counter(case["reason"] for case in read_vectors("borders.json")["cases"])
    assert set(reasons) == set(Reason) - {Reason.OVERRIDDEN}
    assert min(reasons.values()) >= 8


@pytest.mark.parametrize("name", ["evaluation.json", "borders.json"])
def test_allocate__all_vectors__agree(name: str) -> None:
    for case in read_vectors(name)["cases"]:
        found = allocate(
            parse_experiment(case["experiment"]),
            case["subject"],
            site=case["site"],
            now=parse_time("case", "now", case["now"]),
            overrides=case["overrides"],
            attributes=case["attributes"],
        )
        assert (found.subject_id, found.group, found.reason) == (
            case["subject_id"],
            case["group"],
            case["reason"],
        ), case
