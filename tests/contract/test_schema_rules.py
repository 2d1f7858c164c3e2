"""The rules of one released schema; the faults in whole repositories are in their own tests."""

from __future__ import annotations

from typing import Any

from allotment.contract.schema_rules import METASCHEMA, broken_rules

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


def test_broken_rules__several_faults__each_with_its_place() -> None:
    schema = {
        **SCHEMA,
        "properties": {"B": {"type": "string"}, "c": {"type": "array"}},
        "examples": [{"c": 1}],
    }
    found = list(broken_rules(schema))
    assert found[:2] == [
        "/: property 'B' is not snake_case",
        "/properties/c: an array says what its items are",
    ]
    assert found[2].startswith("/examples/0: ")
    assert len(found) == 3
