"""What the users of an older version of a schema would feel of a newer one.

A *producer* feels a narrower schema: an event that the old version took is refused by the new one.
A *consumer* feels a wider one: it meets a value, an absence or a meaning that the old version ruled
out. Pure; both schemas are materialised (no `$ref`; `allOf` merged). Where two keywords cannot be
compared by reasoning (`not`, `if`, …), any change of them counts for both sides.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, TypeAlias

from allotment.contract.materialize import SAFE_INTEGER

Node: TypeAlias = Mapping[str, Any]


class Side(StrEnum):
    """Who feels a change."""

    PRODUCER = "producer"
    CONSUMER = "consumer"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. `path` is the field (`page.title`, `tags[]`, `assigned.*`; empty: the event).

    `kind` is a fixed word for programs, `sentence` says the same to people.
    """

    path: str
    kind: str
    side: Side
    sentence: str

    @property
    def breaks(self) -> bool:
        """Whether the change needs a new major version.

        More values of an enumeration and longer texts do not, though a consumer feels them: the
        schema repositories that we share `$id`s with have always allowed both.
        """
        return self.side is not Side.NONE and self.kind not in _TOLERATED

    def __str__(self) -> str:
        return f"{self.path or 'the event'}: {self.sentence}"


_TOLERATED: Final = frozenset({"enum_extended", "maxLength_loosened"})
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_UNCOMPARABLE: Final = (
    "pattern",
    "format",
    "multipleOf",
    "patternProperties",
    "propertyNames",
    "dependencies",
    "contains",
    "additionalItems",
    "not",
    "if",
    "then",
    "else",
    "$ref",
)
_BRANCHES: Final = ("allOf", "anyOf", "oneOf")
_TYPES: Final = frozenset({"string", "integer", "number", "boolean", "object", "array", "null"})


def compare(old: Node, new: Node) -> list[Finding]:
    """Every difference that a producer, a consumer or a reader could notice, outermost first."""
    found = [*_identity(old, new), *_nodes(old, new, "")]
    return list(dict.fromkeys(found))


def _identity(old: Node, new: Node) -> Iterator[Finding]:
    if old.get("title") != new.get("title"):
        yield from _both(
            "", "title_changed", f"the title {_show(old, 'title')} is now {_show(new, 'title')}"
        )
    if old.get("$schema") != new.get("$schema"):
        yield from _both("", "dialect_changed", "the JSON Schema version that it follows changed")


def _nodes(old: Any, new: Any, path: str) -> Iterator[Finding]:  # noqa: ANN401 -- any JSON
    before, after = _as_node(old), _as_node(new)
    for rule in _RULES:
        yield from rule(before, after, path)


def _as_node(schema: Any) -> Node:  # noqa: ANN401 -- any JSON
    if isinstance(schema, Mapping):
        return schema
    return {"not": {}} if schema is False else {}


def _types(old: Node, new: Node, path: str) -> Iterator[Finding]:
    before, after = _allowed_types(old), _allowed_types(new)
    sentence = f"the type {_show(old, 'type')} is now {_show(new, 'type')}"
    if before - after:
        yield Finding(path, "type_narrowed", Side.PRODUCER, sentence)
    if after - before:
        yield Finding(path, "type_widened", Side.CONSUMER, sentence)


def _allowed_types(node: Node) -> frozenset[str]:
    kind = node.get("type")
    if kind is None:
        return _TYPES
    named = frozenset([kind] if isinstance(kind, str) else kind)
    return named | {"integer"} if "number" in named else named


def _values(old: Node, new: Node, path: str) -> Iterator[Finding]:
    before, after = _allowed_values(old), _allowed_values(new)
    if before is None and after is not None:
        said = f"only {_listed(after)} are taken; before, any value was"
        yield Finding(path, "enum_added", Side.PRODUCER, said)
    elif before is not None and after is None:
        said = f"any value is taken; before, only {_listed(before)} were"
        yield Finding(path, "enum_dropped", Side.CONSUMER, said)
    elif before is not None and after is not None:
        if gone := before - after:
            yield Finding(path, "enum_shrunk", Side.PRODUCER, f"no longer taken: {_listed(gone)}")
        if more := after - before:
            yield Finding(path, "enum_extended", Side.CONSUMER, f"newly taken: {_listed(more)}")


def _allowed_values(node: Node) -> frozenset[str] | None:
    if "const" in node:
        return frozenset({_text(node["const"])})
    return frozenset(_text(value) for value in node["enum"]) if "enum" in node else None


def _limits(old: Node, new: Node, path: str) -> Iterator[Finding]:
    for words, sign in ((_LOWER, 1), (_UPPER, -1)):
        for word in words:
            before, after = _limit(old, word), _limit(new, word)
            if before == after:
                continue
            sentence = f"{word} {_show(old, word)} is now {_show(new, word)}"
            if before is None or (after is not None and sign * (after - before) > 0):
                yield Finding(path, f"{word}_tightened", Side.PRODUCER, sentence)
            else:
                yield Finding(path, f"{word}_loosened", Side.CONSUMER, sentence)
    if bool(old.get("uniqueItems")) != bool(new.get("uniqueItems")):
        tighter = bool(new.get("uniqueItems"))
        yield Finding(
            path,
            f"uniqueItems_{'tightened' if tighter else 'loosened'}",
            Side.PRODUCER if tighter else Side.CONSUMER,
            f"items {'must now' if tighter else 'need no longer'} differ from each other",
        )


