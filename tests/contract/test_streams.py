"""Stream configurations: one bad entry never hides the others."""

from __future__ import annotations

import pytest

from allotment.contract.streams import parse_streams

GOOD = {"stream": "a.b", "schema_title": "analytics/x"}


def test_parse__instrument_and_stream__told_apart() -> None:
    instrument = {
        "schema_title": "analytics/x",
        "producers": {"metrics_platform_client": {"stream_name": "a.b", "provide_values": []}},
    }
    streams, problems = parse_streams({"streams": {"a.b": GOOD, "clicks": instrument}})
    assert problems == []
    assert not streams["a.b"].is_instrument
    assert streams["clicks"].is_instrument
    assert streams["clicks"].target_stream == "a.b"
    assert streams["a.b"].settings == GOOD


@pytest.mark.parametrize(
    ("name", "settings", "problem"),
    [
        ("x", None, "null"),
        ("x", [], "an array"),
        ("x", {}, "no schema_title"),
        ("x", {"schema_title": 5}, "no schema_title"),
        ("/reg.*/", GOOD, "letters, digits"),
        ("", GOOD, "letters, digits"),
    ],
)
def test_parse__bad_entry__reported_and_others_kept(
    name: str, settings: object, problem: str
) -> None:
    streams, problems = parse_streams({"streams": {name: settings, "a.b": GOOD}})
    assert list(streams) == ["a.b"]
    assert len(problems) == 1
    assert problem in problems[0]


@pytest.mark.parametrize("producers", [None, [], {"metrics_platform_client": []}])
def test_parse__odd_producers__still_a_stream(producers: object) -> None:
    streams, problems = parse_streams({"streams": {"a.b": {**GOOD, "producers": producers}}})
    assert problems == []
    assert not streams["a.b"].is_instrument


@pytest.mark.parametrize("document", [None, [], "x", 5, {}, {"streams": 5}, {"error": {"code": 1}}])
def test_parse__no_configuration__one_problem(document: object) -> None:
    streams, problems = parse_streams(document)
    assert streams == {}
    assert len(problems) == 1


def test_parse__empty_map_as_php_writes_it__no_problem() -> None:
    assert parse_streams({"streams": []}) == ({}, [])
    assert parse_streams({"streams": {}}) == ({}, [])
