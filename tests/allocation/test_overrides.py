"""Forced groups, as the query parameter gives them. Its vectors: `tests/vectors`."""

from allotment.allocation import parse_overrides


def test_parse_overrides__damaged_items__cost_only_themselves() -> None:
    text = "search-prompt:prompt;no-group;:b;toc-test: a:b ;search-prompt:control"
    assert parse_overrides(text) == {"search-prompt": "control", "toc-test": "a:b"}
