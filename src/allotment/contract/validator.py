"""Holds an event against its schema, and says what is wrong in the form that clients know.

The form is that of Ajv 6 with all errors listed, since event intakes of this protocol have always
answered with it. The check itself is done by a compiled validator in linear time: patterns run on a
regular-expression engine that cannot backtrack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from urllib.parse import quote

import jsonschema_rs

from allotment.contract.schemas import Schema
from allotment.contract.times import normalize_times, time_paths

MOST_VIOLATIONS: Final = 1000
"""One event can break its schema in as many ways as it has bytes; the answer must not grow so."""
MOST_VALUES: Final = 5000
"""Of an event with more values than this, one violation is told: the engine would build the list of
all before it gave the first, which is seconds and hundreds of megabytes for a body of 4 MiB."""

_URI_REFERENCE: Final = re.compile(r"[^\s\x00-\x1f]*")
_IDENTIFIER: Final = re.compile(r"[A-Za-z$_][A-Za-z0-9$_]*", re.ASCII)
_NOT_FOR_COMPILING: Final = frozenset({"$id", "$schema", "examples", "title", "description"})


class NestingError(ValueError):
    """An event is nested more deeply than anything here goes (some 250 levels)."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One way in which an event breaks its schema, with Ajv 6's field names in `as_dict`."""

    keyword: str
    data_path: str
    schema_path: str
    params: dict[str, Any]
    message: str

    def as_dict(self) -> dict[str, Any]:
        """The element of `errors` in an answer."""
        return {
            "keyword": self.keyword,
            "dataPath": self.data_path,
            "schemaPath": self.schema_path,
            "params": self.params,
            "message": self.message,
        }


def error_texts(violations: Sequence[Violation]) -> list[str]:
    """Each violation as a text: `'.agent.x' should be string`."""
    return [f"'{v.data_path}' {v.message}" for v in violations]


def errors_text(violations: Sequence[Violation]) -> str:
    """All violations as one text: `'.agent.x' should be string, '' should have …`."""
    return ", ".join(error_texts(violations))


class Validator:
    """One schema, compiled once. Safe to use from several threads."""

    def __init__(self, schema: Schema) -> None:
        """Compile.

        Raises:
            ValueError: the schema is not valid, or has a pattern that has no linear-time form.
        """
        body = {k: v for k, v in schema.body.items() if k not in _NOT_FOR_COMPILING}
        try:
            self._compiled = jsonschema_rs.Draft7Validator(
                body,
                validate_formats=True,
                # The published schemas were always held to this loose form; browsers send more
                # than the strict grammar allows.
                formats={"uri-reference": _is_uri_reference},
                pattern_options=jsonschema_rs.RegexOptions(),
                offline=True,
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
            raise ValueError(f"schema {schema.uri} cannot be compiled: {error}") from error
        self._times = time_paths(schema.body)

    def accepts(self, event: dict[str, Any]) -> bool:
        """Whether an event keeps to the schema; the fast way.

        Raises:
            NestingError: it is nested too deeply to look at.
        """
        try:
            return self._compiled.is_valid(event)
        except ValueError as error:
            raise NestingError("the event is nested too deeply") from error

    def accepts_after_repair(self, event: dict[str, Any]) -> bool:
        """Whether it does once times in the looser forms of old clients are rewritten in place."""
        return normalize_times(event, self._times) and self.accepts(event)

    def violations(self, event: dict[str, Any], *, all_of_them: bool = True) -> list[Violation]:
        """What is wrong with an event, up to `MOST_VIOLATIONS`; empty when nothing is.

        Args:
            event: what may break the schema.
            all_of_them: else the first one does, which costs little however much is wrong. An
                event of more than `MOST_VALUES` values is always treated so.

        Raises:
            NestingError: it is nested too deeply to look at.
        """
        try:
            if all_of_them and not _more_values_than(MOST_VALUES, event):
                errors = self._compiled.iter_errors(event)
            else:
                errors = self._first_error(event)
            found = (v for error in errors for v in _translate(error))
            return list(islice(found, MOST_VIOLATIONS))
        except ValueError as error:
            raise NestingError("the event is nested too deeply") from error

    def _first_error(self, event: dict[str, Any]) -> Iterator[jsonschema_rs.ValidationError]:
        try:
            self._compiled.validate(event)
        except jsonschema_rs.ValidationError as error:
            yield error


def _more_values_than(most: int, value: Any) -> bool:  # noqa: ANN401 -- any JSON value
    """Whether a JSON value holds more values, at any depth; looks at no more than it must."""
    count = 0
    waiting: list[Any] = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict | list):
            count += len(found)
            if count > most:
                return True
            waiting.extend(found.values() if isinstance(found, dict) else found)
    return False


