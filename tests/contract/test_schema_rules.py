"""The rules of one released schema; the faults in whole repositories are in their own tests."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from allotment.contract.materialize import MaterializeError, materialize
from allotment.contract.schema_rules import METASCHEMA, RULES, broken_rules
from allotment.contract.schemas import Schema
from allotment.contract.validator import Validator
from allotment.contract.well_formed import malformed

SCHEMA: dict[str, Any] = {
    "title": "a",
    "$id": "/a/1.0.0",
    "$schema": METASCHEMA,
    "type": "object",
    "properties": {"b": {"type": "string"}},
    "examples": [{"b": "x"}],
}


def test_broken_rules__good_schema__none() -> None:
    assert list(broken_rules(SCHEMA)) == []


def b(**node: object) -> dict[str, Any]:
    """A schema whose one property is described so."""
    return {"properties": {"b": node}, "examples": []}


OBJECTS = {"type": "array", "uniqueItems": True, "items": {"type": "object", "properties": {}}}
BRANCHES = [{"properties": {"x": {"type": "string"}}, "required": ["x"]}, {"properties": {}}]


@pytest.mark.parametrize(
    ("change", "rule", "message"),
    [
        ({"$schema": "https://json-schema.org/draft-06/schema#"}, "schema-is-valid", "/: $schema"),
        ({"required": 5}, "schema-is-valid", "/required: is not as JSON Schema demands it: 5"),
        (b(type="text"), "schema-is-valid", "/properties/b/type: is not as JSON Schema demands"),
        (b(type="string", minLength=-1), "schema-is-valid", "/properties/b/minLength: "),
        (
            b(type="string", pattern="(?=x)y", maxLength=9),
            "schema-patterns-are-linear",
            "/properties/b/pattern: the pattern '(?=x)y' has no form that runs in linear time",
        ),
        (
            b(type="string", pattern=r"(x)\1", maxLength=9),
            "schema-patterns-are-linear",
            "without references to groups",
        ),
        (
            {"patternProperties": {"(?!x)": {}}, "propertyNames": {"maxLength": 5}},
            "schema-patterns-are-linear",
            "/patternProperties/(?!x): ",
        ),
        (b(allOf=[{"type": "string"}], type="string"), "schema-is-flat", "/properties/b: "),
        (b(type="string", pattern="x"), "schema-is-secure", "has a maxLength"),
        (b(type="string", format="date"), "schema-is-secure", "has a maxLength"),
        (b(**OBJECTS), "schema-is-secure", "with uniqueItems has maxItems"),
        (
            {"patternProperties": {"^x": {"type": "string"}}},
            "schema-is-secure",
            "a maxLength in propertyNames",
        ),
        ({"properties": {"aB": {"type": "string"}}}, "schema-snake-case-properties", "'aB' is"),
        (b(type=["string", "null"]), "schema-deterministic-types", "give exactly one type"),
        (b(description="none"), "schema-deterministic-types", "type is None"),
        (b(type="array"), "schema-deterministic-types", "an array says what its items are"),
        (b(type="array", items={}), "schema-deterministic-types", "/properties/b/items: type is"),
        (b(type="object"), "schema-deterministic-types", "what its properties are"),
        (b(type="string", enum=["x", None]), "schema-deterministic-types", "holds no null"),
        (
            b(oneOf=[{"type": "string"}, {"type": "boolean"}]),
            "schema-deterministic-types",
            "the branches of a oneOf have one type",
        ),
        (
            b(type="object", oneOf=BRANCHES),
            "schema-deterministic-types",
            "require the same properties",
        ),
        (
            {"required": ["c"], "examples": []},
            "schema-required-properties-exist",
            "'c' is not described",
        ),
        (b(type="integer", minimum=0), "schema-enforced-numeric-bounds", "they are 0 and None"),
        (
            b(type="number", minimum=0, maximum=2**53),
            "schema-enforced-numeric-bounds",
            "they are 0 and 9007199254740992",
        ),
        (
            {"properties": {"$schema": {"type": "string"}}, "examples": [{"$schema": "/a/2.0.0"}]},
            "schema-examples-$schema-matches-schema-$id",
            "/examples/0: its $schema is '/a/2.0.0'",
        ),
        ({"examples": [{"b": 1}]}, "schema-examples-are-valid", "/examples/0: '.b' should be str"),
    ],
)
def test_broken_rules__one_fault__named_with_its_place(
    change: dict[str, Any], rule: str, message: str
) -> None:
    (broken,) = broken_rules({**SCHEMA, **change})
    assert broken.rule == rule
    assert message in str(broken)


def test_broken_rules__secure_and_typed_in_their_own_ways__none() -> None:
    names = {"type": "string", "maxLength": 9}
    fine = {
        "list": {**OBJECTS, "maxItems": 9},
        "scalars": {"type": "array", "uniqueItems": True, "items": {"type": "string"}},
        "map": {
            "type": "object",
            "patternProperties": {"^x": {"type": "string"}},
            "propertyNames": {"maxLength": 9},
            "additionalProperties": {"type": "string"},
        },
        "either": {
            "type": "object",
            "oneOf": [{"properties": {}}, {"additionalProperties": names}],
        },
    }
    assert list(broken_rules({**SCHEMA, "properties": fine, "examples": []})) == []


def test_rules__each__has_a_sentence() -> None:
    assert all(sentence.endswith(".") for sentence in RULES.values())


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)
KEYWORDS = [
    *("type", "properties", "required", "additionalProperties", "enum", "minimum", "maximum"),
    *("minLength", "maxLength", "pattern", "format", "items", "default", "propertyNames", "const"),
    *("uniqueItems", "minProperties", "patternProperties", "allOf", "anyOf", "oneOf", "not", "if"),
    *("dependencies", "examples", "$ref", "$id", "$schema", "title", "definitions", "contains"),
]
schemas = st.recursive(
    st.dictionaries(st.sampled_from(KEYWORDS), json_values, max_size=4),
    lambda inner: st.dictionaries(
        st.sampled_from(KEYWORDS),
        inner
        | st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["a", "b", "", "a/b"]), inner, max_size=2)
        | st.sampled_from(["object", "string", "array", "number", "#", "#/properties/a", "(?=x)"])
        | json_values,
        max_size=5,
    ),
    max_leaves=6,
)


@given(schemas)
@example({"type": -(2**63) - 1})
def test_malformed_schema__anything__a_clear_problem_never_an_exception(
    schema: dict[str, Any],
) -> None:
    for broken in broken_rules(schema):
        assert broken.rule in RULES
        assert broken.message
    with contextlib.suppress(MaterializeError):
        assert malformed(materialize(schema, lambda _: SCHEMA)) == []
    try:
        validator = Validator(Schema("a", "1.0.0", schema))
    except ValueError:
        assert malformed(schema) or "$ref" in str(schema)
    else:
        validator.violations({"a": {"b": 1}, "b": []})


def test_rules__reference_page__has_each_with_its_sentence() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/schema-rules.md").read_text()
    rows = re.findall(r"^\| `((?:structure|schema)-[^`]+)` \| (.+) \|$", page, re.MULTILINE)
    assert rows == list(RULES.items())
