"""Stream entries: defaults by key, patterns, topics."""

from __future__ import annotations

from typing import Any

import pytest

from allotment.registry import stream_documents as streams

SERVICE = {"destination_event_service": "intake"}


def test_merged__list_over_list__replaced_and_not_mixed_by_index() -> None:
    defaults = {"topic_prefixes": ["eqiad.", "codfw."], "producers": {"a": {"x": 1}, "b": {}}}
    own = {"topic_prefixes": ["dc1."], "producers": {"a": {"y": 2}}}
    assert streams.merged(defaults, own) == {
        "topic_prefixes": ["dc1."],
        "producers": {"a": {"x": 1, "y": 2}, "b": {}},
    }


def test_merged__null__takes_the_default_away_at_any_depth() -> None:
    assert streams.merged({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": None}, "d": None}) == {
        "a": {"c": 2}
    }


ENTRIES: dict[str, dict[str, Any]] = {
    "/^wiki\\.edit/": {"stream": "/^wiki\\.edit/", **SERVICE},
    "/^wiki\\./": {"stream": "/^wiki\\./", "topic_prefixes": ["eqiad.", "codfw."], **SERVICE},
    "wiki.edit.own": {"stream": "wiki.edit.own", **SERVICE},
}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("wiki.edit.own", "wiki.edit.own"),
        ("wiki.edit.other", "/^wiki\\.edit/"),
        ("wiki.view", "/^wiki\\./"),
        ("/^wiki\\./", "/^wiki\\./"),
        ("elsewhere", None),
    ],
)
def test_entry_of__exact_name_first_then_patterns_in_order(name: str, found: str | None) -> None:
    entry = streams.entry_of(name, ENTRIES)
    assert (entry and entry["stream"]) == found


@pytest.mark.parametrize(
    ("entry", "name", "topics"),
    [
        ({"topics": ["x"]}, "a", ["x"]),
        ({}, "a", ["a"]),
        ({"topic_prefixes": ["p.", "q."]}, "a", ["p.a", "q.a"]),
        ({"topic_prefixes": ["p.", "q."]}, "/^a\\.b/", ["/^(p\\.|q\\.)a\\.b/"]),
        ({"topic_prefixes": ["p."]}, "/a/", ["/(p\\.)a/"]),
    ],
)
def test_with_topics__explicit_or_name_or_prefixed(
    entry: dict[str, Any], name: str, topics: list[str]
) -> None:
    assert streams.with_topics({**entry, **SERVICE}, name)["topics"] == topics


def test_with_topics__entry_of_an_instrument__none() -> None:
    assert streams.with_topics({"stream": "a"}, "a") == {"stream": "a"}


@pytest.mark.parametrize("name", ["/", "//", "/(/", "/a/x", "/a"])
def test_pattern_of__broken__refused(name: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        streams.pattern_of(name)


def test_pattern_of__flag__ignores_case() -> None:
    assert streams.pattern_of("/^A/i").search("abc")
