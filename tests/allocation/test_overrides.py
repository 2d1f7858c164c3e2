"""Forced groups, as the query parameter gives them."""

import json
from pathlib import Path

import pytest

from allotment.allocation import parse_overrides

READING = json.loads((Path(__file__).parents[2] / "vectors/reading.json").read_text("utf-8"))


@pytest.mark.parametrize("case", READING["overrides"], ids=lambda case: case["text"] or "empty")
def test_parse_overrides__vectors__agree(case: dict[str, object]) -> None:
    assert parse_overrides(str(case["text"])) == case["forced"]
