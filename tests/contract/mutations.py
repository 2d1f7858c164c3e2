"""Events that break their schema in one or two ways, made from one that keeps to it."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from typing import Any, Final

Node = dict[str, Any]
Steps = tuple[str | int, ...]
_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 1.0, 1.5, -0.0, 2**53 - 1, 2**53, 2**53 + 1, -(2**53), 2**63),
    *(1e21, 1e300, 5e-324, "", "x", "\U0001f600" * 3, "a b", "\u2028", [], {}, [[]], {"a": {}}),
)
_NAMES: Final = (
    "further",
    "a.b",
    "it's",
    'say "x"',
    "\u00fcn\u00ef",
    "1x",
    "",
    "a/b",
    "a~b",
    "\\",
    "\n",
)
TIMES: Final = (
    *("2021-01-01T00:00:00Z", "2021-01-01 00:00:00Z", "2021-01-01t00:00:00.123z"),
    *("2021-01-01T00:00:00+0100", "2021-01-01T00:00:00+01", "2021-01-01T00:00:00-01:30"),
    *("2021-01-01\u00a000:00:00Z", "2021-01-01T23:59:60Z", "2021-02-30T00:00:00Z"),
    *("2021-19-39T25:00:00Z", "2021-01-01T00:00:00", "2021-20-01T00:00:00Z", "2021-01-01"),
    *(
        "20210101T000000Z",
        "2021-01-01T00:00:00.Z",
        "2021-01-01T00:00:00Z\n",
        " 2021-01-01T00:00:00Z",
    ),
    *("2021-01-01T00:00:00+25:00", "2021-01-01T24:00:00Z", "2021-01-01T00:61:00Z", "now"),
)
_URIS: Final = (
    *("", "/a", "a#b#c", "a\\b", "a b", "\u00e9", "#", "##", "a#\\", "\\", "http://x/#y", "//x"),
    *("http:/\\x", "a\ufeffb", "a\x85b", "a\x1cb", "a\x00b", "\n"),
)
_DATES: Final = ("2021-01-01", "2021-02-30", "2021-13-01", "2021-01-32", "2021-1-1", "2021-01-01Z")


def mutated(event: Node, schema: Node, draw: random.Random, number: int) -> Iterator[Node]:
    """So many events, each with one or two of its fields changed."""
    places = list(_places(event, schema, ()))
    for _ in range(number):
        made = copy.deepcopy(event)
        for steps, node in draw.sample(places, k=draw.choice([1, 1, 2])):
            _change(made, steps, node, draw)
        yield made


def _places(value: Any, node: Any, at: Steps) -> Iterator[tuple[Steps, Node]]:  # noqa: ANN401 -- any JSON
    """Every field of an event with what its schema says about it."""
    node = node if isinstance(node, dict) else {}
    yield at, node
    if isinstance(value, dict):
        named, further = node.get("properties", {}), node.get("additionalProperties", {})
        for name, inner in value.items():
            yield from _places(inner, named.get(name, further), (*at, name))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _places(inner, node.get("items"), (*at, place))


def _change(event: Node, steps: Steps, node: Node, draw: random.Random) -> None:
    owner: Any = event
    for step in steps[:-1]:
        try:
            owner = owner[step]
        except (KeyError, IndexError, TypeError):
            return
    if not steps or (isinstance(node.get("properties"), dict) and draw.random() < 0.4):
        target = event if not steps else owner.get(steps[-1]) if isinstance(owner, dict) else None
        if isinstance(target, dict):
            target[draw.choice(_NAMES)] = draw.choice(_VALUES)
        return
    if isinstance(owner, dict) and draw.random() < 0.15:
        owner.pop(steps[-1], None)
        return
    last = steps[-1]
    reaches = isinstance(owner, list) and isinstance(last, int) and last < len(owner)
    if isinstance(owner, dict) or reaches:
        owner[last] = draw.choice([*_fitting(node, draw), draw.choice(_VALUES)])


def _fitting(node: Node, draw: random.Random) -> list[Any]:
    """Values at and just beyond what the schema says."""
    by_format = {"date-time": TIMES, "uri-reference": _URIS, "date": _DATES}
    found: list[Any] = list(draw.sample(by_format.get(node.get("format", ""), ("x", "y")), k=2))
    for word, step in (("minimum", -1), ("maximum", 1)):
        limit = node.get(word)
        if isinstance(limit, int | float):
            found += [limit, limit + step, float(limit)]
    for word, step in (("minLength", -1), ("maxLength", 1)):
        if word in node:
            found += ["\U0001f600" * node[word], "z" * (node[word] + step)]
    if "pattern" in node:
        found += ["0" * 20, "0" * 20 + "\n", "\u0660" * 20, "1:\u00e9", "12:x"]
    if node.get("type") == "array":
        found += [[1, 1.0], [1, True], ["a", "a", "a"], [{"name": "a"}] * 2, [{}, {"name": 1}], []]
        found += [[{"name": "a", "rank": n} for n in (1, 2, 1.0, 3, 4)], ["a", 1, None]]
    if node.get("type") == "object":
        names = ("a", "b", "c", "d", "B", "aaaaaaaaa", "it's")
        found += [{}, dict.fromkeys(draw.sample(names, k=4), 1), {"a": {"role": 1, "x": {"y": 1}}}]
    return found
