"""From a hand-written schema with `$ref` and `allOf` to the flat form that events are held to.

Pure: references are answered by a function that the caller gives. The result is the same for the
same input, byte for byte. The rules are those of the event schema repositories whose `$id`s we
share: references resolved in place, `allOf` merged, examples of included schemas dropped, numbers
bounded to what every language's doubles can hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

import yaml

from allotment.contract.schema_files import MOST_LEVELS, MOST_PARTS
from allotment.contract.well_formed import (
    SCHEMA_LISTS,
    SCHEMA_MAPS,
    SCHEMA_VALUES,
    malformed,
    subschemas,
)

Json: TypeAlias = Any
JsonSchema: TypeAlias = dict[str, Any]
Lookup = Callable[[str], JsonSchema]
"""From `/title/version` to that schema, materialised. Raises `LookupError` when there is none."""

SAFE_INTEGER: Final = 2**53 - 1
"""Largest whole number n such that a double holds n and n + 1 apart."""

_ANNOTATIONS: Final = frozenset({"title", "description", "$id", "$schema", "default", "$comment"})
_LARGER: Final = frozenset(
    {"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
)
_SMALLER: Final = frozenset(
    {"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
)
_KEY_ORDER: Final = {
    key: place
    for place, key in enumerate(
        (
            "title",
            "description",
            "$id",
            "$schema",
            "type",
            "additionalProperties",
            "required",
            "properties",
            "allOf",
            "examples",
        )
    )
}


class MaterializeError(ValueError):
    """A schema cannot be materialised; the message says where in it and why."""


def materialize(
    source: Mapping[str, Json],
    lookup: Lookup,
    bounds: tuple[float, float] = (-SAFE_INTEGER, SAFE_INTEGER),
) -> JsonSchema:
    """The flat form of one schema.

    Args:
        source: the parsed `current.yaml`.
        lookup: answers `$ref: /title/version#`.
        bounds: what numbers get that have none of their own.

    Raises:
        MaterializeError: a reference leads nowhere or in a circle, parts of an `allOf` disagree, or
            the schema is malformed.
    """
    resolved = _Resolver(lookup).resolve(dict(source), dict(source), (), "")
    if not isinstance(resolved, dict):
        raise MaterializeError("/: a schema is a map")
    for fault in malformed(resolved):
        raise MaterializeError(str(fault))
    merged = _merge_all_of(resolved, "")
    if not isinstance(merged, dict):
        raise MaterializeError("/allOf: a part of it refuses every event")
    bounded = _map_schema(merged, lambda node: _bound_number(node, bounds))
    ordered: JsonSchema = _map_schema(bounded, _order_keys)
    return ordered


def to_yaml(schema: JsonSchema) -> str:
    """The text of a materialised version file."""
    text: str = yaml.dump(
        schema, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100, line_break="\n"
    )
    return text


class _Dumper(yaml.SafeDumper):
    """Writes no anchors, and lists indented below their key."""

    def ignore_aliases(self, data: Json) -> bool:
        del data
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002 -- the signature of the class above
        del indentless
        super().increase_indent(flow, indentless=False)


class _Resolver:
    """Puts what references lead to in their place; only so much of it."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._parts = 0

    def resolve(self, node: Json, root: JsonSchema, trail: tuple[str, ...], at: str) -> Json:
        self._parts += 1
        if self._parts > MOST_PARTS or at.count("/") > MOST_LEVELS:
            raise MaterializeError(
                f"{at[:200] or '/'}: has more than {MOST_LEVELS} levels or {MOST_PARTS} parts with "
                "all that its references lead to"
            )
        if isinstance(node, list):
            return [
                self.resolve(item, root, trail, f"{at}/{place}") for place, item in enumerate(node)
            ]
        if not isinstance(node, dict):
            return node
        target = node.get("$ref")
        if isinstance(target, str):
            if target in trail:
                raise MaterializeError(f"{at or '/'}: $ref {target} leads back to itself")
            found, home = self._follow(target, root, at)
            there = self.resolve(found, home, (*trail, target), at)
            # What stands beside a reference refines it: another description, a longer text.
            beside = {key: item for key, item in node.items() if key != "$ref"}
            own = self.resolve(beside, root, trail, at) if beside else {}
            return {**there, **own} if isinstance(there, dict) else there
        return {key: self.resolve(item, root, trail, f"{at}/{key}") for key, item in node.items()}

    def _follow(self, target: str, root: JsonSchema, at: str) -> tuple[Json, JsonSchema]:
        uri, _, pointer = target.partition("#")
        if uri:
            try:
                home = self._lookup(uri)
            except LookupError as error:
                raise MaterializeError(f"{at or '/'}: $ref {target}: {error}") from error
            # An included schema's examples name its own $id: false in the including schema.
            home = {key: item for key, item in home.items() if key != "examples"}
        else:
            home = root
        found: Json = home
        for token in pointer.split("/")[1:]:
            key = unquote(token).replace("~1", "/").replace("~0", "~")
            try:
                found = found[int(key)] if isinstance(found, list) else found[key]
            except (KeyError, IndexError, ValueError, TypeError) as error:
                raise MaterializeError(
                    f"{at or '/'}: $ref {target}: there is no {key!r} at its end"
                ) from error
        return found, home


