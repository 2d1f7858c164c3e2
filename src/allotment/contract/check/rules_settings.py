"""Rules about a stream's settings as such: keys, places, types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from allotment.allocation.reading import parse_rate
from allotment.contract.check.entries import Entry, Path
from allotment.contract.check.findings import Kind, Severity, listed, shown
from allotment.contract.check.rule import Fault, rule_for
from allotment.contract.check.scene import Scene, did_you_mean, near
from allotment.contract.texts import NOTHING, said, sentences

_FREE: Final = "an object of any keys"
_CLIENT: Final = {
    "provide_values": "texts",
    "events": "texts",
    "stream_name": "text",
    "curation": _FREE,
    "sampling": _FREE,
}
_KNOWN: Final[Mapping[str, Any]] = {
    "stream": "text",
    "schema_title": "text",
    "destination_event_service": "text",
    "topics": "texts",
    "topic_prefixes": "texts",
    "canary_events_enabled": "yes or no",
    "message_key_fields": _FREE,
    "sample": {"unit": "text", "rate": "rate"},
    "producers": {
        "metrics_platform_client": _CLIENT,
        "eventgate": {
            "enrich_fields_from_http_headers": _FREE,
            "use_edge_uniques": "yes or no",
        },
        "mediawiki_eventbus": _FREE,
        "test_kitchen": {"is_test_kitchen_stream": "yes or no"},
    },
    "consumers": {"analytics_hadoop_ingestion": _FREE, "analytics_hive_ingestion": _FREE},
    "description": "text",
    "environments": "texts",
    "risk_level": "text",
    "review_link": "text",
}
_HOMES: Final[Mapping[str, Path]] = {
    "producers": (),
    "consumers": (),
    "sample": (),
    "schema_title": (),
    "destination_event_service": (),
    "topics": (),
    "canary_events_enabled": (),
    "eventgate": ("producers",),
    "metrics_platform_client": ("producers",),
    "mediawiki_eventbus": ("producers",),
    "enrich_fields_from_http_headers": ("producers", "eventgate"),
    "use_edge_uniques": ("producers", "eventgate"),
    "provide_values": ("producers", "metrics_platform_client"),
    "curation": ("producers", "metrics_platform_client"),
}
"""Where each block stands that is found by its name alone."""
_WORDS: Final = {
    "text": said("a text"),
    "texts": said("a list of texts"),
    "yes or no": said("true or false"),
    "rate": said("a number from 0 to 1"),
    _FREE: said("an object"),
}


def _walk(
    node: Mapping[str, Any], known: Mapping[str, Any], path: Path = ()
) -> Iterator[tuple[Path, Any, Any]]:
    """(path, value, what is known of it) of every key; None where nothing is known."""
    for key, value in node.items():
        told = known.get(key)
        yield (*path, str(key)), value, told
        if isinstance(value, Mapping) and told != _FREE:
            yield from _walk(value, told if isinstance(told, Mapping) else {}, (*path, str(key)))


def _misplaced(path: Path) -> Path | None:
    """Where the last key of a path belongs, if that is elsewhere."""
    home = _HOMES.get(str(path[-1]))
    return home if home is not None and home != path[:-1] else None


def _dotted(path: Path) -> str:
    return ".".join(map(str, path))


def _within_misplaced(path: Path) -> bool:
    return any(_misplaced(path[:length]) is not None for length in range(1, len(path) + 1))


@rule_for("setting-in-its-place", Severity.ERROR, Kind.STREAM)
def setting_in_its_place(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """Every block of a stream's settings stands where its readers look for it.

    In October 2025 the block that kept the user agent out of a stream stood beside `producers`
    instead of inside. Nothing complained, and the user agent was collected for weeks.
    """
    for path, _, _ in _walk(entry.body, _KNOWN):
        home = _misplaced(path)
        if home is None or _within_misplaced(path[:-1]):
            continue
        yield Fault(
            said("“%(key)s” stands in the wrong place", key=path[-1]),
            said("“%(key)s” stands inside %(place)s.", key=path[-1], place=_dotted(path[:-1]))
            if path[:-1]
            else said("“%(key)s” stands at the top.", key=path[-1]),
            said("Nobody looks for it there, so it does nothing, and nothing says so."),
            said("Move it inside %(place)s.", place=_dotted(home))
            if home
            else said("Move it at the top."),
            path,
        )


@rule_for("setting-is-known", Severity.ERROR, Kind.STREAM)
def setting_is_known(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """Every key of a stream's settings is one that somebody reads.

    In August 2025 a stream that should have excluded the user agent did not, as its configuration
    had another shape than its readers knew; in June 2026 a misspelt flag stood unseen for two
    weeks. A key that nobody knows is an error where it looks like a known one or stands inside a
    known block, else a warning.
    """
    for path, _, told in _walk(entry.body, _KNOWN):
        if told is not None or _within_misplaced(path):
            continue
        parent = _known_at(path[:-1])
        if not isinstance(parent, Mapping) or not path[-1]:
            continue  # what holds it is told already, or is no object at all
        close = near(str(path[-1]), list(parent)) or near(str(path[-1]), list(_HOMES))
        inside, known = _dotted(path[:-1]), listed(sorted(parent), "or")
        yield Fault(
            said("“%(key)s” is no known setting", key=path[-1]),
            said("Nothing reads “%(key)s” inside %(place)s.", key=path[-1], place=inside)
            if inside
            else said("Nothing reads “%(key)s”.", key=path[-1]),
            said("It would be passed on and do nothing."),
            sentences(
                said("Did you mean %(name)s?", name=close) if close else NOTHING,
                said("Known inside %(place)s: %(names)s.", place=inside, names=known)
                if inside
                else said("Known here: %(names)s.", names=known),
            ),
            path,
            severity=None if close or path[:-1] else Severity.WARNING,
        )


def _known_at(path: Path) -> object:
    node: object = _KNOWN
    for step in path:
        node = node.get(str(step)) if isinstance(node, Mapping) else None
    return node


@rule_for("setting-has-type", Severity.ERROR, Kind.STREAM)
def setting_has_type(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """Every setting of a stream has a value of the type that its readers expect.

    Configuration that was valid as a file but wrong in meaning caused a third of the known
    incidents: `"true"` in quotes switches nothing on, and a lone text is no list of one.
    """
    if "" in entry.body:
        yield Fault(
            said("its settings are no object"),
            said("The settings are %(value)s.", value=shown(entry.body[""])),
            said("The stream would be left out."),
            said('Give an object such as {"schema_title": "analytics/product_metrics/web/base"}.'),
        )
    for path, value, told in _walk(entry.body, _KNOWN):
        if told is None or _fits(value, told, str(path[-1])):
            continue
        expected = _WORDS[_FREE if isinstance(told, Mapping) else told]
        yield Fault(
            said("“%(key)s” has the wrong type", key=path[-1]),
            said("“%(field)s” is %(value)s.", field=_dotted(path), value=shown(value)),
            said("Its readers pass over what they cannot read."),
            said("Give %(expected)s.", expected=expected),
            path,
        )


def _fits(value: object, told: object, key: str) -> bool:
    if isinstance(told, Mapping) or told == _FREE:
        return isinstance(value, Mapping)
    if told == "text":
        return isinstance(value, str)
    if told == "texts":
        if value is None and key == "topic_prefixes":
            return True  # null switches the prefixes off
        return isinstance(value, list) and all(isinstance(text, str) and text for text in value)
    if told == "yes or no":
        return isinstance(value, bool)
    return parse_rate(value) is not None


@rule_for("key-given-once", Severity.ERROR, Kind.STREAM, Kind.INSTRUMENT, Kind.EXPERIMENT)
def key_given_once(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """In a file, no key is given twice in one object.

    Of two equal keys one is dropped without a word, which hides that a site stands at two rates.
    """
    for path in entry.origin.repeated if entry.origin else ():
        yield Fault(
            said("“%(key)s” is given twice", key=path[-1]),
            said("The key %(key)s stands more than once in the file.", key=_dotted(path)),
            said("Only the last one counts, and nothing says so."),
            said("Put both together under one key."),
            path,
        )


@rule_for("field-is-known", Severity.WARNING, Kind.INSTRUMENT, Kind.EXPERIMENT)
def field_is_known(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """Every field of an instrument or experiment in a file is one that somebody reads.

    A misspelt `weights` leaves the groups equal, and a misspelt `end` lets it run for good.
    """
    known = _EXPERIMENT if entry.kind is Kind.EXPERIMENT else _INSTRUMENT
    for key in entry.body:
        if key and key not in known:
            yield Fault(
                said("“%(key)s” is no known field", key=str(key)),
                said("Nothing reads “%(key)s” of an experiment.", key=str(key))
                if entry.kind is Kind.EXPERIMENT
                else said("Nothing reads “%(key)s” of an instrument.", key=str(key)),
                said("It would do nothing."),
                sentences(did_you_mean(str(key), list(known)), said("Correct it, or take it out.")),
                (str(key),),
            )


_BOTH: Final = frozenset(
    {
        *("name", "start", "end", "sample_rate", "stream_name", "contextual_attributes"),
        *("schema_id", "schema_title", "version", "active", "state", "stopped", "status", "type"),
        *("risk_level", "review_link", "acknowledged", "environments", "reason"),
        *("description", "display_name", "title", "slug", "owner", "owners", "purpose", "task"),
        *("contact_email", "email_address", "phabricator_task_url", "created_at", "updated_at"),
    }
)
_EXPERIMENT: Final = _BOTH | {
    *("user_identifier_type", "groups", "weights", "phase_index", "metrics", "targeting", "layer"),
    *("hypothesis", "traffic_split", "exposure_version", "sample_unit", "plan", "decision"),
    *("holdouts", "holds_out"),
}
_INSTRUMENT: Final = _BOTH | {"sample_unit", "sample", "targeting"}
