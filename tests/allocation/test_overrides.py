"""Forced groups, as the query parameter gives them."""

import pytest
from tests.vector_files import read_vectors

from allotment.allocation import parse_overrides

READING = read_vectors("reading.json")


@pytest.mark.parametrize("case", READING["overrides"], ids=lambda case: case["text"] or "empty")
def test_parse_overrides__vectors__agree(case: dict[str, object]) -> None:
    assert parse_overrides(str(case["text"])) == case["forced"]
