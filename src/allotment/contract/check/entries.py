"""What is checked: streams, instruments and experiments as documents, read leniently.

A document that is wrong must still be checked, so an entry keeps its document as it came and every
reading of it gives something usable or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from allotment.allocation import ConfigError, parse_time
from allotment.allocation.reading import parse_rate
from allotment.contract.check.findings import Kind, pointer

Path = tuple[str | int, ...]
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
CLIENT: Final = ("producers", "metrics_platform_client")
EVENTGATE: Final = ("producers", "eventgate")
DEFAULT: Final = "default"
_A_WHILE: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Origin:
    """The file that an entry came from: the line of each JSON pointer, and keys given twice."""

    file: str
    lines: Mapping[str, int] = field(default_factory=dict)
    repeated: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One stream, instrument or experiment, in the public API's shape.

    Beyond the public shape an item's body may hold `active`, `risk_level`, `review_link`,
    `environments`, `metrics` (names, in a list or in lists by role), `targeting` (attribute →
    operator → operand), `layer` (`{"name": …, "begin": …, "end": …}`: the slots from `begin` to
    before `end`), `holdouts` (a list of such) and `holds_out` (what its first group is kept out
    of).
    """

    kind: Kind
    name: str
    body: Mapping[str, Any]
    origin: Origin | None = None

    def at(self, *path: str) -> Any:  # noqa: ANN401 - any JSON
        """What stands at a path; None where there is nothing."""
        node: Any = self.body
        for step in path:
            node = node.get(step) if isinstance(node, Mapping) else None
        return node

    def object_at(self, *path: str) -> Mapping[str, Any]:
        """The object at a path; empty where there is none."""
        found = self.at(*path)
        return found if isinstance(found, Mapping) else _NOTHING

    def text(self, *path: str) -> str:
        """The text at a path; empty where there is none."""
        found = self.at(*path)
        return found if isinstance(found, str) else ""

    def texts(self, *path: str) -> tuple[str, ...]:
        """The texts in the list at a path."""
        found = self.at(*path)
        return tuple(t for t in found if isinstance(t, str)) if isinstance(found, list) else ()

    def time(self, name: str) -> datetime | None:
        """The time in a field; None where there is none that can be read."""
        try:
            return parse_time(self.name, name, self.at(name))
        except (ConfigError, OverflowError):
            return None

    @property
    def stream(self) -> str:
        """The stream that an item's events go to; a stream's own name, or where it redirects."""
        if self.kind is Kind.STREAM:
            return self.text(*CLIENT, "stream_name") or self.name
        return self.text("stream_name")

    @property
    def attributes(self) -> tuple[str, ...]:
        """The contextual attributes that the entry itself asks for."""
        if self.kind is Kind.STREAM:
            return self.texts(*CLIENT, "provide_values")
        return self.texts("contextual_attributes")

    @property
    def attribute_path(self) -> Path:
        """Where the attributes stand."""
        return (
            (*CLIENT, "provide_values") if self.kind is Kind.STREAM else ("contextual_attributes",)
        )

    @cached_property
    def site_rates(self) -> tuple[tuple[str, float | None, Path], ...]:
        """(site, rate, path) of every site that `sample_rate` lists, in order; no number: None."""
        found: list[tuple[str, float | None, Path]] = []
        for key, sites in self.object_at("sample_rate").items():
            if key == DEFAULT or not isinstance(sites, list):
                continue
            rate = parse_rate(key)
            found += [
                (site, rate, ("sample_rate", str(key), place))
                for place, site in enumerate(sites)
                if isinstance(site, str)
            ]
        return tuple(found)

    @property
    def default_rate(self) -> float | None:
        """The rate at all other sites; None where there is none that can be read."""
        return parse_rate(self.at("sample_rate", DEFAULT))

    @property
    def metrics(self) -> tuple[tuple[str, Path], ...]:
        """(name, path) of each metric that an experiment names."""
        return tuple(_texts_within(self.at("metrics"), ("metrics",)))

    @property
    def is_off(self) -> bool:
        """Whether it says of itself that it is switched off."""
        return self.at("active") is False

    def runs(self, now: datetime) -> bool:
        """Whether it is on, as far as it says, and now lies within its dates."""
        start, end = self.time("start"), self.time("end")
        return not self.is_off and not (start and now < start) and not (end and end < now)

    def has_run(self, now: datetime) -> bool:
        """Whether it runs and has for a day, so that events of it should have come."""
        start = self.time("start")
        return self.runs(now) and not (start and now - start < _A_WHILE)

    def line(self, path: Path) -> int | None:
        """The line of a path, or of the nearest thing around it; None without a file."""
        if self.origin is None:
            return None
        for length in range(len(path), -1, -1):
            if (line := self.origin.lines.get(pointer(path[:length]))) is not None:
                return line
        return None