def _merge_all_of(node: Json, at: str) -> Json:
    """Flatten every `allOf`, innermost first."""
    if not isinstance(node, dict):
        return node
    flat = _descend(node, lambda child, where: _merge_all_of(child, f"{at}/{where}"))
    for part in flat.pop("allOf", []):
        flat = _merge_value(flat, part, at)
    return flat


def _merge(first: JsonSchema, second: JsonSchema, at: str) -> JsonSchema:
    """Both schemas at once; what the first says of itself (title, description, …) stands."""
    merged = dict(first)
    for key, value in second.items():
        if key == "examples":
            continue
        if key not in merged:
            merged[key] = value
        elif key not in _ANNOTATIONS:
            merged[key] = _merge_keyword(key, merged[key], value, at)
    return merged


def _merge_keyword(key: str, first: Json, second: Json, at: str) -> Json:
    if key in SCHEMA_MAPS:
        names = [*first, *(name for name in second if name not in first)]
        return {
            name: _merge_value(first[name], second[name], f"{at}/{key}/{name}")
            if name in first and name in second
            else (first if name in first else second)[name]
            for name in names
        }
    if key in SCHEMA_VALUES:
        return _merge_value(first, second, f"{at}/{key}")
    if key == "required":
        return sorted({*first, *second})
    if key == "enum":
        common = [item for item in first if item in second]
        if common:
            return common
    elif key in _LARGER:
        return max(first, second)
    elif key in _SMALLER:
        return min(first, second)
    elif key == "uniqueItems":
        return first or second
    if first != second:
        raise MaterializeError(
            f"{at or '/'}: parts of allOf disagree about {key!r}: {first!r} and {second!r}"
        )
    return first


def _merge_value(first: Json, second: Json, at: str) -> Json:
    if first is False or second is False:
        return False
    if first is True or first == second:
        return second
    if second is True:
        return first
    if not isinstance(first, dict) or not isinstance(second, dict):
        raise MaterializeError(f"{at or '/'}: parts of allOf disagree: {first!r} and {second!r}")
    return _merge(first, second, at)


def _descend(node: JsonSchema, change: Callable[[Json, str], Json]) -> JsonSchema:
    """A copy of one schema with its direct subschemas changed. `change` gets each and its place."""
    copy = dict(node)
    for key, found in node.items():
        if key in SCHEMA_MAPS and isinstance(found, dict):
            copy[key] = {name: change(item, f"{key}/{name}") for name, item in found.items()}
        elif key in SCHEMA_LISTS and isinstance(found, list):
            copy[key] = [change(item, f"{key}/{place}") for place, item in enumerate(found)]
        elif key in SCHEMA_VALUES and isinstance(found, dict):
            copy[key] = change(found, key)
    return copy


def _map_schema(node: Json, change: Callable[[JsonSchema], JsonSchema]) -> Json:
    if not isinstance(node, dict):
        return node
    return change(_descend(node, lambda child, _where: _map_schema(child, change)))


def _bound_number(node: JsonSchema, bounds: tuple[float, float]) -> JsonSchema:
    if node.get("type") in ("integer", "number"):  # a tuple: it may be a list
        node.setdefault("minimum", bounds[0])
        node.setdefault("maximum", bounds[1])
    return node


def _order_keys(node: JsonSchema) -> JsonSchema:
    for key in SCHEMA_MAPS:
        if key in node:
            node[key] = dict(sorted(node[key].items()))
    if isinstance(node.get("required"), list):
        node["required"] = sorted(node["required"])
    return dict(sorted(node.items(), key=lambda item: (_KEY_ORDER.get(item[0], 99), item[0])))


def walk(schema: Json, at: str = "") -> list[tuple[str, JsonSchema]]:
    """Every subschema with its place as a JSON pointer, the root first."""
    if not isinstance(schema, dict):
        return []
    found = [(at, schema)]
    for place, child in subschemas(schema):
        found += walk(child, f"{at}/{place}")
    return found
