"""Rules about streams among each other: schema titles, patterns, lists, who reads them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from allotment.contract.check.entries import Entry, stream_pattern
from allotment.contract.check.findings import Kind, Severity, listed, shown
from allotment.contract.check.rule import Fault, rule_for, rule_over_all
from allotment.contract.check.scene import Scene, did_you_mean
from allotment.contract.texts import Text, said, sentences

_VERSION: Final = re.compile(r"/\d+\.\d+\.\d+(\.yaml|\.json)?/?$|/latest/?$|/current(\.yaml)?$")
_STREAM_NAME: Final = re.compile(r"[A-Za-z0-9_.:-]{1,255}", re.ASCII)


@rule_for("schema-title-is-plain", Severity.ERROR, Kind.STREAM, Kind.INSTRUMENT)
def schema_title_is_plain(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """A schema title has no slash at its ends, no version and no blank.

    In September 2025 a stream's title began with a slash. The intake compares titles letter by
    letter, so for six hours it refused every event.
    """
    title = entry.text("schema_title")
    plain = _VERSION.sub("", title.strip()).strip("/")
    if title and title != plain:
        yield Fault(
            *_not_plain(title),
            said("It equals no schema's title, so every event would be refused."),
            said("Write %(plain)s.", plain=plain),
            ("schema_title",),
        )


def _not_plain(title: str) -> tuple[Text, Text]:
    """What is wrong with a title, as a headline and as a sentence."""
    value = shown(title)
    if title.startswith("/"):
        told = said("The title %(title)s begins with a slash.", title=value)
        return said("the schema title begins with a slash"), told
    if _VERSION.search(title):
        told = said("The title %(title)s names a version.", title=value)
        return said("the schema title names a version"), told
    if title.endswith("/"):
        told = said("The title %(title)s ends in a slash.", title=value)
        return said("the schema title ends in a slash"), told
    told = said("The title %(title)s has blanks around it.", title=value)
    return said("the schema title has blanks around it"), told


@rule_for("stream-has-schema", Severity.ERROR, Kind.STREAM)
def stream_has_schema(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """A stream says which schema title its events have.

    An intake refuses every event of a stream that has no title, with an error that names the
    stream and not what it lacks.
    """
    if "" not in entry.body and not entry.text("schema_title"):
        yield Fault(
            said("the stream has no schema title"),
            said("Its schema_title is %(value)s.", value=shown(entry.at("schema_title"))),
            said("The intake would refuse every event."),
            said(
                "Give the title that its events have, such as analytics/product_metrics/web/base."
            ),
            ("schema_title",),
        )


@rule_for("stream-name-has-form", Severity.ERROR, Kind.STREAM)
def stream_name_has_form(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """A stream's name is letters, digits and the signs `_ . : -`, or a pattern that works.

    A name that begins with a slash is taken for a regular expression; a broken one matches
    nothing, and its events are dropped as those of an unknown stream.
    """
    name = entry.name
    if name.startswith("/"):
        if stream_pattern(name) is None:
            yield Fault(
                said("the pattern of the stream cannot be used"),
                said(
                    "%(name)s begins with a slash but is no regular expression in slashes.",
                    name=shown(name),
                ),
                said("It matches no stream, so none of its events would be taken."),
                said("Write it as /^begin\\..+/, or leave the slash out of a plain name."),
            )
    elif not _STREAM_NAME.fullmatch(name):
        yield Fault(
            said("the stream's name has a form that cannot be used"),
            said(
                "%(name)s is not 1 to 255 letters, digits and the signs _ . : -.", name=shown(name)
            ),
            said("The intake would leave the stream out."),
            said("Choose a name such as product_metrics.web_search."),
        )
    own = entry.text("stream")
    if own and name and own != name:
        yield Fault(
            said("the stream's name stands there in two ways"),
            said(
                "It is listed as %(name)s and says of itself that it is %(own)s.",
                name=shown(name),
                own=shown(own),
            ),
            said("Which of them counts depends on who reads it."),
            said("Give both the same name."),
            ("stream",),
        )


@rule_over_all("pattern-is-reached", Severity.WARNING, Kind.STREAM)
def pattern_is_reached(scene: Scene) -> Iterator[Fault]:
    """A stream whose name is a pattern serves some stream that nothing before it serves.

    An exact name is looked up first, then the patterns in order. A pattern behind another that
    matches the same names is never asked, and one that matches no stream at all is a slip.
    """
    exact = {s.name for s in scene.configuration.streams or () if not s.name.startswith("/")}
    seen = set(scene.observations.streams) if scene.observations else set()
    named = {item.stream for item in scene.configuration.items if item.stream}
    earlier: list[tuple[Entry, re.Pattern[str]]] = []
    for entry, pattern in scene.configuration.patterns:
        fits = sorted(n for n in (exact | seen | named) if pattern.search(n))
        hiding = [e.name for e, p in earlier if any(p.search(n) for n in fits)]
        free = [n for n in fits if n not in exact and not any(p.search(n) for _, p in earlier)]
        if not free and (fits or scene.observations is not None):
            yield Fault(
                said("the pattern serves no stream"),
                said(
                    "%(pattern)s matches %(names)s, which %(others)s serves already.",
                    pattern=entry.name,
                    names=listed(fits),
                    others=listed(hiding or [n for n in fits if n in exact]),
                )
                if fits
                else said("%(pattern)s matches no name that is known.", pattern=entry.name),
                said("Its settings apply to no event."),
                said("Correct the pattern, or take it away."),
                entry=entry,
            )
        earlier.append((entry, pattern))


@rule_over_all("pattern-hides-nothing", Severity.WARNING, Kind.STREAM)
def pattern_hides_nothing(scene: Scene) -> Iterator[Fault]:
    """A pattern and the exact streams that it matches agree on the schema title.

    Who reads the list sees the pattern match, yet the exact stream's own settings count: the
    pattern's privacy settings and title do not reach it.
    """
    for entry, pattern in scene.configuration.patterns:
        for stream in scene.configuration.streams or ():
            if (
                stream is not entry
                and stream_pattern(stream.name) is None
                and pattern.search(stream.name)
                and stream.text("schema_title") != entry.text("schema_title")
            ):
                yield Fault(
                    said("a pattern matches a stream that it does not serve"),
                    said(
                        "%(pattern)s matches %(stream)s, whose schema title is another.",
                        pattern=entry.name,
                        stream=stream.name,
                    ),
                    said(
                        "For %(stream)s its own settings count, and none of the pattern's.",
                        stream=stream.name,
                    ),
                    said("Make the pattern narrower, or give both the same title."),
                    entry=entry,
                )


@rule_for("stream-exists", Severity.ERROR, Kind.STREAM, Kind.INSTRUMENT, Kind.EXPERIMENT)
def stream_exists(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """The stream that an instrument or experiment names, or a stream redirects to, is configured.

    Clients drop events for a stream that they do not know, without an error. In October 2025 a
    stream's name was changed while an experiment ran, and in December another was missing.
    """
    if scene.configuration.streams is None or scene.configuration.stream(entry.stream):
        return
    path = (
        ("producers", "metrics_platform_client", "stream_name")
        if entry.kind is Kind.STREAM
        else ("stream_name",)
    )
    if entry.kind is Kind.STREAM and entry.stream == entry.name:
        return
    known = [stream.name for stream in scene.configuration.streams]
    yield Fault(
        said("its stream is not there"),
        said("The stream %(stream)s is not configured.", stream=shown(entry.stream))
        if entry.stream
        else said("It names no stream."),
        said("Clients would drop its events without an error."),
        sentences(
            did_you_mean(entry.stream, known),
            said("Choose a stream that is configured, or make it first."),
        ),
        path,
        field="stream_name",
    )


@rule_for("stream-is-on-the-list", Severity.ERROR, Kind.INSTRUMENT, Kind.EXPERIMENT)
def stream_is_on_the_list(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """A stream in use is on every list that consumers keep of the streams that they know.

    Four teams met this in 2025: a second list in the code that decides which streams a client
    hears of lacked theirs, and no event was sent, in one case for 23 days.
    """
    if not entry.stream:
        return
    for consumer, names in scene.allow_lists.items():
        if entry.stream not in names:
            yield Fault(
                said("%(consumer)s does not know its stream", consumer=consumer),
                said(
                    "The list of %(consumer)s has %(streams)s, and not %(stream)s.",
                    consumer=consumer,
                    streams=listed(sorted(names)),
                    stream=entry.stream,
                )
                if names
                else said(
                    "The list of %(consumer)s has no stream, and not %(stream)s.",
                    consumer=consumer,
                    stream=entry.stream,
                ),
                said(
                    "%(consumer)s would send none of its events, without an error.",
                    consumer=consumer,
                ),
                said(
                    "Add %(stream)s to that list, or choose a stream that is on it.",
                    stream=entry.stream,
                ),
                ("stream_name",),
            )


@rule_for("intake-is-known", Severity.WARNING, Kind.STREAM)
def intake_is_known(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """A stream's `destination_event_service` names an intake that there is.

    Intakes ask for the streams that name them. One that is named wrongly never hears of the
    stream and refuses its events as those of an unknown one.
    """
    name = entry.at("destination_event_service")
    if "destination_event_service" in entry.body and str(name) not in scene.limits.intakes:
        yield Fault(
            said("the stream is meant for an intake that is not there"),
            said("Its destination_event_service is %(name)s.", name=shown(name)),
            said("No intake asks for such streams, so its events would be refused."),
            sentences(
                did_you_mean(str(name), list(scene.limits.intakes)),
                said("Known are %(names)s.", names=listed(sorted(scene.limits.intakes))),
            ),
            ("destination_event_service",),
        )


@rule_over_all("constraint-selects-streams", Severity.WARNING, Kind.STREAM)
def constraint_selects_streams(scene: Scene) -> Iterator[Fault]:
    """Every key by which a consumer selects streams is one that some stream has.

    A consumer that asks with a misspelt constraint is answered with no streams, which looks like
    an empty configuration.
    """
    streams = scene.configuration.streams or ()
    for consumer, constraints in scene.constraints.items():
        for path in _leaves(constraints):
            if streams and not any(stream.at(*path) is not None for stream in streams):
                dotted = ".".join(path)
                yield Fault(
                    said("%(consumer)s selects streams by a key that none has", consumer=consumer),
                    said(
                        "%(consumer)s asks for streams by %(dotted)s, and no stream has that key.",
                        consumer=consumer,
                        dotted=dotted,
                    ),
                    said("%(consumer)s would be given no stream at all.", consumer=consumer),
                    sentences(
                        did_you_mean(path[-1], list(_keys(streams))),
                        said("Correct the constraint."),
                    ),
                )


def _leaves(node: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(node, Mapping):
        for key, inner in node.items():
            yield from _leaves(inner, (*path, str(key)))
    elif path:
        yield path


def _keys(streams: tuple[Entry, ...]) -> set[str]:
    found: set[str] = set()

    def collect(node: Mapping[str, Any]) -> None:
        for key, inner in node.items():
            found.add(str(key))
            if isinstance(inner, Mapping):
                collect(inner)

    for stream in streams:
        collect(stream.body)
    return found


@rule_over_all("stream-takes-all-of-an-experiment", Severity.ERROR, Kind.STREAM)
def stream_takes_all_of_an_experiment(scene: Scene) -> Iterator[Fault]:
    """A stream that experiments use has no sample of its own.

    A stream's sample drops events by session or page view, whatever their experiment says, so an
    experiment on it would count fewer subjects than it enrolled. Sampling by stream surprised
    users until instruments got samples of their own.
    """
    for name, items in scene.configuration.on_stream.items():
        stream = scene.configuration.stream(name)
        users = [item.name for item in items if item.kind is Kind.EXPERIMENT]
        if stream is not None and users and stream.at("sample") is not None:
            yield Fault(
                said("the stream drops events of experiments"),
                said(
                    "%(users)s sends events to this stream, which has the sample %(sample)s.",
                    users=listed(users),
                    sample=shown(stream.at("sample")),
                ),
                said(
                    "Events that are out of that sample would be lost, and the experiment with "
                    "them."
                ),
                said("Take the sample away and give it to an instrument, or use another stream."),
                ("sample",),
                entry=stream,
            )


@rule_over_all("sample-units-agree", Severity.WARNING, Kind.INSTRUMENT)
def sample_units_agree(scene: Scene) -> Iterator[Fault]:
    """Instruments on one stream sample by the same unit.

    Events of one stream are read together. Where one instrument samples page views and another
    sessions, their counts cannot be put side by side, and nothing in the table says so.
    """
    for name, items in scene.configuration.on_stream.items():
        instruments = [item for item in items if item.kind is Kind.INSTRUMENT and not item.is_off]
        units = {item.name: item.text("sample_unit") or "session" for item in instruments}
        first = instruments[0] if instruments else None
        for item in instruments:
            if first is not None and units[item.name] != units[first.name]:
                yield Fault(
                    said("instruments on one stream sample by different units"),
                    said(
                        "On %(stream)s, %(name)s samples by %(unit)s and %(other)s by "
                        "%(other_unit)s.",
                        stream=name,
                        name=item.name,
                        unit=units[item.name],
                        other=first.name,
                        other_unit=units[first.name],
                    ),
                    said("Counts of the two cannot be compared."),
                    said("Give both the same unit, or keep them in streams of their own."),
                    ("sample_unit",),
                    entry=item,
                )
