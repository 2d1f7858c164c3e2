"""Forced groups, as the query parameter gives them."""

from tests.vector_files import read_vectors

from allotment.allocation import parse_overrides


def test_parse_overrides__vectors__agree() -> None:
    cases = read_vectors("overrides.json")["cases"]
    assert len(cases) == 600
    for case in cases:
        # In this order: of what is forced twice the first place stays, as in every language.
        assert list(parse_overrides(case["text"]).items()) == list(case["forced"].items()), case
