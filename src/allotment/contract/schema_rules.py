"""The rules that one released schema keeps, whatever repository it is in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import jsonschema_rs

from allotment.contract.materialize import SAFE_INTEGER, JsonSchema, walk

_SNAKE_CASE: Final = re.compile(r"\$?[a-z]+[a-z0-9_]*", re.ASCII)
METASCHEMA: Final = "https://json-schema.org/draft-07/schema#"
_PLAIN_TYPES: Final = frozenset(
    {"string", "integer", "number", "boolean", "object", "array", "null"}
)


def broken_rules(schema: JsonSchema) -> Iterator[str]:
    """One sentence for each rule that a materialised schema breaks, with the place in it.

    The rules: flat, valid draft-07, one type per property, snake_case names, bounded numbers, and
    examples that validate.
    """
    for at, node in walk(schema):
        for message in _check_node(node):
            yield f"{at or '/'}: {message}"
    yield from _check_examples(schema)


def is_draft_07(schema: JsonSchema) -> bool:
    """Whether its keywords have the forms that draft-07 gives them."""
    return jsonschema_rs.meta.is_valid(
        {**schema, "$schema": "http://json-schema.org/draft-07/schema#"}
    )


def _check_node(node: JsonSchema) -> Iterator[str]:
    kind = node.get("type")
    if not isinstance(kind, str) or kind not in _PLAIN_TYPES:
        yield f"type is {kind!r}; give exactly one type"
    if "$ref" in node or "allOf" in node:
        yield "a released version has no $ref and no allOf"
    yield from _check_names(node)
    if kind == "array" and not isinstance(node.get("items"), dict):
        yield "an array says what its items are"
    if kind == "object" and not ("properties" in node or "additionalProperties" in node):
        yield "an object says what its properties are"
    if kind in ("integer", "number"):  # a tuple: it may be a list
        yield from _check_bounds(node)
    if ("format" in node or "pattern" in node) and "maxLength" not in node:
        yield "a text with a format or a pattern has a maxLength"


def _check_names(node: JsonSchema) -> Iterator[str]:
    properties = node.get("properties", {})
    for name in properties:
        if not _SNAKE_CASE.fullmatch(name):
            yield f"property {name!r} is not snake_case"
    for name in node.get("required", []):
        if name not in properties:
            yield f"required property {name!r} is not described"


def _check_bounds(node: JsonSchema) -> Iterator[str]:
    low, high = node.get("minimum"), node.get("maximum")
    if low is None or high is None or low < -SAFE_INTEGER or high > SAFE_INTEGER:
        yield f"a number has bounds within ±{SAFE_INTEGER}; they are {low} and {high}"


def _check_examples(schema: JsonSchema) -> Iterator[str]:
    body = {key: item for key, item in schema.items() if key not in {"$id", "$schema"}}
    try:
        validator = jsonschema_rs.Draft7Validator(
            body, validate_formats=True, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (jsonschema_rs.ValidationError, ValueError) as error:
        yield f"is no valid draft-07 schema: {error}"
        return
    examples = schema.get("examples")
    if not isinstance(examples, list) or not examples:
        yield "has no example"
        return
    for place, example in enumerate(examples):
        for violation in validator.iter_errors(example):
            yield f"/examples/{place}: {violation.message}"
        named = example.get("$schema") if isinstance(example, dict) else None
        if "$schema" in schema.get("properties", {}) and named != schema.get("$id"):
            yield f"/examples/{place}: its $schema is {named!r}, not the $id"
