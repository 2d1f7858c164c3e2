"""Kinds of columns, and versions that change them."""

import pyarrow as pa
from tests.contract.foreign_repository import Repositories

from allotment.contract.column_types import column_types, type_changes
from allotment.contract.schemas import SchemaRepository
from allotment.lake.arrow_schema import TIMESTAMP, arrow_schema

KINDS = {
    "a text": pa.string(),
    "a time": TIMESTAMP,
    "a whole number": pa.int64(),
    "a number": pa.float64(),
    "a boolean": pa.bool_(),
}


def columns(fields: pa.Schema | pa.StructType, at: str = "") -> dict[str, str]:
    """The same of Arrow's columns, by their types alone."""
    found: dict[str, str] = {}
    for field in fields:
        found |= column(field.type, f"{at}{field.name}")
    return found


def column(kind: pa.DataType, at: str) -> dict[str, str]:
    if pa.types.is_struct(kind):
        return {at: "an object", **columns(kind, f"{at}.")}
    if pa.types.is_list(kind):
        return {at: "a list", **column(kind.value_type, f"{at}[]")}
    if pa.types.is_map(kind):
        return {at: "a map", **column(kind.item_type, f"{at}.*")}
    return {at: next(name for name, one in KINDS.items() if one == kind)}


def test_column_types__every_schema__those_of_its_table(foreign: Repositories) -> None:
    repository = SchemaRepository(foreign.paths)
    compared = 0
    for title in repository.titles():
        body = repository.latest(title).body
        if not title.startswith("fragment"):
            compared += 1
            assert column_types(body) == columns(arrow_schema(body)), title
    assert compared >= 50


def test_column_types__parts_without_a_column__left_out() -> None:
    assert column_types(
        {
            "properties": {
                "any": {},
                "open": {"type": "object"},
                "union": {"type": ["string", "integer"]},
                "hollow": {"properties": {"any": {}}},
                "list": {"type": "array", "items": {"type": "object"}},
                "map": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
                "never": False,
            }
        }
    ) == {"map": "a map", "map.*": "a text"}


def test_type_changes__type_changes_and_changes_back__told_once_each() -> None:
    def version(number: str, kind: str) -> tuple[str, dict[str, object]]:
        return number, {"properties": {"o": {"properties": {"a": {"type": kind}}}}}

    kinds = ("string", "integer", "integer", "string", "boolean")
    found = type_changes(version(f"{at}.0.0", kind) for at, kind in enumerate(kinds))
    assert [(one.version, one.field, one.kind, one.before, one.since) for one in found] == [
        ("1.0.0", "o.a", "a whole number", "a text", "0.0.0"),
        ("4.0.0", "o.a", "a boolean", "a text", "0.0.0"),
    ]


def test_type_changes__fields_come_and_go__none() -> None:
    one = {"properties": {"a": {"type": "string"}}}
    two = {"properties": {"b": {"type": "integer"}}}
    assert list(type_changes([("1.0.0", one), ("2.0.0", two), ("3.0.0", one)])) == []
