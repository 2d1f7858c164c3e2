"""The tables of the reference page, from the OpenAPI document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from allotment.registry import permissions
from allotment.registry.manage_api import application

_BODIES = ("ExperimentBody", "InstrumentBody", "GroupBody", "GuardrailBody", "SiteShare")


def sections() -> dict[str, list[str]]:
    """The lines between the marks of the page, by the name of the mark."""
    document = application.make().get_openapi_schema()
    return {
        "operations": list(_operations(document)),
        "bodies": list(_bodies(document["components"]["schemas"])),
    }


def _operations(document: Mapping[str, Any]) -> Iterator[str]:
    rooms: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        short = path.removeprefix(f"/{application.PREFIX.rstrip('/')}")
        for method, operation in methods.items():
            action = operation["x-allotment-action"]
            scope = permissions.ACTIONS[action].scope
            version = any(p["name"] == "If-Match" for p in operation["parameters"])
            words = " ".join(operation["description"].split())
            rooms.setdefault(operation["tags"][0], []).append(
                f"| `{method.upper()} {short}` | {operation['summary']}. {words} "
                f"| {action} | `{scope}` | {'yes' if version else ''} |"
            )
    for room, rows in rooms.items():
        yield f"### {room.capitalize()}"
        yield ""
        yield "| route | what it does | action | scope | If-Match |"
        yield "|---|---|---|---|---|"
        yield from rows
        yield ""


def _bodies(schemas: Mapping[str, Any]) -> Iterator[str]:
    for name in _BODIES:
        schema = schemas[name]
        yield f"### {name}"
        yield ""
        yield " ".join(schema.get("description", "").split())
        yield ""
        yield "| key | type | needed |"
        yield "|---|---|---|"
        needed = set(schema.get("required", ()))
        for key, node in schema["properties"].items():
            yield f"| `{key}` | {_kind(node)} | {'yes' if key in needed else ''} |"
        yield ""


def _kind(node: Mapping[str, Any]) -> str:
    if "anyOf" in node:
        return " or ".join(_kind(one) for one in node["anyOf"])
    if "$ref" in node:
        return str(node["$ref"].rsplit("/", 1)[1])
    kind = str(node.get("type", "any"))
    if kind == "array":
        return f"list of {_kind(node['items'])}"
    return "date-time" if node.get("format") == "date-time" else kind
