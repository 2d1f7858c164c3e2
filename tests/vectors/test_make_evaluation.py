"""Whole experiments: made anew they are the committed bytes, and Python agrees with all."""

import json
import runpy
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from allotment.allocation import Reason, allocate, parse_experiment
from allotment.allocation.reading import parse_time

VECTORS = Path(__file__).parents[2] / "vectors"


@pytest.fixture(scope="module")
def cases() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((VECTORS / "evaluation.json").read_text("ascii"))[
        "cases"
    ]
    return found


def test_evaluation_json__made_anew__same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(VECTORS), *sys.path])
    script = runpy.run_path(str(VECTORS / "make_evaluation.py"))
    committed = (VECTORS / "evaluation.json").read_bytes()
    assert committed == script["document"]().encode("ascii"), (
        "run: python vectors/make_evaluation.py"
    )


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


def test_allocate__all_vectors__agree(cases: list[dict[str, Any]]) -> None:
    for case in cases:
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
