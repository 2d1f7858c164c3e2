"""Which kind of value each column of a table holds, by its schema; and versions that change it.

All versions of a schema title share a table, and a column never changes its type. So an event whose
field has another type than the table's column is accepted, and can have no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from allotment.contract.schema_fields import type_of


@dataclass(frozen=True, slots=True)
class TypeChange:
    """A version that gives a field another type than an older one gave it."""

    version: str
    field: str
    """`page.title`, `tags[]`, `assigned.*`."""
    kind: str
    before: str
    since: str
    """The first version that has the field."""

    def __str__(self) -> str:
        return (
            f"{self.field} is {self.kind}, and {self.before} since {self.since}: a column of the"
            " table keeps its type, so that such events can have no row; give the field another"
            " name, or the events another title"
        )


def type_changes(oldest_first: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[TypeChange]:
    """Each field that had another type in an older version, told of the first that changes it.

    Args:
        oldest_first: version and materialised schema.
    """
    known: dict[str, tuple[str, str]] = {}
    told: set[tuple[str, str]] = set()
    for version, body in oldest_first:
        for field, kind in column_types(body).items():
            before, since = known.setdefault(field, (kind, version))
            if before != kind and (field, kind) not in told:
                told.add((field, kind))
                yield TypeChange(version, field, kind, before, since)


def column_types(schema: Mapping[str, Any]) -> dict[str, str]:
    """The kind of value of each column, those within others after them.

    What has no column type (a union, an object that says nothing of its fields) is left out.
    """
    found: dict[str, str] = {}
    for name, part in _named(schema).items():
        _add(part, name, found)
    return found


def _named(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    properties = schema.get("properties")
    given = properties.items() if isinstance(properties, Mapping) else ()
    return {name: part for name, part in given if isinstance(part, Mapping)}


_SCALARS = {"integer": "a whole number", "number": "a number", "boolean": "a boolean"}


def _add(schema: Mapping[str, Any], at: str, found: dict[str, str]) -> bool:
    """Add the columns at and below a field; whether there are any."""
    kind = type_of(schema)
    if kind == "string":
        found[at] = "a time" if schema.get("format") == "date-time" else "a text"
    elif kind in _SCALARS:
        found[at] = _SCALARS[kind]
    elif kind == "array":
        return _add_outer(at, "a list", [(f"{at}[]", schema.get("items"))], found)
    elif kind == "object":
        if schema.get("properties"):
            parts = [(f"{at}.{name}", part) for name, part in _named(schema).items()]
            return _add_outer(at, "an object", parts, found)
        return _add_outer(at, "a map", [(f"{at}.*", schema.get("additionalProperties"))], found)
    return at in found


def _add_outer(
    at: str, kind: str, parts: Iterable[tuple[str, object]], found: dict[str, str]
) -> bool:
    inner: dict[str, str] = {}
    there = [_add(part, name, inner) for name, part in parts if isinstance(part, Mapping)]
    if any(there):
        found[at] = kind
        found.update(inner)
    return at in found
