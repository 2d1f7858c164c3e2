"""What a schema says about its fields: whether it has one, and which have a default."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Each:
    """A step to each item of an array, or to each value of a map but those of these names."""

    but: frozenset[str] = frozenset()


Path = tuple[str, ...]
"""From an event to a field of it, by names only."""
Step: TypeAlias = str | Each
AnyPath: TypeAlias = tuple[Step, ...]
"""From an event to a field of it, through arrays and maps too."""


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


def places(
    schema: Mapping[str, Any], at: AnyPath = ()
) -> Iterator[tuple[AnyPath, Mapping[str, Any]]]:
    """Every field that a schema describes, at any depth, with its description; outer ones first."""
    properties = schema.get("properties")
    named = properties if isinstance(properties, dict) else {}
    below: list[tuple[Step, Any]] = list(named.items())
    below.append((Each(), schema.get("items")))
    below.append((Each(frozenset(named)), schema.get("additionalProperties")))
    for step, node in below:
        if isinstance(node, dict):
            yield (*at, step), node
            yield from places(node, (*at, step))


def spots(value: Any, path: AnyPath) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 -- any JSON value
    """Where a path leads in an event: each map or list at its end, and the key or place in it.

    The last field need not be there, all before it must.
    """
    step, rest = path[0], path[1:]
    keys: Iterable[Any] = ()
    if isinstance(value, dict):
        if isinstance(step, Each):
            keys = [name for name in value if name not in step.but]
        elif not rest or step in value:
            keys = (step,)
    elif isinstance(value, list) and isinstance(step, Each) and not step.but:
        keys = range(len(value))
    for key in keys:
        if rest:
            yield from spots(value[key], rest)
        else:
            yield value, key


def defaults(schema: dict[str, Any]) -> tuple[tuple[AnyPath, Any], ...]:
    """Every named field with a default, outer ones first."""
    return tuple(
        (path, node["default"])
        for path, node in places(schema)
        if "default" in node and not isinstance(path[-1], Each)
    )


def fill_defaults(event: dict[str, Any], found: Sequence[tuple[AnyPath, Any]]) -> None:
    """Set the fields that are absent; `null` is not absent, and no parent is made for a field."""
    for path, value in found:
        for owner, name in spots(event, path):
            if name not in owner:
                owner[name] = copy.deepcopy(value)
