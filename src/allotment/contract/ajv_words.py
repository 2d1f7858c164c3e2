"""How Ajv 6 says what is wrong with an event: paths, parameters and messages.

Clients and dashboards of event intakes have always read these words, so ours are the same. The
reference page of the schema check lists where they differ on purpose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

Step = str | int
Said = tuple[dict[str, Any], str]
"""Parameters and message of one violation."""

_IDENTIFIER: Final = re.compile(r"[A-Za-z$_][A-Za-z0-9$_]*", re.ASCII)
_QUOTED: Final = str.maketrans(
    {"\\": r"\\", "'": r"\'", "\n": r"\n", "\r": r"\r", "\f": r"\f", "\t": r"\t"}
)
_INTO_MAP: Final = frozenset({"additionalProperties", "patternProperties"})
_INTO_LIST: Final = frozenset({"items", "additionalItems"})
_WIDEST_PLAIN: Final = 21
"""JavaScript writes whole numbers of more digits with an exponent."""


def schema_path(steps: Sequence[Step]) -> str:
    """`#/properties/agent/type`, as a fragment of a URI."""
    return "#/" + "/".join(
        quote(str(step).replace("~", "~0").replace("/", "~1"), safe="!*'()~-._") for step in steps
    )


def data_path(event: Any, instance: Sequence[Step], schema: Sequence[Step]) -> str:  # noqa: ANN401 -- any JSON
    """`.agent.x`, `.a[0]`, `.map['key']`: a key that the schema does not name is quoted as it is.

    Args:
        event: what was checked; asked only for keys that are empty texts, which the engine leaves
            out of its paths.
        instance: the engine's path into the event.
        schema: the engine's path into the schema, its last step the keyword.
    """
    path = ""
    node, given = event, list(instance)
    ways = _ways(schema)
    for place, (way, name) in enumerate(ways):
        step: Step
        if name is not None:
            step = name
            given = given[1:]
        elif way == "map" and len(given) < len(ways) - place and _has_empty_key(node):
            step = ""
        elif given:
            step = given.pop(0)
        else:
            break
        node = _inner(node, step)
        if isinstance(step, int):
            path += f"[{step}]"
        elif name is None:
            path += f"['{step}']"
        elif _IDENTIFIER.fullmatch(name):
            path += f".{name}"
        else:
            path += f"['{name.translate(_QUOTED)}']"
    return path


def _ways(schema: Sequence[Step]) -> list[tuple[str, str | None]]:
    """The steps into the event that a path through the schema takes; with the name, if named."""
    found: list[tuple[str, str | None]] = []
    at, last = 0, len(schema) - 1
    while at < last:
        step = schema[at]
        if step == "properties":
            found.append(("name", str(schema[at + 1])))
            at += 2
        elif step in _INTO_MAP:
            found.append(("map", None))
            at += 2 if step == "patternProperties" else 1
        elif step in _INTO_LIST:
            found.append(("list", None))
            at += 2 if isinstance(schema[at + 1], int) and at + 1 < last else 1
        else:
            at += 1
    return found


def _has_empty_key(node: Any) -> bool:  # noqa: ANN401 -- any JSON
    return isinstance(node, dict) and "" in node


def _inner(node: Any, step: Step) -> Any:  # noqa: ANN401 -- any JSON
    if isinstance(node, dict):
        return node.get(str(step))
    reaches = isinstance(node, list) and isinstance(step, int) and step < len(node)
    return node[step] if reaches else None


def number_text(value: float) -> str:
    """A number as JavaScript writes it: `1` for 1.0, `1e+21`, and no digit beyond a double's."""
    double = float(value)
    if double == 0:
        return "0"
    text = repr(double)
    mantissa, _, exponent = text.partition("e")
    if not exponent:
        return text.removesuffix(".0")
    power = int(exponent)
    digits = mantissa.removesuffix(".0").replace(".", "").replace("-", "")
    sign = "-" if double < 0 else ""
    if 0 <= power < _WIDEST_PLAIN:
        return sign + digits.ljust(power + 1, "0")
    if -7 <= power < 0:  # noqa: PLR2004 -- where JavaScript begins to write exponents
        return f"{sign}0.{'0' * (-power - 1)}{digits}"
    return f"{mantissa.removesuffix('.0')}e{'+' if power > 0 else '-'}{abs(power)}"