def _is_uri_reference(text: str) -> bool:
    return _URI_REFERENCE.fullmatch(text) is not None


def _translate(error: jsonschema_rs.ValidationError) -> Iterator[Violation]:
    found = error.kind.as_dict()
    keyword = error.kind.name
    data_path = _data_path(error.instance_path, error.schema_path)
    schema_path = "#/" + "/".join(_fragment(str(step)) for step in error.schema_path)
    if keyword == "additionalProperties":
        # One complaint a property, each with its own name.
        for name in found.get("unexpected", []):
            yield Violation(
                keyword,
                data_path,
                schema_path,
                {"additionalProperty": name},
                "should NOT have additional properties",
            )
        return
    params, message = _WORDS.get(keyword, _other)(found, error.message)
    yield Violation(keyword, data_path, schema_path, params, message)


def _data_path(instance: Sequence[str | int], schema: Sequence[str | int]) -> str:
    """`.agent.x`, `.a[0]`, `.map['key']`: a key that the schema does not name is always quoted."""
    steps = list(instance)
    named = _named_steps(schema, len(steps))
    path = ""
    for step, is_named in zip(steps, named, strict=True):
        if isinstance(step, int):
            path += f"[{step}]"
        elif is_named and _IDENTIFIER.fullmatch(step):
            path += f".{step}"
        else:
            path += f"['{step}']"
    return path


def _named_steps(schema: Sequence[str | int], wanted: int) -> list[bool]:
    """For each step into the event, whether the schema names it (under `properties`)."""
    named: list[bool] = []
    path = list(schema)
    at = 0
    while at < len(path) and len(named) < wanted:
        if path[at] == "properties":
            named.append(True)
            at += 2
        elif path[at] in {"additionalProperties", "items", "additionalItems", "contains"}:
            named.append(False)
            at += 1
        elif path[at] == "patternProperties":
            named.append(False)
            at += 2
        else:
            at += 1
    return named + [False] * (wanted - len(named))


def _fragment(step: str) -> str:
    return quote(step.replace("~", "~0").replace("/", "~1"), safe="!*'()~-._")


_Words = Callable[[dict[str, Any], str], tuple[dict[str, Any], str]]


def _limit(text: str) -> _Words:
    return lambda found, _message: ({"limit": found["limit"]}, text.format(found["limit"]))


def _comparison(sign: str, *, exclusive: bool) -> _Words:
    return lambda found, _message: (
        {"comparison": sign, "limit": found["limit"], "exclusive": exclusive},
        f"should be {sign} {found['limit']}",
    )


def _other(found: dict[str, Any], message: str) -> tuple[dict[str, Any], str]:
    """A keyword that released event schemas do not use: the engine's own words."""
    del found
    return {}, message


def _type(found: dict[str, Any], _message: str) -> tuple[dict[str, Any], str]:
    types = ",".join(found["types"])
    return {"type": types}, f"should be {types}"


_WORDS: Final[dict[str, _Words]] = {
    "type": _type,
    "required": lambda found, _: (
        {"missingProperty": found["property"]},
        f"should have required property '{found['property']}'",
    ),
    "enum": lambda found, _: (
        {"allowedValues": found["options"]},
        "should be equal to one of the allowed values",
    ),
    "const": lambda found, _: (
        {"allowedValue": found["expected_value"]},
        "should be equal to constant",
    ),
    "format": lambda found, _: (
        {"format": found["format"]},
        f'should match format "{found["format"]}"',
    ),
    "pattern": lambda found, _: (
        {"pattern": found["pattern"]},
        f'should match pattern "{found["pattern"]}"',
    ),
    "multipleOf": lambda found, _: (
        {"multipleOf": found["multiple_of"]},
        f"should be multiple of {found['multiple_of']}",
    ),
    "minLength": _limit("should NOT be shorter than {} characters"),
    "maxLength": _limit("should NOT be longer than {} characters"),
    "minItems": _limit("should NOT have fewer than {} items"),
    "maxItems": _limit("should NOT have more than {} items"),
    "minProperties": _limit("should NOT have fewer than {} properties"),
    "maxProperties": _limit("should NOT have more than {} properties"),
    "minimum": _comparison(">=", exclusive=False),
    "maximum": _comparison("<=", exclusive=False),
    "exclusiveMinimum": _comparison(">", exclusive=True),
    "exclusiveMaximum": _comparison("<", exclusive=True),
}
