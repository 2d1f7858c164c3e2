"""The law in Python agrees with all vectors, and these cover what they promise."""

from typing import Any

import pytest
from tests.vector_files import read_vectors

from allotment.allocation import allocate, parse_experiment


@pytest.fixture(scope="module")
def cases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read_vectors("allocation.json")["cases"]
    return found


def test_allocation_json__cases__cover_what_they_promise(cases: list[dict[str, Any]]) -> None:
    assert len(cases) == 10_000
    assert {len(case["groups"]) for case in cases} == set(range(1, 11))
    assert {0, 1, 5e-324, 1e-9, 2.0**-24, 0.1, 1 / 3} <= {case["rate"] for case in cases}
    subjects = {case["subject"] for case in cases}
    assert {"", "e\u0301", "\u00e9", "1e3", "x" * 5000} <= subjects
    assert any(ord(max(subject, default="a")) > 0xFFFF for subject in subjects)
    assert any(0 in (case["weights"] or ()) for case in cases)
    assert 4000 < sum(case["enrolled"] for case in cases) < 6000


def test_allocate__all_vectors__agree(cases: list[dict[str, Any]]) -> None:
    for case in cases:
        experiment = parse_experiment(
            {
                "name": case["experiment"],
                "groups": case["groups"],
                "weights": case["weights"],
                "sample_rate": {"default": case["rate"]},
            }
        )
        found = allocate(experiment, case["subject"])
        assert (found.subject_id, found.enrolled, found.group) == (
            case["subject_id"],
            case["enrolled"],
            case["group"],
        ), case
