"""All that the rules look at, and the questions that several of them ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from functools import cached_property
from typing import Any, Final

from allotment.contract.check.entries import EVENTGATE, Configuration, Entry
from allotment.contract.check.findings import Kind
from allotment.contract.check.platforms import DEFAULT_SCHEMAS, Platform
from allotment.contract.schemas import Schema, SchemaNotFoundError, SchemaRepository
from allotment.contract.texts import NOTHING, Text, said

ANY: Final = "*"


@dataclass(frozen=True, slots=True)
class MetricNeeds:
    """What a metric reads: fields by dotted path, actions, and whether it counts from exposure."""

    name: str
    fields: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    from_exposure: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What a lab allows.

    Args:
        caps: the largest share by identifier type (`*` for any) and site (`*` for any), 0 to 1.
        sites: every site there is; empty where that is not known.
        families: rows that stand for several sites, as items may name them: `family:wikipedia`.
        years_ahead: a date further ahead than this is taken for a slip.
        kept_days: how long events are kept, in days; None where they are kept for good.
        intakes: the services that `destination_event_service` may name.
        environments: the environments there are.
    """

    caps: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    sites: frozenset[str] = frozenset()
    families: frozenset[str] = frozenset()
    years_ahead: int = 3
    kept_days: int | None = 90
    intakes: frozenset[str] = frozenset(
        {
            "allotment-intake",
            *("eventgate-analytics-external", "eventgate-analytics"),
            *("eventgate-logging-external", "eventgate-main"),
        }
    )
    environments: frozenset[str] = frozenset({"development", "staging", "production", "external"})

    def cap(self, identifier_type: str, site: str) -> float:
        """The largest share of a type's subjects at a site."""
        caps = [
            by_site[place]
            for by_site in (self.caps.get(identifier_type), self.caps.get(ANY))
            if by_site is not None
            for place in (site, ANY)
            if place in by_site
        ]
        return caps[0] if caps else 1.0


@dataclass(frozen=True, slots=True)
class Arrived:
    """What arrived of one group: distinct subjects, and events."""

    subjects: int
    events: int


@dataclass(frozen=True, slots=True)
class Observations:
    """What was seen at the intake and in the SDKs' requests, lately (a day, say).

    Args:
        asked: how often the code asked for an experiment or instrument of a name.
        streams: how often events named a stream.
        fields: by stream, the dotted paths that its events really carried.
        actions: by experiment or instrument, the actions of its events.
        awaiting: by experiment, events whose subject id never came.
        groups: by experiment and group, what arrived.
    """

    asked: Mapping[str, int] = field(default_factory=dict)
    streams: Mapping[str, int] = field(default_factory=dict)
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    actions: Mapping[str, frozenset[str]] = field(default_factory=dict)
    awaiting: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, Mapping[str, Arrived]] = field(default_factory=dict)


@dataclass(frozen=True)
class Scene:
    """What is checked and all around it. Values only; the schema repository is read, no more."""

    configuration: Configuration
    schemas: SchemaRepository
    now: datetime
    metrics: tuple[MetricNeeds, ...] | None = None
    platforms: tuple[Platform, ...] = ()
    previous: Configuration | None = None
    observations: Observations | None = None
    limits: Limits = field(default_factory=Limits)
    allow_lists: Mapping[str, frozenset[str]] = field(default_factory=dict)
    constraints: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    edge_enrolls: bool = False
    about: frozenset[tuple[Kind, str]] | None = None

    def looked_at(self, kind: Kind) -> tuple[Entry, ...]:
        """The entries of a kind that the check is about."""
        entries = self.configuration.of(kind)
        if self.about is None:
            return entries
        return tuple(entry for entry in entries if (kind, entry.name) in self.about)

    def stream_of(self, entry: Entry) -> Entry | None:
        """The stream that an entry's events go to; of a stream itself."""
        if entry.kind is Kind.STREAM and entry.stream == entry.name:
            return entry
        return self.configuration.stream(entry.stream) if entry.stream else None

    def title_of(self, entry: Entry) -> str:
        """The title that an entry's events must have; empty where nobody says."""
        stream = self.stream_of(entry)
        title = (stream.text("schema_title") if stream else "") or entry.text("schema_title")
        named = entry.text("schema_id").strip("/").rpartition("/")[0]
        return (title or named).strip("/")

    def schema_uri(self, entry: Entry) -> str:
        """The `$schema` of an entry's events as clients would write it; empty if nobody can say."""
        if given := entry.text("schema_id"):
            return given
        title = self.title_of(entry)
        default = DEFAULT_SCHEMAS.get(title, "")
        if default and self.load(default) is not None:
            return default
        newest = self.latest(title)
        return newest.uri if newest else ""

    def schema_of(self, entry: Entry) -> Schema | None:
        """The schema that an entry's events follow; None where there is none."""
        uri = self.schema_uri(entry)
        return self.load(uri) if uri else None

    def load(self, uri: str) -> Schema | None:
        """A released version; None where there is none."""
        try:
            return self.schemas.load(uri)
        except (SchemaNotFoundError, ValueError, OSError):
            return None

    def latest(self, title: str) -> Schema | None:
        """The newest version of a title; None where there is none."""
        try:
            return self.schemas.latest(title) if title else None
        except (SchemaNotFoundError, ValueError, OSError):
            return None

    def requested(self, item: Entry) -> tuple[str, ...]:
        """The attributes of an entry's events; an experiment's are its own and the stream's."""
        own = item.attributes
        if item.kind is Kind.EXPERIMENT and (stream := self.stream_of(item)) is not None:
            own = (*stream.attributes, *own)
        return tuple(dict.fromkeys(own))

    def platforms_for(self, entry: Entry) -> tuple[Platform, ...]:
        """The clients that can send an entry's events."""
        title = self.title_of(entry)
        return tuple(platform for platform in self.platforms if platform.serves(title))

    @cached_property
    def edge_streams(self) -> tuple[str, ...]:
        """The streams whose subject ids come from the edge."""
        return tuple(
            stream.name
            for stream in self.configuration.streams or ()
            if stream.at(*EVENTGATE, "use_edge_uniques") is True
        )

    @cached_property
    def has_edge(self) -> bool:
        """Whether an edge in front of the sites enrolls browsers here."""
        return self.edge_enrolls or bool(self.edge_streams)


def near(word: str, known: object) -> str:
    """The known word that is most like another; empty where none is."""
    words = [str(w) for w in known] if isinstance(known, list | tuple | set | frozenset) else []
    by_fold = {w.casefold(): w for w in words}
    if (same := by_fold.get(word.casefold())) is not None and same != word:
        return same
    found = get_close_matches(word.casefold(), [w for w in by_fold if w != word.casefold()], 1, 0.7)
    return by_fold[found[0]] if found else ""


def did_you_mean(word: str, known: object) -> Text:
    """“Did you mean X?”, or nothing."""
    found = near(word, known)
    return said("Did you mean %(name)s?", name=found) if found else NOTHING
