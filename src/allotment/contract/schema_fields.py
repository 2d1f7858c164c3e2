"""What a schema says about its fields: whether it has one, and which have a default."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Path = tuple[str, ...]


def type_of(schema: Mapping[str, Any]) -> str | None:
    """The one type that a schema allows beside null; None where it allows any or several."""
    kind = schema.get("type")
    if isinstance(kind, list):
        named = [name for name in kind if name != "null"]
        kind = named[0] if len(named) == 1 else None
    elif kind is None and "properties" in schema:
        return "object"
    return kind if isinstance(kind, str) else None


def has_field(schema: dict[str, Any], path: Sequence[str]) -> bool:
    """Whether the schema names a field, such as `("meta", "id")`."""
    node: Any = schema
    for name in path:
        node = node.get("properties", {}).get(name) if isinstance(node, dict) else None
    return node is not None


def defaults(schema: dict[str, Any], at: Path = ()) -> tuple[tuple[Path, Any], ...]:
    """Every field with a default, outer ones first."""
    return tuple(_defaults(schema, at))


def _defaults(schema: dict[str, Any], at: Path) -> Iterator[tuple[Path, Any]]:
    for name, node in schema.get("properties", {}).items():
        if isinstance(node, dict):
            if "default" in node:
                yield (*at, name), node["default"]
            yield from _defaults(node, (*at, name))


def fill_defaults(event: dict[str, Any], found: Sequence[tuple[Path, Any]]) -> None:
    """Set the fields that are absent; `null` is not absent, and no parent is made for a field."""
    for path, value in found:
        owner: Any = event
        for name in path[:-1]:
            owner = owner.get(name) if isinstance(owner, dict) else None
        if isinstance(owner, dict) and path[-1] not in owner:
            owner[path[-1]] = copy.deepcopy(value)
