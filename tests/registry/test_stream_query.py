"""Constraints of the stream configuration API."""

from __future__ import annotations

import pytest

from allotment.registry.stream_query import QueryError, matches, parse_constraints

DOCUMENT = {
    "stream": "a",
    "sample": {"unit": "session", "rate": 0.5},
    "on": True,
    "off": False,
    "topics": ["x", "y"],
}


@pytest.mark.parametrize(
    ("fragments", "expected"),
    [
        ([], True),
        (["sample[unit]=session"], True),
        (["sample[unit]=pageview"], False),
        (["sample=session"], False),
        (["sample[rate]=0.5"], True),
        (["on=1"], True),
        (["on=true"], False),
        (["off="], True),
        (["absent=1"], False),
        (["topics=x"], False),
        (["topics=x", "topics=y"], True),
        (["topics=x", "topics=z"], False),
        (["sample[unit]=session", "on=1"], True),
    ],
)
def test_matches__constraints__as_published(fragments: list[str], expected: bool) -> None:
    assert matches(parse_constraints(fragments), DOCUMENT) is expected


def test_parse_constraints__nested_and_repeated__map_and_list() -> None:
    assert parse_constraints(["a[b]=1", "c=2", "c=3"]) == {"a": {"b": "1"}, "c": ["2", "3"]}


@pytest.mark.parametrize("fragment", ["a", "[b]=1", "a[b=1", "a" + "[b]" * 11 + "=1"])
def test_parse_constraints__malformed__error_names_it(fragment: str) -> None:
    with pytest.raises(QueryError, match="constraint"):
        parse_constraints([fragment])
