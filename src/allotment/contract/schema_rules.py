"""The rules that one released schema keeps, whatever repository it is in.

Each rule has a name, so that a repository's settings can leave it out for schemas that are older
than the rule. The names are those that public event schema repositories use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jsonschema_rs

from allotment.contract.materialize import SAFE_INTEGER, JsonSchema, walk
from allotment.contract.schemas import Schema
from allotment.contract.validator import Validator
from allotment.contract.well_formed import malformed

RULES: Final[Mapping[str, str]] = {
    "structure-file-is-readable": (
        "A file is YAML or JSON and holds one map, of what JSON knows; no key comes twice."
    ),
    "structure-settings-are-readable": "The repository's settings file has the form shown below.",
    "structure-folder-is-title": "The folder of a schema is its `title`.",
    "structure-id-is-path": "The `$id` of a version is `/title/version`, as its file says.",
    "structure-current-exists": (
        "A folder with versions has one `current.yaml`, and a folder with that has a version."
    ),
    "structure-current-is-newest": "`current.yaml` is of the newest released version.",
    "structure-current-is-materialized": (
        "`current.yaml` gives the newest released version when it is materialized now."
    ),
    "structure-links": (
        "`X.Y.Z` is a link to `X.Y.Z.yaml`, and `latest` and `latest.yaml` to the newest version."
    ),
    "structure-content-types": (
        "Each version is there in each content type of the settings, and they say the same."
    ),
    "structure-one-namespace": (
        "No title is in two of the repositories; where one is, the first repository counts."
    ),
    "structure-one-table": "No two titles share a table of the lake.",
    "schema-is-valid": "A version is valid JSON Schema, draft-07 or, for legacy, draft-04.",
    "schema-patterns-are-linear": (
        "Every regular expression has a form that runs in linear time: no lookaround, no "
        "reference to a group. A schema with another one takes no events."
    ),
    "schema-is-flat": "A version has no `$ref` and no `allOf`; `materialize` resolves them.",
    "schema-is-secure": (
        "`pattern` and `format` come with `maxLength`, `uniqueItems` over objects or arrays with "
        "`maxItems`, `patternProperties` with a `maxLength` of `propertyNames`."
    ),
    "schema-snake-case-properties": "Names of properties are snake_case; a `$` may come first.",
    "schema-deterministic-types": (
        "Every property has one `type`, an array says what its items are, an object what its "
        "properties are, an `enum` holds no null, and the branches of a `oneOf` have one type and "
        "the same required properties."
    ),
    "schema-required-properties-exist": "What is `required` is described in `properties`.",
    "schema-enforced-numeric-bounds": (
        "A number has a `minimum` and a `maximum`, within what a double holds exactly."
    ),
    "schema-examples-$schema-matches-schema-$id": "The `$schema` of an example is the `$id`.",
    "schema-examples-are-valid": "Every example keeps to its schema.",
    "schema-version-compatibility": (
        "A version breaks no producer and no consumer of any older version of its major."
    ),
    "schema-keeps-column-types": (
        "A field keeps its type in all versions of a title, across majors too: they share a table."
    ),
}
METASCHEMA: Final = "https://json-schema.org/draft-07/schema#"
_METASCHEMAS: Final = re.compile(r"https?://json-schema\.org/draft-0[47]/schema#?")
_SNAKE_CASE: Final = re.compile(r"\$?[a-z]+[a-z0-9_]*", re.ASCII)
_SCALARS: Final = frozenset({"string", "integer", "number", "boolean", "null"})
_NUMBERS: Final = frozenset({"integer", "number"})

Bounds = tuple[float, float]
SAFE_BOUNDS: Final[Bounds] = (-SAFE_INTEGER, SAFE_INTEGER)


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that a schema breaks. `at` is a JSON pointer into it, empty for the whole."""

    rule: str
    at: str
    message: str

    def __str__(self) -> str:
        return f"{self.at or '/'}: {self.message}"


def broken_rules(schema: JsonSchema, bounds: Bounds = SAFE_BOUNDS) -> Iterator[Broken]:
    """Each rule that a materialised schema breaks, with the place in it. Never raises.

    A schema that is not well formed breaks `schema-is-valid` (or has a pattern that cannot run),
    and is not held to the others: they would make no sense.
    """
    named = schema.get("$schema")
    if not isinstance(named, str) or not _METASCHEMAS.fullmatch(named):
        yield Broken("schema-is-valid", "", f"$schema is {named!r}; expected {METASCHEMA!r}")
    faults = malformed(schema)
    for fault in faults:
        rule = "schema-is-valid"
        if "no form that runs in linear time" in fault.message:
            rule = "schema-patterns-are-linear"
        yield Broken(rule, fault.at, fault.message)
    if faults:
        return
    for at, node in walk(schema):
        yield from _check_node(at, node, bounds)
    yield from _deterministic(schema, "")
    yield from _check_examples(schema)