def _texts_within(node: object, path: Path) -> Iterator[tuple[str, Path]]:
    if isinstance(node, str) and node:
        yield node, path
    elif isinstance(node, list):
        for place, inner in enumerate(node):
            yield from _texts_within(inner, (*path, place))
    elif isinstance(node, Mapping):
        for key, inner in node.items():
            yield from _texts_within(inner, (*path, str(key)))


@dataclass(frozen=True)
class Configuration:
    """Everything that is configured at one moment.

    `streams` is None where nobody said which there are: what depends on them is then not judged.
    """

    streams: tuple[Entry, ...] | None = ()
    instruments: tuple[Entry, ...] = ()
    experiments: tuple[Entry, ...] = ()

    @property
    def items(self) -> tuple[Entry, ...]:
        """Instruments and experiments."""
        return (*self.instruments, *self.experiments)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Everything."""
        return (*(self.streams or ()), *self.items)

    def of(self, kind: Kind) -> tuple[Entry, ...]:
        """The entries of a kind."""
        kinds = {
            Kind.STREAM: self.streams or (),
            Kind.INSTRUMENT: self.instruments,
            Kind.EXPERIMENT: self.experiments,
        }
        return kinds.get(kind, ())

    @cached_property
    def by_name(self) -> Mapping[tuple[Kind, str], Entry]:
        """The entries by kind and name; of two with one name the first."""
        found: dict[tuple[Kind, str], Entry] = {}
        for entry in self.entries:
            found.setdefault((entry.kind, entry.name), entry)
        return found

    @cached_property
    def patterns(self) -> tuple[tuple[Entry, re.Pattern[str]], ...]:
        """The streams whose name is a regular expression in slashes, in order."""
        return tuple(
            (entry, pattern)
            for entry in self.streams or ()
            if (pattern := stream_pattern(entry.name)) is not None
        )

    def stream(self, name: str) -> Entry | None:
        """The stream that a name is served by: of that name, else the first pattern that fits."""
        exact = self.by_name.get((Kind.STREAM, name))
        if exact is not None:
            return exact
        return next((entry for entry, pattern in self.patterns if pattern.search(name)), None)

    @cached_property
    def on_stream(self) -> Mapping[str, tuple[Entry, ...]]:
        """The items by the stream that they name."""
        found: dict[str, list[Entry]] = {}
        for item in self.items:
            found.setdefault(item.stream, []).append(item)
        return {name: tuple(items) for name, items in found.items()}


def stream_pattern(name: str) -> re.Pattern[str] | None:
    """The pattern that a stream's name in slashes is; None for other names and broken patterns."""
    if len(name) <= len("//") or not (name.startswith("/") and name.endswith("/")):
        return None
    try:
        return re.compile(name[1:-1])
    except (re.error, RecursionError, OverflowError):
        return None


def entry_of(kind: Kind, document: object, origin: Origin | None = None, name: str = "") -> Entry:
    """An entry from a document of the public API; what is no object becomes an empty one."""
    body = document if isinstance(document, Mapping) else {"": document}
    said = body.get("stream" if kind is Kind.STREAM else "name")
    return Entry(kind, name or (said if isinstance(said, str) else ""), body, origin)


def configuration_of(
    streams: object = None, instruments: object = (), experiments: object = ()
) -> Configuration:
    """A configuration from the documents of the public API.

    Args:
        streams: the object by stream name, with or without `{"streams": …}` around it; None where
            it is not known. Entries that only show an instrument under its own name are left out.
        instruments: the list of instruments.
        experiments: the list of experiments, or the object by name.
    """
    inner = streams.get("streams", streams) if isinstance(streams, Mapping) else streams
    instrument_entries = tuple(entry_of(Kind.INSTRUMENT, d) for d in _documents(instruments))
    shown_too = {entry.name for entry in instrument_entries}
    stream_entries = tuple(
        entry_of(Kind.STREAM, document, name=str(name))
        for name, document in (inner.items() if isinstance(inner, Mapping) else ())
    )
    return Configuration(
        None
        if streams is None
        else tuple(e for e in stream_entries if e.stream == e.name or e.name not in shown_too),
        instrument_entries,
        tuple(entry_of(Kind.EXPERIMENT, d) for d in _documents(experiments)),
    )


def _documents(found: object) -> list[object]:
    if isinstance(found, Mapping):
        return [{"name": k, **v} if isinstance(v, Mapping) else v for k, v in found.items()]
    return list(found) if isinstance(found, list | tuple) else []
