"""References resolved, `allOf` merged, numbers bounded, keys in order."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
import yaml
from tests.contract.foreign_repository import Repositories

from allotment.contract.materialize import SAFE_INTEGER, MaterializeError, materialize, to_yaml
from allotment.contract.schema_files import read_yaml

PARTS: dict[str, dict[str, Any]] = {
    "/part/1.0.0": {
        "title": "part",
        "$id": "/part/1.0.0",
        "description": "of the part",
        "additionalProperties": False,
        "required": ["b", "a"],
        "properties": {
            "a": {"type": "string", "maxLength": 10, "description": "of the part"},
            "deep": {"type": "object", "properties": {"x": {"type": "boolean"}}},
        },
        "examples": [{"a": "of the part"}],
    },
}


def flat(source: dict[str, Any]) -> dict[str, Any]:
    return materialize(source, lambda uri: PARTS[uri])


def test_all_of__parts__union_of_properties_and_required_root_words_win() -> None:
    found = flat(
        {
            "title": "whole",
            "$id": "/whole/1.0.0",
            "allOf": [{"$ref": "/part/1.0.0#"}],
            "required": ["c"],
            "properties": {
                "a": {"minLength": 2, "maxLength": 20, "description": "ours"},
                "c": {"type": "string"},
                "deep": {"properties": {"y": {"type": "string"}}, "additionalProperties": False},
            },
            "examples": [{"c": "ours"}],
        }
    )
    assert found["title"] == "whole"
    assert found["$id"] == "/whole/1.0.0"
    assert found["description"] == "of the part"
    assert found["additionalProperties"] is False
    assert found["required"] == ["a", "b", "c"]
    assert found["properties"]["a"] == {
        "type": "string",
        "minLength": 2,
        "maxLength": 10,
        "description": "ours",
    }
    assert found["properties"]["deep"] == {
        "type": "object",
        "properties": {"x": {"type": "boolean"}, "y": {"type": "string"}},
        "additionalProperties": False,
    }
    assert found["examples"] == [{"c": "ours"}]
    assert "allOf" not in found


def test_numbers__bounds__missing_ones_added_given_ones_kept() -> None:
    found = flat(
        {
            "properties": {
                "plain": {"type": "integer"},
                "low": {"type": "number", "minimum": 0},
                "wide": {"type": "integer", "maximum": 2**60},
                "list": {"type": "array", "items": {"type": "integer"}},
                "map": {"type": "object", "additionalProperties": {"type": "number"}},
            }
        }
    )["properties"]
    both = {"minimum": -SAFE_INTEGER, "maximum": SAFE_INTEGER}
    assert found["plain"] == {"type": "integer", **both}
    assert found["low"] == {"type": "number", "minimum": 0, "maximum": SAFE_INTEGER}
    assert found["wide"]["maximum"] == 2**60
    assert found["list"]["items"] == {"type": "integer", **both}
    assert found["map"]["additionalProperties"] == {"type": "number", **both}


def test_enum__parts__intersection_and_larger_minimum() -> None:
    found = flat(
        {
            "allOf": [
                {"properties": {"e": {"enum": ["a", "b", "c"]}, "n": {"minimum": 1}}},
                {"properties": {"e": {"enum": ["c", "b"]}, "n": {"minimum": 3}}},
            ]
        }
    )
    assert found["properties"]["e"]["enum"] == ["b", "c"]
    assert found["properties"]["n"]["minimum"] == 3


@pytest.mark.parametrize(
    "part",
    [
        {"type": "integer"},
        {"pattern": "^b$"},
        {"enum": ["z"]},
        {"format": "date"},
    ],
)
def test_all_of__parts_disagree__says_where(part: dict[str, Any]) -> None:
    first = {"type": "string", "pattern": "^a$", "enum": ["a"], "format": "date-time"}
    source = {"allOf": [{"properties": {"x": first}}, {"properties": {"x": part}}]}
    with pytest.raises(MaterializeError, match="/properties/x: parts of allOf disagree"):
        flat(source)


def test_ref__inside_the_schema__resolved_also_in_examples() -> None:
    found = flat(
        {
            "$id": "/x/1.0.0",
            "definitions": {"id": {"type": "string", "minLength": 1}},
            "properties": {"a": {"$ref": "#/definitions/id"}, "b~/c": {"type": "string"}},
            "examples": [{"$schema": {"$ref": "#/$id"}}],
        }
    )
    assert found["properties"]["a"] == {"type": "string", "minLength": 1}
    assert found["examples"] == [{"$schema": "/x/1.0.0"}]


def test_ref__with_words_beside_it__they_win() -> None:
    found = flat(
        {
            "properties": {
                "a": {"$ref": "/part/1.0.0#/properties/a", "description": "ours"},
                "b": {"$ref": "#/properties/a", "maxLength": 5},
            }
        }
    )["properties"]
    assert found["a"] == {"type": "string", "maxLength": 10, "description": "ours"}
    assert found["b"] == {"type": "string", "maxLength": 5, "description": "ours"}


def test_ref__foreign_schemas__as_a_library_resolves_them(foreign: Repositories) -> None:
    parts = {
        uri: {key: item for key, item in body.items() if key != "examples"}
        for uri, body in foreign.released.items()
    }
    registry = jsonschema_rs.Registry(list(parts.items()), draft=jsonschema_rs.Draft7)
    compared = 0
    for file in sorted(foreign.secondary.rglob("current.yaml"))[:40]:
        source = read_yaml(file)
        inlined = jsonschema_rs.dereference(source, registry=registry, offline=True)
        assert "$ref" not in str(inlined)
        assert materialize(source, parts.__getitem__) == materialize(inlined, PARTS.__getitem__)
        compared += "$ref" in str(source)
    assert compared > 30


def test_ref__that_doubles_at_each_step__refused_in_little_time() -> None:
    definitions = {f"d{n}": {"allOf": [{"$ref": f"#/definitions/d{n + 1}"}] * 2} for n in range(30)}
    with pytest.raises(MaterializeError, match="with all that its references lead to"):
        flat({"definitions": {**definitions, "d30": {}}})


@pytest.mark.parametrize(
    "source",
    [
        {"required": 5},
        {"properties": {"a": {"type": 5}}},
        {"allOf": [{"properties": {"a": {"items": [{}]}}}, {"properties": {"a": {"items": {}}}}]},
        {"allOf": [False]},
        {"properties": {"a": {"$ref": "#/title"}}, "title": "x"},
    ],
)
def test_malformed__any_way__clear_error(source: dict[str, Any]) -> None:
    with pytest.raises(MaterializeError, match="/"):
        flat(source)


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("/nowhere/1.0.0#", r"\$ref /nowhere/1\.0\.0#"),
        ("#/properties/none", "no 'none' at its end"),
        ("#/properties/a", "leads back to itself"),
        ("/part/1.0.0#/properties/zzz", "no 'zzz'"),
    ],
)
def test_ref__leads_nowhere__says_where(ref: str, message: str) -> None:
    with pytest.raises(MaterializeError, match="/properties/a: .*" + message):
        flat({"properties": {"a": {"$ref": ref}}})


def test_materialize__input__left_as_it_was() -> None:
    source = {"allOf": [{"$ref": "/part/1.0.0#"}], "properties": {"n": {"type": "integer"}}}
    before = repr((source, PARTS))
    flat(source)
    assert repr((source, PARTS)) == before


def test_to_yaml__keys__in_the_order_of_the_repositories() -> None:
    text = to_yaml(
        flat(
            {
                "examples": [{"dt": "2026-01-15T09:30:00Z"}],
                "zeta": 1,
                "properties": {"b": {"type": "string"}, "a": {"maxLength": 1, "type": "string"}},
                "required": ["b", "a"],
                "type": "object",
                "$schema": "s",
                "$id": "/t/1.0.0",
                "title": "t",
            }
        )
    )
    assert [line for line in text.splitlines() if line[0] != " "] == [
        "title: t",
        "$id: /t/1.0.0",
        "$schema: s",
        "type: object",
        "required:",
        "properties:",
        "examples:",
        "zeta: 1",
    ]
    assert text.index("  a:") < text.index("  b:")
    assert text.index("    type: string\n    maxLength: 1") > 0
    assert "'2026-01-15T09:30:00Z'" in text, "a time is quoted, so that every reader sees text"
    assert yaml.safe_load(text)["required"] == ["a", "b"]
