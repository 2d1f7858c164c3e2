"""Whether a schema can be used at all: its keywords have the forms that JSON Schema gives them,
and each of its regular expressions runs in linear time.

Pure. Whatever passes here cannot surprise the code that reads schemas: `required` is a list of
texts, `properties` a map of schemas, and so on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import jsonschema_rs

DRAFT_04: Final = "http://json-schema.org/draft-04/schema#"
DRAFT_07: Final = "http://json-schema.org/draft-07/schema#"


@dataclass(frozen=True, slots=True)
class Malformed:
    """Something in a schema that makes it unusable. `at` is a JSON pointer, empty for the root."""

    at: str
    message: str

    def __str__(self) -> str:
        return f"{self.at or '/'}: {self.message}"


def malformed(schema: Mapping[str, Any]) -> list[Malformed]:
    """Everything that makes a schema unusable; empty when it can be used.

    A legacy schema that names draft-04 as its `$schema` is held to that, any other to draft-07.
    """
    draft = DRAFT_04 if "draft-04" in str(schema.get("$schema")) else DRAFT_07
    found = []
    try:
        jsonschema_rs.meta.validate({**schema, "$schema": draft})
    except jsonschema_rs.ValidationError as error:
        at = "".join(f"/{_token(step)}" for step in error.instance_path)
        found.append(Malformed(at, f"is not as JSON Schema demands it: {error.message}"))
    found += [
        Malformed(at, f"the pattern {pattern!r} has no form that runs in linear time: {why}")
        for at, pattern in _patterns(schema, "")
        if (why := why_not_linear(pattern)) is not None
    ]
    return found


@lru_cache(maxsize=1024)
def why_not_linear(pattern: str) -> str | None:
    """Why a regular expression cannot be run in linear time; None where it can.

    Lookaround and references to groups are what cannot; neither can an expression with an error.
    """
    try:
        jsonschema_rs.Draft7Validator(
            {"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (jsonschema_rs.ValidationError, ValueError):
        return "write it without lookaround and without references to groups"
    return None


def _patterns(node: Any, at: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 -- any JSON
    """Every regular expression in a schema, with its place. Looks only where schemas can be."""
    if not isinstance(node, dict):
        return
    pattern = node.get("pattern")
    if isinstance(pattern, str):
        yield f"{at}/pattern", pattern
    by_pattern = node.get("patternProperties")
    if isinstance(by_pattern, dict):
        for name in by_pattern:
            yield f"{at}/patternProperties/{_token(name)}", str(name)
    for place, child in subschemas(node):
        yield from _patterns(child, f"{at}/{place}")


SCHEMA_MAPS: Final = frozenset({"properties", "patternProperties", "definitions", "dependencies"})
SCHEMA_LISTS: Final = frozenset({"allOf", "anyOf", "oneOf", "items"})
SCHEMA_VALUES: Final = frozenset(
    {
        *("items", "additionalItems", "additionalProperties", "propertyNames"),
        *("not", "contains", "if", "then", "else"),
    }
)


def subschemas(node: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The schemas directly inside a schema, each with its place as a JSON pointer without `/`."""
    for key, found in node.items():
        children: Iterable[tuple[object, Any]] = ()
        if key in SCHEMA_MAPS and isinstance(found, dict):
            children = found.items()
        elif key in SCHEMA_LISTS and isinstance(found, list):
            children = enumerate(found)
        elif key in SCHEMA_VALUES and isinstance(found, dict):
            yield key, found
        for name, child in children:
            if isinstance(child, dict):
                yield f"{key}/{_token(name)}", child


def _token(step: object) -> str:
    return str(step).replace("~", "~0").replace("/", "~1")
