"""What the registry's answers mean: text in, typed configuration out. Pure.

One bad item costs only itself: it is left out and named in `problems`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from allotment.allocation import (
    ConfigError,
    Experiment,
    SampleRate,
    parse_experiment,
    parse_rate,
    parse_sample_rate,
    parse_time,
)

_WEB_TITLE = "analytics/product_metrics/web/base"
WEB_SCHEMA = "/analytics/product_metrics/web/base/1.3.0"
DEFAULT_SCHEMAS = {
    _WEB_TITLE: WEB_SCHEMA,
    "analytics/product_metrics/app/base": "/analytics/product_metrics/app/base/1.3.0",
}
"""The schema that events of a title follow when its configuration names no version."""
DEFAULT_STREAM = "product_metrics.web_base"
"""Where the events of a forced group go, if nobody has configured its experiment."""


class Document(StrEnum):
    """The three answers that make up a configuration."""

    EXPERIMENTS = "experiments"
    INSTRUMENTS = "instruments"
    STREAMS = "streams"


class UnusableError(ValueError):
    """An answer as a whole cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """A named producer of events, as much of it as sending needs."""

    name: str
    stream_name: str
    schema_title: str
    schema_id: str
    sample_unit: str
    sample_rate: SampleRate
    contextual_attributes: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None

    def is_active(self, now: datetime) -> bool:
        """Whether `now` lies within start and end, both included; a missing bound is open."""
        return (self.start is None or self.start <= now) and (self.end is None or now <= self.end)


@dataclass(frozen=True, slots=True)
class Parsed:
    """One answer, read: its good items by name, and what was wrong with the others."""

    items: Mapping[str, Any]
    problems: tuple[str, ...]
    listed: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """All that a site knows of the registry at one moment."""

    experiments: Mapping[str, Experiment] = field(default_factory=dict)
    instruments: Mapping[str, Instrument] = field(default_factory=dict)
    streams: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def parse_document(kind: Document, text: bytes) -> Parsed:
    """Read one answer.

    Raises:
        UnusableError: it is no JSON of the expected form, or lists items of which none is good.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnusableError(f"{kind}: the answer is no JSON: {error}") from error
    parsed = _read_streams(found) if kind is Document.STREAMS else _read_list(kind, found)
    if parsed.listed and not parsed.items:
        raise UnusableError(f"{kind}: no item is usable; the first: {parsed.problems[0]}")
    return parsed


def with_kept(kind: Document, text: bytes, held: bytes, names: Collection[str] | None) -> bytes:
    """An answer, and from the one held before the items that a fault keeps out of it.

    Args:
        kind: which answer.
        text: the new answer.
        held: the one before; both as they came.
        names: what the registry says it had to leave out; None: more than it could name.
    """
    try:
        new, old = json.loads(text), json.loads(held)
        if kind is Document.STREAMS:
            new, old = new["streams"], old["streams"]
            kept = {
                name: stream
                for name, stream in old.items()
                if name not in new and (names is None or name in names)
            }
            return json.dumps({"streams": {**new, **kept}}).encode() if kept else text
        there = {item.get("name") for item in new if isinstance(item, dict)}
        again = [
            item
            for item in old
            if isinstance(item, dict)
            and item.get("name") not in there
            and (names is None or item.get("name") in names)
        ]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return text
    return json.dumps([*new, *again]).encode() if again else text


def _read_list(kind: Document, found: object) -> Parsed:
    if not isinstance(found, list):
        raise UnusableError(f"{kind}: the answer is no JSON list")
    parse: Callable[[object], Experiment | Instrument] = (
        parse_experiment if kind is Document.EXPERIMENTS else parse_instrument
    )
    items: dict[str, Experiment | Instrument] = {}
    problems: list[str] = []
    for item in found:
        try:
            good = parse(item)
        except (ValueError, TypeError, OverflowError) as error:
            problems.append(f"{kind}: {error}")
        else:
            items[good.name] = good
    return Parsed(items, tuple(problems), len(found))


def _read_streams(found: object) -> Parsed:
    streams = found.get("streams") if isinstance(found, dict) else None
    if not isinstance(streams, dict):
        raise UnusableError("streams: the answer has no 'streams' object")
    good = {name: stream for name, stream in streams.items() if isinstance(stream, dict)}
    problems = [f"streams: {name!r} is no JSON object" for name in streams if name not in good]
    return Parsed(good, tuple(problems), len(streams))


def parse_instrument(item: object) -> Instrument:
    """Read one instrument in the public API's shape.

    Raises:
        ConfigError: a field is missing or has a value that cannot be used.
    """
    if not isinstance(item, Mapping):
        raise ConfigError(f"an instrument is {item!r}; it must be a JSON object")
    name, stream = item.get("name"), item.get("stream_name")
    if not isinstance(name, str) or not name:
        raise ConfigError(f"an instrument's 'name' is {name!r}; give a text that is not empty")
    if not isinstance(stream, str) or not stream:
        raise ConfigError(f"{name}: 'stream_name' is {stream!r}; give the name of a stream")
    title = str(item.get("schema_title") or "").strip("/")
    attributes = item.get("contextual_attributes") or []
    if not isinstance(attributes, list) or any(not isinstance(a, str) for a in attributes):
        raise ConfigError(f"{name}: 'contextual_attributes' must be a list of texts")
    return Instrument(
        name=name,
        stream_name=stream,
        schema_title=title,
        schema_id=str(item.get("schema_id") or DEFAULT_SCHEMAS.get(title) or f"/{title}/latest"),
        sample_unit=str(item.get("sample_unit") or "session"),
        sample_rate=parse_sample_rate(name, item.get("sample_rate")),
        contextual_attributes=tuple(attributes),
        start=parse_time(name, "start", item.get("start")),
        end=parse_time(name, "end", item.get("end")),
    )


def default_schema(stream: Mapping[str, Any]) -> str:
    """The schema of a stream's events where nothing else names one."""
    title = str(stream.get("schema_title") or _WEB_TITLE).strip("/")
    return DEFAULT_SCHEMAS.get(title) or f"/{title}/latest"


def producer_settings(stream: Mapping[str, Any]) -> Mapping[str, Any]:
    """A stream's settings for client libraries; empty where it has none."""
    settings = _producer(stream)
    return settings if isinstance(settings, dict) else {}


def is_metrics_stream(stream: Mapping[str, Any]) -> bool:
    """Whether a stream is meant for client libraries: whether it has settings for them."""
    return isinstance(_producer(stream), dict)


def _producer(stream: Mapping[str, Any]) -> object:
    producers = stream.get("producers")
    return producers.get("metrics_platform_client") if isinstance(producers, dict) else None


def stream_sample(stream: Mapping[str, Any]) -> dict[str, Any] | None:
    """Unit and rate of a stream's sample, the rate as a number, or None where it is no rate.

    None: the stream has no sample, everything is in.
    """
    found = stream.get("sample")
    if found is None:
        return None
    sample = found if isinstance(found, Mapping) else {}
    return {"unit": sample.get("unit"), "rate": parse_rate(sample.get("rate"))}


def requested_attributes(stream: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the contextual attributes that a stream asks for."""
    values = producer_settings(stream).get("provide_values")
    return tuple(v for v in values if isinstance(v, str)) if isinstance(values, list) else ()
