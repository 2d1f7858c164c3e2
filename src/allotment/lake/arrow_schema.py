"""From a materialised JSON schema to the columns of its table.

| JSON schema | column |
|---|---|
| string | string; with `format: date-time`: timestamp in microseconds, UTC |
| integer, number, boolean | int64, float64, boolean |
| array | list |
| object with `properties` | struct of them, open or closed |
| object with only `additionalProperties: {schema}` | map<string, …> |

Any other object, one that would be a struct without fields, or a union of types has no column type
and is kept out. Every column may be null: Iceberg can add a column, but not demand it of old rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from allotment.contract.schema_fields import type_of

TIMESTAMP = pa.timestamp("us", tz="UTC")

_SCALARS = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}


def arrow_schema(body: Mapping[str, Any]) -> pa.Schema:
    """The columns of a schema in the order of its properties.

    Raises:
        ValueError: the schema is no object with properties, or a part of it has no column type
            because it was not materialised (`$ref`, `allOf`).
    """
    struct = _column_type(body, "#")
    if struct is None or not pa.types.is_struct(struct):
        raise ValueError(
            f"schema {body.get('title')!r} has no properties; only an object can be a table"
        )
    return pa.schema(list(struct))


def _column_type(schema: Mapping[str, Any], where: str) -> pa.DataType | None:
    unresolved = next((word for word in ("$ref", "allOf") if word in schema), None)
    if unresolved:
        raise ValueError(f"{where} still holds {unresolved!r}; materialise the schema first")
    kind = type_of(schema)
    if kind == "string":
        return TIMESTAMP if schema.get("format") == "date-time" else pa.string()
    if kind == "array":
        items = schema.get("items")
        item = _column_type(items, f"{where}/items") if isinstance(items, Mapping) else None
        return None if item is None else pa.list_(pa.field("element", item))
    if kind == "object":
        return _object_type(schema, where)
    return _SCALARS.get(kind or "")


def _object_type(schema: Mapping[str, Any], where: str) -> pa.DataType | None:
    properties = schema.get("properties")
    if isinstance(properties, Mapping) and properties:
        found = {
            name: _column_type(part, f"{where}/properties/{name}")
            for name, part in properties.items()
            if isinstance(part, Mapping)
        }
        kept = [pa.field(name, kind) for name, kind in found.items() if kind is not None]
        return pa.struct(kept) if kept else None  # a file can hold no struct without fields
    values = schema.get("additionalProperties")
    if not isinstance(values, Mapping):
        return None
    value = _column_type(values, f"{where}/additionalProperties")
    return None if value is None else pa.map_(pa.string(), pa.field("value", value))
