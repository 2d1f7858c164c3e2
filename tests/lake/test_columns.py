"""Columns of several versions, and of tables that are there."""

from typing import Any

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

from allotment.lake.arrow_schema import arrow_schema
from allotment.lake.catalog import EVENT
from allotment.lake.columns import fitted, merged
from allotment.lake.tables import ensure_event_table, readable_columns


def schema(**fields: dict[str, Any]) -> pa.Schema:
    return arrow_schema({"type": "object", "properties": fields})


TEXT = {"type": "string"}
NUMBER = {"type": "integer"}
TIME = {"type": "string", "format": "date-time"}


def obj(**fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": fields}


def listed(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


def mapped(value: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": value}


def test_merged__older_version_has_more__kept_at_every_depth() -> None:
    newer = schema(a=TEXT, o=obj(b=TEXT), l=listed(obj(x=TEXT)), m=mapped(obj(x=TEXT)))
    older = schema(z=NUMBER, o=obj(c=NUMBER), l=listed(obj(y=TEXT)), m=mapped(obj(y=TEXT)))
    assert merged([newer, older]) == schema(
        a=TEXT,
        o=obj(b=TEXT, c=NUMBER),
        l=listed(obj(x=TEXT, y=TEXT)),
        m=mapped(obj(x=TEXT, y=TEXT)),
        z=NUMBER,
    )


def test_merged__types_differ__that_of_the_newer() -> None:
    newer, older = schema(a=TEXT, o=obj(b=NUMBER)), schema(a=NUMBER, o=TEXT)
    assert merged([newer, older]) == newer


def test_readable_columns__table_as_it_was_made__nothing_to_say(catalog: SqlCatalog) -> None:
    columns = schema(
        meta=obj(dt=TIME),
        t=TEXT,
        n=NUMBER,
        f={"type": "number"},
        b={"type": "boolean"},
        l=listed(listed(TEXT)),
        m=mapped(mapped(NUMBER)),
        o=obj(l=listed(obj(x=TIME))),
    )
    assert ensure_event_table(catalog, "views", columns) == columns
    assert readable_columns(catalog, "views", columns) == (columns, [])
    assert readable_columns(catalog, "clicks", columns) == (columns, [])


def test_ensure_event_table__types_differ__kept_and_the_rest_is_added(
    catalog: SqlCatalog,
) -> None:
    meta = obj(dt=TIME)
    made = schema(meta=meta, a=TEXT, t=TIME, l=listed(NUMBER), m=mapped(TEXT), o=obj(x=TEXT))
    ensure_event_table(catalog, "views", made)
    wanted = schema(
        meta=meta, a=obj(x=TEXT), t=TEXT, l=listed(TEXT), m=mapped(NUMBER), o=obj(x=NUMBER, y=TEXT)
    )
    held = ensure_event_table(catalog, "views", wanted)
    assert held == schema(
        meta=meta, a=TEXT, t=TIME, l=listed(NUMBER), m=mapped(TEXT), o=obj(x=TEXT, y=TEXT)
    )
    present = catalog.load_table((EVENT, "views")).schema().as_arrow()
    assert fitted(wanted, present) == (
        held,
        [
            "a is string and not a struct",
            "t is a time and not string",
            "l[] is int64 and not string",
            "m.* is string and not int64",
            "o.x is string and not int64",
        ],
    )
