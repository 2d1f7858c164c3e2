"""What an old producer and an old consumer feel of a newer version."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from allotment.contract.compatibility import Finding, Side, compare
from allotment.contract.schemas import SchemaRepository

OLD: dict[str, Any] = {
    "title": "a/b",
    "$id": "/a/b/1.0.0",
    "$schema": "https://json-schema.org/draft-07/schema#",
    "type": "object",
    "required": ["s"],
    "properties": {
        "s": {"type": "string", "minLength": 1, "maxLength": 64, "default": "x"},
        "t": {"type": "string", "pattern": "^a", "format": "date-time"},
        "n": {"type": "number", "minimum": 0, "maximum": 1},
        "i": {"type": "integer"},
        "e": {"type": "string", "enum": ["x", "y"]},
        "l": {"type": "array", "items": {"type": "string"}},
        "m": {"type": "object", "additionalProperties": {"type": "string"}},
        "c": {
            "type": "object",
            "additionalProperties": False,
            "properties": {"required": {"type": "string"}, "maxLength": {"type": "string"}},
        },
        "u": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
    },
}
GONE = object()


def changed(pointer: str, value: object) -> dict[str, Any]:
    schema = copy.deepcopy(OLD)
    *steps, last = pointer.split("/")
    node: Any = schema
    for step in steps:
        node = node[int(step) if isinstance(node, list) else step]
    if value is GONE:
        del node[last]
    else:
        node[last] = value
    return schema


def felt(found: list[Finding]) -> set[tuple[str, str, str]]:
    return {(finding.path, finding.kind, finding.side.value) for finding in found}


@pytest.mark.parametrize(
    ("pointer", "value", "expected"),
    [
        ("properties/s/type", "integer", {("s", "type_narrowed"), ("s", "type_widened")}),
        ("properties/n/type", "integer", {("n", "type_narrowed")}),
        ("properties/i/type", "number", {("i", "type_widened")}),
        ("properties/i/type", GONE, {("i", "type_widened")}),
        ("properties/s", GONE, {("s", "property_removed")}),
        (
            "properties/c/properties/required",
            GONE,
            {("c.required", "property_removed"), ("c.required", "property_refused")},
        ),
        (
            "properties/c/properties/maxLength/type",
            "integer",
            {("c.maxLength", "type_narrowed"), ("c.maxLength", "type_widened")},
        ),
        ("required", ["s", "i"], {("i", "required_added")}),
        ("required", GONE, {("s", "required_dropped")}),
        ("properties/c/required", ["required"], {("c.required", "required_added")}),
        ("properties/e/enum", ["x"], {("e", "enum_shrunk")}),
        ("properties/e/enum", GONE, {("e", "enum_dropped")}),
        ("properties/s/enum", ["x"], {("s", "enum_added")}),
        ("properties/s/const", "x", {("s", "enum_added")}),
        ("properties/t/maxLength", 9, {("t", "maxLength_tightened")}),
        ("properties/s/maxLength", 9, {("s", "maxLength_tightened")}),
        ("properties/s/minLength", 2, {("s", "minLength_tightened")}),
        ("properties/s/minLength", 0, {("s", "minLength_loosened")}),
        ("properties/n/minimum", -1, {("n", "minimum_loosened")}),
        ("properties/n/maximum", 0.5, {("n", "maximum_tightened")}),
        ("properties/i/minimum", 0, {("i", "minimum_tightened")}),
        ("properties/l/uniqueItems", True, {("l", "uniqueItems_tightened")}),
        ("properties/s/pattern", "^b", {("s", "pattern_added")}),
        ("properties/t/pattern", "^b", {("t", "pattern_changed")}),
        ("properties/t/format", GONE, {("t", "format_dropped")}),
        ("properties/s/default", "y", {("s", "default_changed")}),
        ("additionalProperties", False, {("", "closed")}),
        ("additionalProperties", {"type": "string"}, {("*", "type_narrowed")}),
        ("properties/c/additionalProperties", GONE, {("c", "opened")}),
        ("properties/m/additionalProperties/maxLength", 9, {("m.*", "maxLength_tightened")}),
        ("properties/l/items/minLength", 1, {("l[]", "minLength_tightened")}),
        ("properties/l/items", GONE, {("l[]", "type_widened")}),
        ("properties/l/items", [{"type": "string"}], {("l", "items_changed")}),
        ("properties/u/oneOf", [{"type": "string"}], {("u", "oneOf_changed")}),
        ("properties/u/oneOf", GONE, {("u", "oneOf_dropped")}),
        ("properties/u/oneOf/0/maxLength", 9, {("u", "maxLength_tightened")}),
        ("properties/u/anyOf", [{"type": "string"}], {("u", "anyOf_added")}),
        ("properties/s", False, {("s", "not_added")}),
        ("title", "a/c", {("", "title_changed")}),
        ("$schema", "other", {("", "dialect_changed")}),
    ],
)
def test_compare__change_that_breaks__found(
    pointer: str, value: object, expected: set[tuple[str, str]]
) -> None:
    breaking = {(f.path, f.kind) for f in compare(OLD, changed(pointer, value)) if f.breaks}
    assert breaking >= expected
    assert {path for path, _kind in breaking} == {path for path, _kind in expected}


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("$id", "/a/b/1.1.0"),
        ("description", "d"),
        ("examples", [{}]),
        ("properties/new", {"type": "string"}),
        ("properties/c/properties/enum", {"type": "string"}),
        ("properties/e/enum", ["y", "x", "z"]),
        ("properties/s/maxLength", 65),
        ("properties/s/maxLength", GONE),
        ("properties/i/minimum", -(2**53) + 1),
        ("properties/i/maximum", 2**53 - 1),
        ("properties/t/minLength", 0),
        ("properties/t/default", "x"),
        ("properties/i/description", "d"),
    ],
)
def test_compare__change_that_breaks_nothing__found_at_most_as_such(
    pointer: str, value: object
) -> None:
    assert [f for f in compare(OLD, changed(pointer, value)) if f.breaks] == []


def test_compare__same_or_reordered__nothing() -> None:
    assert compare(OLD, OLD) == []
    first, second = ({**OLD, "required": names} for names in (["s", "i"], ["i", "s"]))
    assert compare(first, second) == []


def test_compare__narrower_and_wider__told_to_whom() -> None:
    narrower = changed("properties/s/maxLength", 9)
    assert felt(compare(OLD, narrower)) == {("s", "maxLength_tightened", "producer")}
    assert felt(compare(narrower, OLD)) == {("s", "maxLength_loosened", "consumer")}
    assert [str(f) for f in compare(OLD, narrower)] == ["s: maxLength 64 is now 9"]


def test_compare__true_and_one__differ() -> None:
    first, second = ({"enum": [value]} for value in (True, 1))
    assert {f.kind for f in compare(first, second)} == {"enum_shrunk", "enum_extended"}


def test_compare__shipped_versions__new_fields_and_one_break_at_the_major() -> None:
    repository = SchemaRepository(())
    versions = {
        version: repository.load(f"/analytics/product_metrics/web/base/{version}").body
        for version in ("1.3.0", "1.4.0", "1.5.0", "2.0.0")
    }
    assert felt(compare(versions["1.4.0"], versions["1.5.0"])) == {
        ("agent.ua_string", "property_added", "none")
    }
    assert felt(compare(versions["1.3.0"], versions["1.4.0"])) == {
        ("experiment", "property_added", "none")
    }
    (broken,) = (f for f in compare(versions["1.5.0"], versions["2.0.0"]) if f.breaks)
    assert (broken.path, broken.kind, broken.side) == (
        "experiment.coordinator",
        "enum_shrunk",
        Side.PRODUCER,
    )
