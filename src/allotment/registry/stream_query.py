"""What a request to the stream configuration API asks for. Pure.

`constraints` are `|`-separated fragments of a query string; brackets nest and repeated keys become
lists. A stream passes iff every constraint exists in it and matches: scalars as text, maps in part,
lists when every expected entry is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from allotment.registry.stream_documents import is_pattern, pattern_of

MOST_STREAMS = 250
MOST_CONSTRAINTS = 50
_DEPTH = 10
_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


class QueryError(ValueError):
    """The request cannot be answered; `code` is the API's word for why."""

    def __init__(self, code: str, text: str) -> None:
        self.code = code
        super().__init__(text)


@dataclass(frozen=True)
class StreamQuery:
    """Which streams are asked for: by name (None: all) and by what they must contain.

    A name is looked up before: an entry may be a pattern that fits it.
    """

    names: tuple[str, ...] | None
    constraints: Mapping[str, Any]
    site: str | None

    def passes(self, document: Mapping[str, Any]) -> bool:
        """Whether a stream's document has what the constraints ask for.

        `stream` is looked up like a name: the entry of a pattern passes for what it fits.
        """
        rest = dict(self.constraints)
        wanted, own = rest.get("stream"), str(document["stream"])
        if isinstance(wanted, str) and is_pattern(own) and pattern_of(own).search(wanted):
            del rest["stream"]
        return matches(rest, document)


def parse(parameters: Mapping[str, str]) -> StreamQuery:
    """Read the request's parameters.

    Raises:
        QueryError: a parameter has a value that this API does not take.
    """
    action = parameters.get("action")
    if action != "streamconfigs":
        raise QueryError("badvalue", f"action is {action!r}; only 'streamconfigs' is served here")
    if parameters.get("format", "json") != "json":
        raise QueryError("badvalue", f"format is {parameters['format']!r}; give 'json'")
    if parameters.get("formatversion", "2") not in {"2", "latest"}:
        raise QueryError("badvalue", f"formatversion is {parameters['formatversion']!r}; give '2'")
    names = _listed(parameters.get("streams"), "streams", MOST_STREAMS)
    fragments = _listed(parameters.get("constraints"), "constraints", MOST_CONSTRAINTS)
    constraints = parse_constraints(fragments or ())
    return StreamQuery(names, constraints, parameters.get("site") or None)


def _listed(text: str | None, name: str, most: int) -> tuple[str, ...] | None:
    if text is None:
        return None
    found = tuple(part for part in text.split("|") if part)
    if len(found) > most:
        raise QueryError("toomanyvalues", f"{name} has {len(found)} values; give at most {most}")
    return found


def parse_constraints(fragments: Sequence[str]) -> dict[str, Any]:
    """`["a[b]=1", "c=2", "c=3"]` → `{"a": {"b": "1"}, "c": ["2", "3"]}`.

    Raises:
        QueryError: a fragment has no `=` or its key is malformed.
    """
    found: dict[str, Any] = {}
    for fragment in fragments:
        pairs = parse_qsl(fragment, keep_blank_values=True)
        if "=" not in fragment or len(pairs) != 1:
            raise QueryError(
                "badvalue", f"the constraint {fragment!r} is not of the form key=value"
            )
        key, value = pairs[0]
        match = _KEY.fullmatch(key)
        if match is None:
            raise QueryError("badvalue", f"the constraint {fragment!r} has a malformed key")
        steps = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        if len(steps) > _DEPTH:
            raise QueryError("badvalue", f"the constraint {fragment!r} nests too deeply")
        _put(found, steps, value)
    return found


def _put(into: dict[str, Any], steps: list[str], value: str) -> None:
    for step in steps[:-1]:
        inner = into.setdefault(step, {})
        if not isinstance(inner, dict):
            raise QueryError("badvalue", f"the constraints disagree about {step!r}")
        into = inner
    last = steps[-1]
    if last not in into:
        into[last] = value
    elif isinstance(into[last], list):
        into[last].append(value)
    else:
        into[last] = [into[last], value]


def matches(expected: object, found: object, depth: int = 0) -> bool:
    """Whether what was found contains what is expected."""
    if depth > _DEPTH:
        return False
    if isinstance(expected, Mapping):
        if isinstance(found, Sequence) and not isinstance(found, str):
            found = {str(index): value for index, value in enumerate(found)}
        return isinstance(found, Mapping) and all(
            key in found and matches(value, found[key], depth + 1)
            for key, value in expected.items()
        )
    if isinstance(expected, list):
        return isinstance(found, list) and {_scalar(e) for e in expected} <= {
            _scalar(f) for f in found if not isinstance(f, list | dict)
        }
    if isinstance(found, list | dict):
        return False
    return _scalar(expected) == _scalar(found)


def _scalar(value: object) -> str:
    """A scalar as the API compares it: true is `1`, false and null are empty."""
    if isinstance(value, bool):
        return "1" if value else ""
    return "" if value is None else str(value)
