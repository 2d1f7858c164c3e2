"""The columns of a table whose schema has several versions, and of one that is there already.

A table holds the events of all versions of its schema. So it has the fields of all of them, and of
a field that two versions give different types one type alone: that of the newer version, or, once
the table is there, that of the table, since no column can change its type.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
from pyarrow import types

from allotment.lake.arrow_schema import TIMESTAMP


def merged(newest_first: Iterable[pa.Schema]) -> pa.Schema:
    """The fields of all versions; where types differ, that of the first that has the field.

    The order is that of the first version, then what others had beside it.
    """
    fields: list[pa.Field] = []
    for schema in newest_first:
        fields = _with_more(fields, schema)
    return pa.schema(fields)


def _with_more(fields: list[pa.Field], older: Iterable[pa.Field]) -> list[pa.Field]:
    kept = {field.name: field for field in fields}
    for field in older:
        held = kept.get(field.name)
        kept[field.name] = field if held is None else held.with_type(_wider(held.type, field.type))
    return list(kept.values())


def _wider(kept: pa.DataType, older: pa.DataType) -> pa.DataType:
    """A type with what another has beside it, where both are of one kind; else the type itself."""
    if types.is_struct(kept) and types.is_struct(older):
        return pa.struct(_with_more(list(kept), older))
    if types.is_list(kept) and types.is_list(older):
        return _list_of(_wider(kept.value_type, older.value_type))
    if types.is_map(kept) and types.is_map(older):
        return _map_to(_wider(kept.item_type, older.item_type))
    return kept


def fitted(wanted: pa.Schema, present: pa.Schema) -> tuple[pa.Schema, list[str]]:
    """What of some columns a table can have, and one sentence for each that keeps another type.

    Args:
        wanted: the columns of the table's schema.
        present: those of the table as it is.
    """
    fields, said = _fitted(wanted, present, "")
    return pa.schema(fields), list(said)


def _fitted(
    wanted: Iterable[pa.Field], present: Iterable[pa.Field], at: str
) -> tuple[list[pa.Field], list[str]]:
    there = {field.name: field.type for field in present}
    fields, said = [], []
    for field in wanted:
        kind = field.type
        if field.name in there:
            kind, more = _fitted_type(kind, there[field.name], f"{at}{field.name}")
            said += more
        fields.append(field.with_type(kind))
    return fields, said


def _fitted_type(
    wanted: pa.DataType, present: pa.DataType, at: str
) -> tuple[pa.DataType, list[str]]:
    if types.is_struct(wanted) and types.is_struct(present):
        fields, said = _fitted(wanted, present, f"{at}.")
        return pa.struct(fields), said
    if types.is_list(wanted) and _is_list(present):
        kind, said = _fitted_type(wanted.value_type, present.value_type, f"{at}[]")
        return _list_of(kind), said
    if types.is_map(wanted) and types.is_map(present):
        kind, said = _fitted_type(wanted.item_type, present.item_type, f"{at}.*")
        return _map_to(kind), said
    kept = _as_ours(present)
    return kept, [] if kept == wanted else [f"{at} is {_name(kept)} and not {_name(wanted)}"]


def _as_ours(kind: pa.DataType) -> pa.DataType:
    """A type as the catalog gives it, in the form that `arrow_schema` gives the same column."""
    if types.is_string(kind) or types.is_large_string(kind):
        return pa.string()
    if types.is_timestamp(kind):
        return TIMESTAMP
    if types.is_struct(kind):
        return pa.struct([field.with_type(_as_ours(field.type)) for field in kind])
    if _is_list(kind):
        return _list_of(_as_ours(kind.value_type))
    if types.is_map(kind):
        return _map_to(_as_ours(kind.item_type))
    return kind


def _is_list(kind: pa.DataType) -> bool:
    return bool(types.is_list(kind) or types.is_large_list(kind))


def _list_of(kind: pa.DataType) -> pa.DataType:
    return pa.list_(pa.field("element", kind))


def _map_to(kind: pa.DataType) -> pa.DataType:
    return pa.map_(pa.string(), pa.field("value", kind))


def _name(kind: pa.DataType) -> str:
    """A type in words that fit into a sentence; a struct has too many fields for one."""
    if types.is_struct(kind):
        return "a struct"
    if types.is_list(kind):
        return f"a list of {_name(kind.value_type)}"
    if types.is_map(kind):
        return f"a map to {_name(kind.item_type)}"
    return "a time" if types.is_timestamp(kind) else str(kind)
