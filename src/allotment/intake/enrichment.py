"""Fields that are filled from a request's headers or address, and network addresses that none may
keep.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import parse_qsl

from allotment.contract.masking import ADDRESS_HEADERS
from allotment.contract.schema_fields import Path, type_of
from allotment.contract.streams import StreamConfig

LONGEST_VALUE: Final = 400
"""Of a header's value, so many characters get into an event."""
SETTING: Final = "enrich_fields_from_http_headers"
REQUEST_ID: Final = ("meta", "request_id")
Header: TypeAlias = Callable[[str], str | None]
"""The value of a request's header by its name in lower case; None where it is not there."""

_NEVER: Final = ADDRESS_HEADERS | {
    *("authorization", "client_ip", "cookie", "proxy-authorization", "set-cookie"),
    "x-experiment-enrollments",
}
"""No field is filled from these or called so, and no event keeps them: they name a person, let
somebody in, or join experiments."""


def no_header(name: str) -> None:
    """A request without headers."""
    del name


class Named(NamedTuple):
    """What a request's address says of its events; None where it says nothing."""

    schema: str | None
    stream: str | None


def named_in(query: str) -> Named | None:
    """The schema and the stream that a query names; None where it names neither.

    Whoever sends events without choosing their fields, such as a browser's reports, is given an
    address like `/v1/events?schema_uri=/my/reports/1.0.0&stream=my.reports`.
    """
    if "schema_uri=" not in query and "stream=" not in query:
        return None
    given = dict(parse_qsl(query))
    return Named(given.get("schema_uri"), given.get("stream"))


def name_event(event: object, named: Named) -> None:
    """Give an event the schema and the stream that it does not name itself."""
    if type(event) is not dict:
        return
    if named.schema and "$schema" not in event:
        event["$schema"] = named.schema
    meta = event.setdefault("meta", {}) if named.stream else None
    if type(meta) is dict:
        meta.setdefault("stream", named.stream)


@dataclass(frozen=True, slots=True)
class HeaderField:
    """One field and the header that it is filled from."""

    path: Path
    header: str
    longest: int
    makes_objects: bool
    """Whether an object around the field may be made, and is then complete."""

    def fill(self, event: dict[str, Any], header: Header) -> None:
        """Set the field where it is absent and the header is there; `null` is not absent."""
        owner: Any = event
        for at, name in enumerate(self.path[:-1]):
            inner = owner.get(name)
            if inner is None and name not in owner:
                value = header(self.header) if self.makes_objects else None
                if value:
                    owner[name] = _nested(self.path[at + 1 :], value[: self.longest])
                return
            if type(inner) is not dict:
                return
            owner = inner
        if self.path[-1] not in owner:
            value = header(self.header)
            if value:
                owner[self.path[-1]] = value[: self.longest]


def _nested(path: Path, value: str) -> Any:  # noqa: ANN401 -- a text in objects
    found: Any = value
    for name in reversed(path):
        found = {name: found}
    return found


def header_fields(
    config: StreamConfig, schema: Mapping[str, Any]
) -> tuple[tuple[HeaderField, ...], bool]:
    """What a stream fills from headers, and whether `meta.request_id` is filled as everywhere.

    Left out is what the schema has no text for, and what would store an address or a secret: the
    intake must not make an event invalid, nor a configuration make it keep a person.
    """
    asked = _asked(config)
    fields = []
    for name, header in asked.items():
        if not isinstance(name, str) or not isinstance(header, str):
            continue
        path, source = tuple(name.split(".")), header.strip().lower()
        if path == REQUEST_ID and source == "x-request-id":
            continue
        longest, complete = _room(schema, path)
        if longest and source and not {source, path[-1].lower()} & _NEVER:
            fields.append(HeaderField(path, source, longest, complete))
    request_id = asked.get(".".join(REQUEST_ID), "x-request-id")
    usual = not isinstance(request_id, str) or request_id.strip().lower() == "x-request-id"
    return tuple(fields), usual and request_id is not False


def uses_edge_uniques(config: StreamConfig) -> bool:
    """Whether the stream's events get subject ids that only the edge knows."""
    return _eventgate(config).get("use_edge_uniques") is True


def _eventgate(config: StreamConfig) -> Mapping[str, Any]:
    producers = config.settings.get("producers")
    found = producers.get("eventgate") if isinstance(producers, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _asked(config: StreamConfig) -> Mapping[str, Any]:
    found = _eventgate(config).get(SETTING)
    return found if isinstance(found, Mapping) else {}


def _room(schema: Mapping[str, Any], path: Path) -> tuple[int, bool]:
    """How many characters fit into a field, and whether the objects around it need nothing else.

    No character fits where the schema has no such field for a text.
    """
    node: Any = schema
    complete = True
    for at, name in enumerate(path):
        if at:
            complete = complete and set(node.get("required", ())) <= {name}
        inner = node.get("properties", {}).get(name)
        if inner is None:
            inner = node.get("additionalProperties")  # a map: its values have one schema
        if not isinstance(inner, Mapping):
            return 0, complete
        node = inner
    longest = min(LONGEST_VALUE, node.get("maxLength", LONGEST_VALUE))
    return (longest if type_of(node) == "string" else 0), complete


def drop_private(http: dict[str, Any]) -> None:
    """No network address of a person is ever stored, nor a secret, whoever sent it."""
    http.pop("client_ip", None)
    for part in ("request_headers", "response_headers"):
        headers = http.get(part)
        if type(headers) is dict:
            for name in [name for name in headers if name.lower() in _NEVER]:
                del headers[name]