def _limit(node: Node, word: str) -> float | None:
    """The limit; None where it excludes nothing (bounds that materialising adds count as none)."""
    value = node.get(word)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    idle = {"minimum": -SAFE_INTEGER, "maximum": SAFE_INTEGER}.get(word)
    if value == idle or (value == 0 and word in {"minLength", "minItems", "minProperties"}):
        return None
    return value


def _uncomparable(old: Node, new: Node, path: str) -> Iterator[Finding]:
    for word in _UNCOMPARABLE:
        if _same(old, new, word):
            continue
        if word not in old:
            said = f"{word} {_show(new, word)} is now demanded"
            yield Finding(path, f"{word}_added", Side.PRODUCER, said)
        elif word not in new:
            said = f"{word} {_show(old, word)} is no longer kept"
            yield Finding(path, f"{word}_dropped", Side.CONSUMER, said)
        else:
            said = f"{word} {_show(old, word)} is now {_show(new, word)}"
            yield from _both(path, f"{word}_changed", said)


def _branches(old: Node, new: Node, path: str) -> Iterator[Finding]:
    for word in _BRANCHES:
        before, after = old.get(word), new.get(word)
        if before is None and after is not None:
            yield Finding(path, f"{word}_added", Side.PRODUCER, f"{word} is now demanded")
        elif before is not None and after is None:
            yield Finding(path, f"{word}_dropped", Side.CONSUMER, f"{word} is no longer kept")
        elif before is not None and after is not None:
            if len(before) != len(after):
                yield from _both(path, f"{word}_changed", f"{word} has other branches")
            else:
                for first, second in zip(before, after, strict=True):
                    yield from _nodes(first, second, path)


def _items(old: Node, new: Node, path: str) -> Iterator[Finding]:
    if "items" not in old and "items" not in new:
        return
    before, after = old.get("items", {}), new.get("items", {})
    if isinstance(before, list) or isinstance(after, list):
        if before != after:
            yield from _both(path, "items_changed", "the list of item schemas changed")
    else:
        yield from _nodes(before, after, f"{path}[]")


def _properties(old: Node, new: Node, path: str) -> Iterator[Finding]:
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in before:
        at = f"{path}.{name}" if path else name
        if name in after:
            yield from _nodes(before[name], after[name], at)
            continue
        yield Finding(at, "property_removed", Side.CONSUMER, "the field is no longer described")
        if new.get("additionalProperties") is False:
            yield Finding(at, "property_refused", Side.PRODUCER, "the field is now refused")
    for name in after:
        if name not in before:
            at = f"{path}.{name}" if path else name
            yield Finding(at, "property_added", Side.NONE, "the field is new")


def _required(old: Node, new: Node, path: str) -> Iterator[Finding]:
    before, after = old.get("required", ()), new.get("required", ())
    for name in after:
        if name not in before:
            at = f"{path}.{name}" if path else name
            yield Finding(at, "required_added", Side.PRODUCER, "the field is now required")
    for name in before:
        if name not in after:
            at = f"{path}.{name}" if path else name
            yield Finding(at, "required_dropped", Side.CONSUMER, "the field may now be absent")


def _further(old: Node, new: Node, path: str) -> Iterator[Finding]:
    before, after = old.get("additionalProperties", True), new.get("additionalProperties", True)
    if before is after:
        return
    if after is False:
        yield Finding(path, "closed", Side.PRODUCER, "fields that are not named are now refused")
    elif before is False:
        yield Finding(path, "opened", Side.CONSUMER, "fields that are not named are now taken")
    else:
        yield from _nodes(before, after, f"{path}.*" if path else "*")


def _annotations(old: Node, new: Node, path: str) -> Iterator[Finding]:
    if not _same(old, new, "default"):
        changed = f"the default {_show(old, 'default')} is now {_show(new, 'default')}"
        side = Side.CONSUMER if "default" in old else Side.NONE
        yield Finding(path, "default_changed", side, changed)
    if not _same(old, new, "description"):
        yield Finding(path, "description_changed", Side.NONE, "the description changed")


_RULES: Final[tuple[Callable[[Node, Node, str], Iterator[Finding]], ...]] = (
    _types,
    _values,
    _limits,
    _uncomparable,
    _branches,
    _required,
    _further,
    _items,
    _properties,
    _annotations,
)


def _both(path: str, kind: str, sentence: str) -> Iterator[Finding]:
    yield Finding(path, kind, Side.PRODUCER, sentence)
    yield Finding(path, kind, Side.CONSUMER, sentence)


def _same(old: Node, new: Node, word: str) -> bool:
    if word not in old and word not in new:
        return True
    return (word in old) == (word in new) and _text(old.get(word)) == _text(new.get(word))


def _show(node: Node, word: str) -> str:
    return _text(node[word]) if word in node else "(none)"


def _listed(values: frozenset[str]) -> str:
    return ", ".join(sorted(values))


def _text(value: Any) -> str:  # noqa: ANN401 -- any JSON
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