def duplicate_items(items: Sequence[Any], schema: Mapping[str, Any]) -> tuple[int, int] | None:
    """The two places that Ajv names of an array with equal items; None where it names none.

    Where the schema gives the items a scalar type, it looks only at items of that type, from the
    end, and names the pair otherwise.
    """
    within = schema.get("items")
    kind = within.get("type") if isinstance(within, dict) else None
    kinds = [kind] if isinstance(kind, str) else kind or []
    if kinds and not {"object", "array"} & set(kinds):
        seen: dict[object, int] = {}
        for place in range(len(items) - 1, -1, -1):
            item = items[place]
            if isinstance(item, dict | list) or not any(_is_of(item, one) for one in kinds):
                continue
            key = _key(item)
            if key in seen:
                return seen[key], place
            seen[key] = place
        return None
    places: dict[object, list[int]] = {}
    for place, item in enumerate(items):
        places.setdefault(_key(item), []).append(place)
    pairs = [(found[-1], found[-2]) for found in places.values() if len(found) > 1]
    return max(pairs)[::-1] if pairs else None


def _key(value: Any) -> object:  # noqa: ANN401 -- any JSON
    """Equal for equal JSON values only: 1 is 1.0, but true is no number."""
    if isinstance(value, list):
        return tuple(map(_key, value))
    if isinstance(value, dict):
        return frozenset((name, _key(inner)) for name, inner in value.items())
    return (isinstance(value, bool), value)


def _is_of(value: Any, kind: str) -> bool:  # noqa: ANN401 -- any JSON
    if kind == "integer":
        return _is_of(value, "number") and float(value).is_integer()
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, {"string": str, "boolean": bool, "null": type(None)}.get(kind, ()))


_Words = Callable[[Mapping[str, Any], Any], Said]


def say(keyword: str, limit: Any, found: Mapping[str, Any], otherwise: str) -> Said:  # noqa: ANN401 -- any JSON
    """Parameters and message for a keyword.

    Args:
        keyword: the one that is broken.
        limit: what the schema says for it.
        found: what the engine tells of the violation.
        otherwise: its own words, for keywords that released event schemas do not use.
    """
    words = _WORDS.get(keyword)
    return words(found, limit) if words is not None else ({}, otherwise)


def _limit(text: str) -> _Words:
    return lambda _, limit: ({"limit": limit}, text.format(number_text(limit)))


def _comparison(sign: str, *, exclusive: bool) -> _Words:
    return lambda _, limit: (
        {"comparison": sign, "limit": limit, "exclusive": exclusive},
        f"should be {sign} {number_text(limit)}",
    )


def _type(_: Mapping[str, Any], limit: Any) -> Said:  # noqa: ANN401 -- any JSON
    types = limit if isinstance(limit, str) else ",".join(limit)
    return {"type": types}, f"should be {types}"


def _required(found: Mapping[str, Any], _: Any) -> Said:  # noqa: ANN401 -- any JSON
    name = found["property"]
    return {"missingProperty": name}, f"should have required property '{name}'"


_WORDS: Final[dict[str, _Words]] = {
    "type": _type,
    "required": _required,
    "enum": lambda _, limit: (
        {"allowedValues": limit},
        "should be equal to one of the allowed values",
    ),
    "const": lambda _, limit: ({"allowedValue": limit}, "should be equal to constant"),
    "format": lambda _, limit: ({"format": limit}, f'should match format "{limit}"'),
    "pattern": lambda _, limit: ({"pattern": limit}, f'should match pattern "{limit}"'),
    "multipleOf": lambda _, limit: (
        {"multipleOf": limit},
        f"should be multiple of {number_text(limit)}",
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
