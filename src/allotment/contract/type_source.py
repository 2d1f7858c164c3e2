"""Types for the authors of instruments, written from a materialised schema.

The text says what a program can rely on at compile time: names, types, what may be absent when an
event is sent, which values an enumeration takes. Lengths, patterns and bounds stay the intake's to
check.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from typing import Any, Final, TypeAlias

from allotment.contract.schema_fields import type_of

Node: TypeAlias = Mapping[str, Any]

_TYPESCRIPT: Final = {
    "string": "string",
    "integer": "number",
    "number": "number",
    "boolean": "boolean",
    "null": "null",
}
_PYTHON: Final = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
}
_FILLED: Final = frozenset({"id", "dt", "request_id"})
"""Of `meta`: the intake fills them in."""
_TYPESCRIPT_NAME: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*", re.ASCII)


def type_name(title: str) -> str:
    """`analytics/product_metrics/web/base` → `AnalyticsProductMetricsWebBase`."""
    words = re.split(r"[^A-Za-z0-9]+", title)
    name = "".join(word[:1].upper() + word[1:] for word in words)
    return name if name[:1].isalpha() else f"Event{name}"


def typescript_types(schema: Node) -> str:
    """One TypeScript interface for the events of a schema; of nested objects the type in place."""
    name = type_name(str(schema["title"]))
    schema = _as_sent(schema)
    return f"/** Events of {schema['$id']} */\nexport interface {name} {_ts_object(schema, '')}\n"


def _as_sent(schema: Node) -> Node:
    """The schema as it is for an event that is sent, before the intake has filled it in."""
    sent = _without_defaults(schema)
    properties = dict(sent.get("properties", {}))
    if "meta" in properties:
        properties["meta"] = _less_required(properties["meta"], _FILLED)
    return {**sent, "properties": properties}


def _without_defaults(node: Node) -> Node:
    """A schema in which no field with a default is required, and every part is a map."""
    copy = dict(node)
    if isinstance(node.get("properties"), Mapping):
        parts = node["properties"].items()
        copy["properties"] = {name: _part(part) for name, part in parts if part is not False}
        given = {name for name, part in copy["properties"].items() if "default" in part}
        copy = dict(_less_required(copy, given))
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), Mapping):
            copy[key] = _without_defaults(node[key])
    return copy


def _part(schema: object) -> Node:
    return _without_defaults(schema) if isinstance(schema, Mapping) else {}


def _less_required(node: Node, names: Collection[str]) -> Node:
    return {**node, "required": [name for name in node.get("required", ()) if name not in names]}


def _ts(node: Node, indent: str) -> str:
    if "enum" in node or "const" in node:
        values = node.get("enum", [node.get("const")])
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in values)
    kinds = node.get("type")
    if isinstance(kinds, list):
        return " | ".join(_ts({**node, "type": kind}, indent) for kind in kinds)
    kind = type_of(node)
    if kind == "array":
        items = node.get("items")
        return f"Array<{_ts(items, indent) if isinstance(items, Mapping) else 'unknown'}>"
    if kind == "object":
        return _ts_object(node, indent)
    return _TYPESCRIPT.get(kind or "", "unknown")


def _ts_object(node: Node, indent: str) -> str:
    properties, further = node.get("properties", {}), node.get("additionalProperties")
    if not properties:
        value = _ts(further, indent) if isinstance(further, Mapping) else "unknown"
        return f"Record<string, {'never' if further is False else value}>"
    deeper = f"{indent}  "
    lines = ["{"]
    for name, part in properties.items():
        if part.get("description"):
            lines.append(f"{deeper}/** {_one_line(part['description']).replace('*/', '* /')} */")
        key = name if _TYPESCRIPT_NAME.fullmatch(name) else json.dumps(name)
        mark = "" if name in node.get("required", ()) else "?"
        lines.append(f"{deeper}{key}{mark}: {_ts(part, deeper)};")
    if further is not False:
        lines.append(f"{deeper}[further: string]: unknown;")
    return "\n".join([*lines, f"{indent}}}"])


def python_types(schema: Node) -> str:
    """A Python module of `TypedDict`s for the events of a schema, each nested object its own."""
    found: dict[str, str] = {}
    _py_class(_as_sent(schema), type_name(str(schema["title"])), found)
    imports = "from typing import Any, Literal, NotRequired, TypedDict\n"
    head = f'"""Events of {schema["$id"]}"""\n\n{imports}'
    return "\n\n".join([head, *found.values()])


def _py(node: Node, name: str, found: dict[str, str]) -> str:
    if "enum" in node or "const" in node:
        values = node.get("enum", [node.get("const")])
        if all(isinstance(value, str | int | None) for value in values):
            return f"Literal[{', '.join(repr(value) for value in values)}]"
        return "Any"
    kinds = node.get("type")
    if isinstance(kinds, list):
        return " | ".join(_py({**node, "type": kind}, name, found) for kind in kinds)
    kind = type_of(node)
    if kind == "array":
        items = node.get("items")
        return f"list[{_py(items, f'{name}Item', found) if isinstance(items, Mapping) else 'Any'}]"
    if kind == "object":
        if node.get("properties"):
            return _py_class(node, name, found)
        further = node.get("additionalProperties")
        value = _py(further, f"{name}Value", found) if isinstance(further, Mapping) else "Any"
        return f"dict[str, {value}]"
    return _PYTHON.get(kind or "", "Any")


def _py_class(node: Node, name: str, found: dict[str, str]) -> str:
    """Add the class, after those of its parts, and return its name: another where it is taken."""
    name = _free(name, found)
    found[name] = ""
    lines = [f"{name} = TypedDict(", f"    {name!r},", "    {"]
    for key, part in node.get("properties", {}).items():
        kind = _py(part, f"{name}{type_name(key)}", found)
        if part.get("description"):
            lines.append(f"        # {_one_line(part['description'])}")
        required = key in node.get("required", ())
        lines.append(f"        {key!r}: {kind if required else f'NotRequired[{kind}]'},")
    # It stands after its parts, which were added meanwhile.
    del found[name]
    found[name] = "\n".join([*lines, "    },", ")", ""])
    return name


def _free(name: str, found: Mapping[str, str]) -> str:
    number = 2
    free = name
    while free in found:
        free, number = f"{name}{number}", number + 1
    return free


def _one_line(text: str) -> str:
    return " ".join(text.split())
