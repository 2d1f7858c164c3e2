"""Stream configurations, in the shape of the stream configuration API (`{"streams": {…}}`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

_EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})
_NAME: Final = re.compile(r"[A-Za-z0-9_.:-]{1,255}", re.ASCII)


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """One entry. `settings` is the entry as it was served: read it, never change it."""

    name: str
    schema_title: str
    settings: Mapping[str, Any]

    @property
    def target_stream(self) -> str | None:
        """For an instrument's entry, the stream that its events go to."""
        client = _map(_map(self.settings, "producers"), "metrics_platform_client")
        target = client.get("stream_name")
        return target if isinstance(target, str) else None

    @property
    def is_instrument(self) -> bool:
        """Whether this is an instrument under its own name, not a stream that takes events."""
        return self.target_stream is not None


def _map(owner: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = owner.get(key)
    return found if isinstance(found, Mapping) else _EMPTY


def parse_streams(document: object) -> tuple[dict[str, StreamConfig], list[str]]:
    """The usable entries by name, and one sentence for each that is not usable.

    One bad entry never hides the others. A document that is no stream configuration at all gives no
    entries and one problem.
    """
    if not isinstance(document, Mapping):
        return {}, [f"the answer is {_kind(document)}; expected an object with 'streams'"]
    if "error" in document:
        return {}, [f"the answer is an error: {str(document['error'])[:200]}"]
    entries = document.get("streams")
    # PHP serializes an empty map as an empty list.
    if entries == []:
        return {}, []
    if not isinstance(entries, Mapping):
        return {}, [f"'streams' is {_kind(entries)}; expected an object by stream name"]
    streams: dict[str, StreamConfig] = {}
    problems: list[str] = []
    for name, settings in entries.items():
        problem = _problem(name, settings)
        if problem:
            problems.append(f"stream {str(name)[:255]!r}: {problem}")
        else:
            streams[name] = StreamConfig(name, settings["schema_title"], settings)
    return streams, problems


def _problem(name: object, settings: object) -> str | None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return "a name has 1 to 255 letters, digits and the signs _ . : -"
    if not isinstance(settings, Mapping):
        return f"its settings are {_kind(settings)}; expected an object"
    title = settings.get("schema_title")
    if not isinstance(title, str) or not title:
        return "it has no schema_title"
    return None


def _kind(value: object) -> str:
    if value is None:
        return "null"
    return {dict: "an object", list: "an array", str: "a text", bool: "a boolean"}.get(
        type(value), "a number" if isinstance(value, int | float) else "missing"
    )
