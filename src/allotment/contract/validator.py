"""Holds an event against its schema, and says what is wrong in the form that clients know.

The form is that of Ajv 6 with all errors listed, since event intakes of this protocol have always
answered with it. The check itself is done by a compiled validator in linear time: patterns run on a
regular-expression engine that cannot backtrack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, cast

import jsonschema_rs

from allotment.contract import ajv_words
from allotment.contract.schemas import Schema
from allotment.contract.times import normalize_times, time_paths

MOST_VIOLATIONS: Final = 1000
"""One event can break its schema in as many ways as it has bytes; the answer must not grow so."""
MOST_VALUES: Final = 5000
"""Of an event with more values than this, one violation is told: the engine would build the list of
all before it gave the first, which is seconds and hundreds of megabytes for a body of 4 MiB."""

# The published schemas were always held to these loose forms; browsers send more than the strict
# grammars allow. White space is what JavaScript takes for it.
_SPACE: Final = r"\t-\r \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_URI_REFERENCE: Final = re.compile(rf"(?!\\)[^{_SPACE}#]*(?:#[^{_SPACE}\\]*)?")
_DATE: Final = re.compile(r"\d{4}-[01]\d-[0-3]\d", re.ASCII)
_TURNING: Final = frozenset({"not", "if", "oneOf"})
_NOT_FOR_COMPILING: Final = frozenset({"$id", "$schema", "examples", "title", "description"})


class NestingError(ValueError):
    """An event is nested more deeply than anything here goes (some 250 levels)."""


def _compiled(
    body: dict[str, Any], formats: Mapping[str, Callable[[str], bool]]
) -> jsonschema_rs.Draft7Validator:
    return jsonschema_rs.Draft7Validator(
        body,
        validate_formats=True,
        formats=dict(formats),
        pattern_options=jsonschema_rs.RegexOptions(),
        offline=True,
        # Where the engine's own words are told, they would quote what the event holds.
        mask="the value",
    )


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
        if "draft-04" in str(schema.body.get("$schema")):
            body = _without_draft_04(body)
        self._body = body
        try:
            loose = _loose_formats(body)
            self._compiled = _compiled(body, loose)
            # An engine that may have to ask Python takes half as long again, whether it asks or
            # not. Nearly every event keeps to the strict grammar too, and is asked for that first.
            # Not where there are dates: the engine's own check lets pass what is none (3-35-08-09).
            # Not where to break one part is to keep another: what is strict there is loose.
            plain = not loose or "date" in loose or _turns(body)
            self._quick = self._compiled if plain else _compiled(body, {})
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
            raise ValueError(f"schema {schema.uri} cannot be compiled: {error}") from error
        self._times = time_paths(schema.body)

    def accepts(self, event: dict[str, Any]) -> bool:
        """Whether an event keeps to the schema; the fast way.

        Raises:
            NestingError: it is nested too deeply to look at.
        """
        try:
            return self._quick.is_valid(event) or (
                self._quick is not self._compiled and self._compiled.is_valid(event)
            )
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
            told: set[str] = set()
            found = (v for error in errors for v in self._translated(error, event, told))
            return list(islice(found, MOST_VIOLATIONS))
        except ValueError as error:
            raise NestingError("the event is nested too deeply") from error

    def _first_error(self, event: dict[str, Any]) -> Iterator[jsonschema_rs.ValidationError]:
        try:
            self._compiled.validate(event)
        except jsonschema_rs.ValidationError as error:
            yield error

    def _translated(
        self, error: jsonschema_rs.ValidationError, event: dict[str, Any], told: set[str]
    ) -> Iterator[Violation]:
        """The engine's complaint as those that Ajv makes of the same, but none that was told."""
        steps, keyword = error.schema_path, error.kind.name
        where = ajv_words.data_path(event, error.instance_path, steps)
        there = ajv_words.schema_path(steps)
        if keyword == "additionalProperties":
            for name in error.kind.as_dict()["unexpected"]:
                yield _further(where, there, name)
        elif keyword == "falseSchema":
            said = "boolean schema is false"
            yield Violation("false schema", where, f"{there}/false schema", {}, said)
        elif keyword == "propertyNames":
            inner = error.kind.as_dict()["error"]
            place = steps.index("propertyNames") + 1
            yield self._told(inner, where, there, self._at(steps[:-1]))
            outer = _bad_name(where, ajv_words.schema_path(steps[:place]), inner.instance)
            if f"{where} {inner.instance}" not in told:
                told.add(f"{where} {inner.instance}")
                yield outer
        elif keyword == "uniqueItems":
            items = cast("list[Any]", error.instance)
            pair = ajv_words.duplicate_items(items, self._at(steps[:-1]))
            if pair is not None:
                yield _not_unique(where, there, pair)
        else:
            yield self._told(error, where, there, self._at(steps[:-1]))

    def _told(
        self, error: jsonschema_rs.ValidationError, where: str, there: str, owner: dict[str, Any]
    ) -> Violation:
        """One complaint for one complaint."""
        keyword = error.kind.name
        params, said = ajv_words.say(
            keyword, owner.get(keyword), error.kind.as_dict(), error.message
        )
        return Violation(keyword, where, there, params, said)

    def _at(self, steps: Sequence[str | int]) -> dict[str, Any]:
        """The schema at a place in the schema."""
        node: Any = self._body
        for step in steps:
            node = node[step]
        return node if isinstance(node, dict) else {}


def _further(where: str, there: str, name: str) -> Violation:
    said = "should NOT have additional properties"
    return Violation("additionalProperties", where, there, {"additionalProperty": name}, said)


def _bad_name(where: str, there: str, name: str) -> Violation:
    said = f"property name '{name}' is invalid"
    return Violation("propertyNames", where, there, {"propertyName": name}, said)


def _not_unique(where: str, there: str, pair: tuple[int, int]) -> Violation:
    first, second = pair
    said = f"should NOT have duplicate items (items ## {first} and {second} are identical)"
    return Violation("uniqueItems", where, there, {"i": second, "j": first}, said)


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


def _loose_formats(body: dict[str, Any]) -> dict[str, Callable[[str], bool]]:
    """Those of our own checks of formats that a schema asks for."""
    ours = {"uri-reference": _is_uri_reference, "date": _is_date}
    asked = [node.get("format") for node in _objects(body)]
    return {name: is_one for name, is_one in ours.items() if name in asked}


def _turns(body: dict[str, Any]) -> bool:
    """Whether an event may keep to the schema because it breaks a part of it."""
    return any(not _TURNING.isdisjoint(node) for node in _objects(body))


def _objects(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All objects of a schema, also those that hold no keywords; they are few more."""
    waiting: list[Any] = [body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _is_uri_reference(text: str) -> bool:
    return _URI_REFERENCE.fullmatch(text) is not None


def _is_date(text: str) -> bool:
    return _DATE.fullmatch(text) is not None


def _without_draft_04(node: Any) -> Any:  # noqa: ANN401 -- any JSON value
    """The schema with the one keyword rewritten that draft-04 writes otherwise."""
    if isinstance(node, list):
        return [_without_draft_04(item) for item in node]
    if not isinstance(node, dict):
        return node
    fresh = {name: _without_draft_04(item) for name, item in node.items()}
    for exclusive, limit in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        given = fresh.get(exclusive)
        if isinstance(given, bool):
            del fresh[exclusive]
            if given and limit in fresh:
                fresh[exclusive] = fresh.pop(limit)
    return fresh
