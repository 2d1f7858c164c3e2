"""The intake described in OpenAPI 3.1, for `GET /?spec`."""

from __future__ import annotations

from typing import Any, Final

from allotment import __version__
from allotment.intake.answers import READING, SENDING

_PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}
_REFUSED: Final = {"$ref": "#/components/schemas/Refused"}
_MEDIA_TYPES: Final = ("application/json", "text/plain", "application/reports+json")


_STRING: Final = {"type": "string"}


def _record(required: list[str] | None = None, **properties: object) -> dict[str, Any]:
    """An object with these properties and no others; all required if not told otherwise."""
    return {
        "type": "object",
        "required": list(properties) if required is None else required,
        "properties": properties,
        "additionalProperties": False,
    }


def _json(description: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    content = {"application/json": {"schema": schema or {"type": "object"}}}
    return {"description": description, "content": content}


def _problem(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": _PROBLEM}},
    }


def _text(description: str) -> dict[str, Any]:
    return {"description": description, "content": {"text/plain": {"schema": {"type": "string"}}}}


def _not_allowed(methods: str) -> dict[str, Any]:
    """Of any method that a path has not; the document can say so beside one that it has."""
    return {
        **_problem(f"Of other methods than {methods}."),
        "headers": {"Allow": {"required": True, "schema": {"const": methods}}},
    }


_UNAVAILABLE: Final = {
    **_problem("Nothing was acknowledged; send all of it again."),
    "headers": {"Retry-After": {"required": True, "schema": {"type": "integer", "minimum": 1}}},
}
_ANYWHERE: Final = {
    "400": _problem("This cannot be read as one request; the connection is closed."),
    "408": _problem("Headers or body came too slowly; the connection is closed."),
    "413": _problem("The body, or what it unpacks to, is too large, or has too many events."),
    "414": _problem("Path and query are too long; the connection is closed."),
    "417": _problem("Expect was something else than 100-continue; the connection is closed."),
    "431": _problem("The headers are too large or too many; the connection is closed."),
    "500": _problem("A defect of the intake; nothing of the request was acknowledged."),
    "503": _UNAVAILABLE,
}
"""What any request may be answered, before anything looks at where it goes."""


def _get(summary: str, responses: dict[str, Any], **more: object) -> dict[str, Any]:
    every = {**_ANYWHERE, "405": _not_allowed(READING), **responses}
    return {"get": {"summary": summary, "responses": every, **more}}


def _parameter(place: str, name: str, description: str, **more: object) -> dict[str, Any]:
    return {
        "name": name,
        "in": place,
        "description": description,
        **more,
        "schema": {"type": "string"},
    }


def _in_path(name: str, description: str) -> dict[str, Any]:
    return _parameter("path", name, description, required=True)


_HASTY: Final = _parameter(
    "query",
    "hasty",
    "Answer before the events are looked at; empty, false, 0 and no mean no.",
    allowEmptyValue=True,
)
_SDK: Final = _parameter(
    "query", "sdk", "The client library, such as js/0.1.0; or in X-Allotment-SDK."
)
_SCHEMA_URI: Final = _parameter("query", "schema_uri", "The $schema of events that have none.")
_STREAM: Final = _parameter("query", "stream", "The meta.stream of events that have none.")
_REQUEST_ID: Final = _parameter("header", "X-Request-Id", "Becomes the events' meta.request_id.")
_BAD_REQUEST: Final = {
    "description": "Every event breaks its schema (list), or none was accepted for that and other"
    " reasons (problem with lists), or the body holds none (problem).",
    "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/Invalids"}},
        "application/problem+json": {"schema": {"oneOf": [_PROBLEM, _REFUSED]}},
    },
}
_EXAMPLE: Final = {
    "$schema": "/analytics/product_metrics/web/base/1.3.0",
    "meta": {"stream": "product_metrics.web_base"},
    "dt": "2026-11-22T10:00:00Z",
    "action": "click",
    "agent": {"client_platform": "mediawiki_js"},
}
_SEND: Final[dict[str, dict[str, Any]]] = {
    "post": {
        "summary": "Send one event or an array of events",
        "parameters": [_HASTY, _SCHEMA_URI, _STREAM, _SDK, _REQUEST_ID],
        "requestBody": {
            "required": True,
            "content": {
                media: {
                    "schema": {"$ref": "#/components/schemas/Events"},
                    "examples": {"click": {"value": _EXAMPLE}, "batch": {"value": [_EXAMPLE]}},
                }
                for media in _MEDIA_TYPES
            },
        },
        "responses": {
            "201": {"description": "Every event was accepted and is on disk."},
            "202": {"description": "The request is hasty; its events will be looked at."},
            "207": _json(
                "Some events were accepted; the others are listed.",
                {"$ref": "#/components/schemas/Lists"},
            ),
            **_ANYWHERE,
            "400": _BAD_REQUEST,
            "405": _not_allowed(SENDING),
            "415": _problem("The body is not JSON in UTF-8, or is packed in an unknown way."),
        },
    },
    "options": {
        "summary": "CORS preflight",
        "responses": {
            **_ANYWHERE,
            "204": {"description": "Pages of any origin may send."},
            "405": _not_allowed(SENDING),
        },
    },
}
_NO_PREFIX: Final = _problem("The settings name no such prefix.")
_WITH_PREFIX: Final[dict[str, Any]] = {
    **{
        method: {**described, "responses": {**described["responses"], "404": _NO_PREFIX}}
        for method, described in _SEND.items()
    },
    "parameters": [
        {
            **_in_path("prefix", "One of ALLOTMENT_EVENT_PREFIXES; any, if that is not set."),
            "schema": {"type": "string", "pattern": "^[a-z0-9-]+$"},
        }
    ],
}
_INVALIDS: Final = {"type": "array", "items": {"$ref": "#/components/schemas/Invalid"}}
_ERRORS: Final = {"type": "array", "items": {"$ref": "#/components/schemas/Error"}}
_MEMBERS: Final[dict[str, Any]] = {
    "status": {"type": "integer"},
    **dict.fromkeys(("type", "title", "detail", "method", "uri"), _STRING),
}
_SCHEMAS: Final = {
    "Events": {
        "oneOf": [
            {"$ref": "#/components/schemas/Event"},
            {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/Event"}},
        ]
    },
    "Event": {
        "type": "object",
        "required": ["$schema", "meta"],
        "properties": {
            "$schema": {"type": "string", "description": "/title/major.minor.patch"},
            "meta": {
                "type": "object",
                "required": ["stream"],
                "properties": {"stream": {"type": "string", "minLength": 1}},
            },
        },
    },
    "Invalids": _record(invalid={**_INVALIDS, "minItems": 1}),
    "Lists": _record(invalid=_INVALIDS, error=_ERRORS),
    "Refused": _record(**_MEMBERS, invalid=_INVALIDS, error={**_ERRORS, "minItems": 1}),
    "Invalid": _record(
        status={"const": "invalid"},
        event={
            "type": ["object", "null"],
            "description": "With what had been filled in; null where it is nested too deeply.",
        },
        context=_record(
            errors={
                "type": "array",
                "minItems": 1,
                "items": {"$ref": "#/components/schemas/Violation"},
            },
            errorsText={**_STRING, "description": "All of them as one text."},
        ),
    ),
    "Violation": _record(
        keyword=_STRING,
        dataPath={**_STRING, "description": "Where in the event."},
        schemaPath={**_STRING, "description": "Which rule of the schema."},
        params={"type": "object"},
        message=_STRING,
    ),
    "Error": _record(
        status={"const": "error"},
        event={"description": "What stood in its place, any JSON value."},
        context=_record(message=_STRING),
    ),
    "Problem": _record(**_MEMBERS),
}
_NAMES: Final = _in_path("names", "Names of streams, separated by , or |.")
_SPEC: Final = {"name": "spec", "in": "query", "required": True, "schema": {"type": "string"}}


def document() -> dict[str, Any]:
    """The OpenAPI document. Unknown paths are answered 404, other methods 405."""
    not_there = _problem("Without `spec` there is nothing here.")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Allotment intake",
            "version": __version__,
            "description": "Accepts events, holds them to their schemas and keeps them.",
        },
        "paths": {
            "/v1/events": _SEND,
            "/v2/events": _SEND,
            "/{prefix}/v1/events": _WITH_PREFIX,
            "/{prefix}/v2/events": _WITH_PREFIX,
            "/v1/stream-configs": _get(
                "Every stream configuration in force", {"200": _json("By stream name.")}
            ),
            "/v1/stream-configs/{names}": _get(
                "Those of some streams",
                {"200": _json("By stream name; unknown ones are left out.")},
                parameters=[_NAMES],
            ),
            "/healthz": _get("Whether the process answers", {"200": _json("It does.")}),
            "/readyz": _get(
                "Whether it can take events",
                {
                    "200": _json("It can."),
                    "503": {
                        "description": "It cannot; the reasons are named. Or too much is going on"
                        " to ask (problem).",
                        "content": {
                            "application/json": {"schema": {"type": "object"}},
                            "application/problem+json": {"schema": _PROBLEM},
                        },
                    },
                },
            ),
            "/metrics": _get(
                "Counters for Prometheus", {"200": _text("Text exposition format 0.0.4.")}
            ),
            "/_info": _get("Version and configuration", {"200": _json("What runs here.")}),
            "/robots.txt": _get("For crawlers", {"200": _text("Keep away.")}),
            "/": _get(
                "This document",
                {"200": _json("OpenAPI 3.1."), "404": not_there},
                parameters=[_SPEC],
            ),
        },
        "components": {"schemas": _SCHEMAS},
    }