def _check_node(at: str, node: JsonSchema, bounds: Bounds) -> Iterator[Broken]:
    if "$ref" in node or "allOf" in node:
        yield Broken("schema-is-flat", at, "a released version has no $ref and no allOf")
    properties = node.get("properties", {})
    for name in properties:
        if not _SNAKE_CASE.fullmatch(name):
            message = f"property {name!r} is not snake_case"
            yield Broken("schema-snake-case-properties", at, message)
    for name in _listed(node.get("required")):
        if name not in properties:
            message = f"required property {name!r} is not described"
            yield Broken("schema-required-properties-exist", at, message)
    for message in _insecure(node):
        yield Broken("schema-is-secure", at, message)
    low, high = bounds
    if _NUMBERS & set(_types(node)):
        least, most = node.get("minimum"), node.get("maximum")
        if least is None or most is None or least < low or most > high:
            message = f"a number has bounds within {low} and {high}; they are {least} and {most}"
            yield Broken("schema-enforced-numeric-bounds", at, message)


def _types(node: JsonSchema) -> list[str]:
    return _listed(node.get("type"))


def _listed(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else value if isinstance(value, list) else []


def _insecure(node: JsonSchema) -> Iterator[str]:
    """What could make checking an event costly: the meaning of a secure schema in Ajv 6."""
    if ("format" in node or "pattern" in node) and "maxLength" not in node:
        yield "a text with a format or a pattern has a maxLength"
    if node.get("uniqueItems") is True and "maxItems" not in node:
        items = node.get("items")
        kinds = _types(items) if isinstance(items, dict) else []
        if not kinds or not set(kinds) <= _SCALARS:
            yield "an array of objects or arrays with uniqueItems has maxItems"
    if "patternProperties" in node:
        names = node.get("propertyNames")
        if not isinstance(names, dict) or "maxLength" not in names:
            yield "an object with patternProperties has a maxLength in propertyNames"


def _deterministic(node: JsonSchema, at: str, *, typed: bool = True) -> Iterator[Broken]:
    """The rule of types for a schema that stands for a value, and for those of its parts."""
    for message in _indeterminate(node, typed=typed):
        yield Broken("schema-deterministic-types", at, message)
    for key in ("properties", "patternProperties"):
        for name, child in node.get(key, {}).items():
            where = f"{at}/{key}/{name.replace('~', '~0').replace('/', '~1')}"
            yield from _deterministic(_as_node(child), where)
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield from _deterministic(node[key], f"{at}/{key}")
    for place, branch in enumerate(node.get("oneOf", ())):
        yield from _deterministic(_as_node(branch), f"{at}/oneOf/{place}", typed=False)


def _as_node(schema: Any) -> JsonSchema:  # noqa: ANN401 -- any schema, true and false too
    return schema if isinstance(schema, dict) else {}


def _indeterminate(node: JsonSchema, *, typed: bool) -> Iterator[str]:
    kind, branches = node.get("type"), [_as_node(one) for one in node.get("oneOf", ())]
    if not isinstance(kind, str) and (typed or kind is not None) and not branches:
        yield f"type is {kind!r}; give exactly one type"
    if kind == "array" and not isinstance(node.get("items"), dict):
        yield "an array says what its items are"
    if kind == "object" and not {"properties", "additionalProperties", "oneOf", "allOf"} & set(
        node
    ):
        yield "an object says what its properties are"
    if None in node.get("enum", ()):
        yield "an enum holds no null"
    if len({str(branch.get("type", kind)) for branch in branches}) > 1:
        yield "the branches of a oneOf have one type"
    if len({tuple(sorted(branch.get("required", ()))) for branch in branches}) > 1:
        yield "the branches of a oneOf require the same properties"


def _check_examples(schema: JsonSchema) -> Iterator[Broken]:
    examples = schema.get("examples")
    if not isinstance(examples, list) or not examples:
        return
    try:
        validator = Validator(Schema(str(schema.get("title")), "", schema))
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        yield Broken("schema-is-valid", "", str(error))
        return
    for place, example in enumerate(examples):
        at = f"/examples/{place}"
        named = example.get("$schema") if isinstance(example, dict) else None
        if "$schema" in schema.get("properties", {}) and named != schema.get("$id"):
            message = f"its $schema is {named!r}, not the $id"
            yield Broken("schema-examples-$schema-matches-schema-$id", at, message)
        for violation in validator.violations(example):
            message = f"'{violation.data_path}' {violation.message}"
            yield Broken("schema-examples-are-valid", at, message)
