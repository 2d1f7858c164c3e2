"""The check as a whole: any input, what is asked for, and agreement with the clients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract.check.scenes import METRICS, NOW, SCHEMAS, Changes, demo, found, scene

from allotment.contract.check import (
    RULES,
    Finding,
    Severity,
    UnknownRuleError,
    check,
    check_scene,
    configuration_of,
    worst,
)
from allotment.contract.check.platforms import ATTRIBUTES, DEFAULT_SCHEMAS, JAVASCRIPT
from allotment.sdk import documents

ROOT = Path(__file__).resolve().parents[3]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


def paths(node: object, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = (
        node.items()
        if isinstance(node, dict)
        else enumerate(node)
        if isinstance(node, list)
        else ()
    )
    return [at, *(path for key, value in inner for path in paths(value, (*at, key)))]


def replaced(node: Any, path: tuple[Any, ...], value: Any) -> Any:  # noqa: ANN401
    if not path:
        return value
    node[path[0]] = replaced(node[path[0]], path[1:], value)
    return node


EXTRA: Changes = {
    "experiments/0/targeting": {"mediawiki_database": {"in": ["frwiki"]}},
    "experiments/0/layer": {"name": "search", "begin": 0, "end": 100},
    "streams/product_metrics.web_base/producers/eventgate": {
        "enrich_fields_from_http_headers": {"http.request_headers.user-agent": False}
    },
    ("streams", "/^a/"): {"schema_title": "analytics/product_metrics/web/base"},
}
PATHS = paths(demo(EXTRA))


@settings(max_examples=200, deadline=None)
@given(path=st.sampled_from(PATHS), value=JSON)
def test_check__any_value_anywhere__never_fails(path: tuple[Any, ...], value: Any) -> None:  # noqa: ANN401
    document = replaced(demo(EXTRA), path, value)
    parts = document if isinstance(document, dict) else {}
    known = {name: parts.get(name) for name in ("streams", "instruments", "experiments")}
    before = configuration_of(**demo(EXTRA))
    for finding in check(
        configuration_of(**known), SCHEMAS, now=NOW, metrics=METRICS, previous=before
    ):
        assert Finding.from_json(finding.to_json()) == finding


def test_check__streams_not_known__what_needs_them_is_not_judged() -> None:
    assert check_scene(scene({"streams": None})) == []
    assert {f.rule for f in found({"streams": {}})} == {"stream-exists"}


def test_check_scene__only_and_skip__as_asked() -> None:
    broken = scene({"experiments/0/groups": ["a"], "experiments/0/name": "short"})
    assert [f.rule for f in check_scene(broken, only=["name-has-form"])] == ["name-has-form"]
    assert "name-has-form" not in {f.rule for f in check_scene(broken, skip=["name-has-form"])}


def test_check_scene__unknown_rule__said_with_a_likeness() -> None:
    with pytest.raises(UnknownRuleError, match="Did you mean name-has-form"):
        check_scene(scene(), skip=["name-has-from"])


def test_worst__several__the_highest() -> None:
    assert worst([]) is None
    assert worst(found({"experiments/0/name": "short"})) is Severity.ERROR


def test_default_schemas__those_of_the_clients() -> None:
    assert documents.DEFAULT_SCHEMAS == DEFAULT_SCHEMAS


def test_attributes__that_sites_fill__all_known() -> None:
    assert JAVASCRIPT.from_site <= set(ATTRIBUTES)
    assert len(RULES) > 50
