"""Rules about contextual attributes: asked for, known, with a field, filled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from allotment.contract.check.entries import Entry
from allotment.contract.check.findings import Kind, Severity, listed, shown
from allotment.contract.check.platforms import ATTRIBUTES, RENAMED, Attribute
from allotment.contract.check.rule import Fault, rule_for
from allotment.contract.check.scene import Scene, did_you_mean
from allotment.contract.schema_fields import has_field, type_of
from allotment.contract.schemas import Schema

_ALL = (Kind.STREAM, Kind.INSTRUMENT, Kind.EXPERIMENT)


def _schemas(entry: Entry, scene: Scene) -> list[Schema]:
    """What events that carry the entry's attributes follow."""
    if entry.kind is not Kind.STREAM:
        found = scene.schema_of(entry)
        return [found] if found else []
    newest = scene.latest(scene.title_of(entry))
    users = scene.configuration.on_stream.get(entry.name, ())
    named = [scene.schema_of(i) for i in users if i.kind is Kind.EXPERIMENT]
    return [*([newest] if newest else []), *(schema for schema in named if schema)]


def _own(entry: Entry, scene: Scene) -> Iterator[tuple[int, str]]:
    """An entry's attributes with their places; of a stream those that no experiment asked for.

    The public configuration of a stream holds what its experiments ask for too; those are told of
    at the experiment.
    """
    items = scene.configuration.on_stream.get(entry.name, ()) if entry.kind is Kind.STREAM else ()
    asked = {name for item in items for name in item.attributes}
    found = entry.at(*map(str, entry.attribute_path))
    for place, name in enumerate(found if isinstance(found, list) else ()):
        if isinstance(name, str) and name not in asked:
            yield place, name


@rule_for("attribute-has-field", Severity.ERROR, *_ALL)
def attribute_has_field(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """The schema has a field for every contextual attribute that is asked for.

    The published schemas are closed: an event with a field that its schema does not name is
    refused whole. `mediawiki_is_production` is offered by clients and has no field in the base
    schema.
    """
    schemas = _schemas(entry, scene)
    for place, name in _own(entry, scene):
        outer, _, inner = name.partition("_")
        lacking = [
            s for s in schemas if not has_field(s.body, (outer, inner)) and _closed(s, outer)
        ]
        if not lacking:
            continue
        hint = f"Ask for {RENAMED[name]}. " if name in RENAMED else ""
        known = [a.name for a in ATTRIBUTES.values() if has_field(lacking[0].body, a.path)]
        yield Fault(
            "the schema has no field for an attribute",
            f"{lacking[0].uri} has no field {outer}.{inner} for {name}.",
            "Every event would be refused.",
            f"{hint or did_you_mean(name, known)}Leave it out, or choose another stream.",
            (*entry.attribute_path, place),
            field="attributes",
        )


def _closed(schema: Schema, outer: str) -> bool:
    """Whether an unknown field in an object of the event is refused."""
    properties = schema.body.get("properties", {})
    owner = properties.get(outer) if isinstance(properties, dict) else None
    if not isinstance(owner, dict):
        return schema.body.get("additionalProperties") is False
    return owner.get("additionalProperties") is False


@rule_for("attribute-fits-field", Severity.ERROR, *_ALL)
def attribute_fits_field(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """The field of an attribute takes the type and length that clients send.

    A field of another type refuses every event, one that is too short refuses those of people
    with long page titles, or with a talkative browser.
    """
    schemas = _schemas(entry, scene)
    for place, name in _own(entry, scene):
        attribute = ATTRIBUTES.get(name)
        for schema in schemas if attribute else ():
            node = _field(schema, attribute)
            wrong = _misfit(attribute, node) if node is not None else None
            if wrong:
                always = "is a" in wrong
                yield Fault(
                    "a field does not take what clients send",
                    f"{name} {wrong} in {schema.uri}.",
                    "Every event would be refused."
                    if always
                    else "Events with a longer value would be refused.",
                    "Leave the attribute out, or mend the field in a new version of the schema.",
                    (*entry.attribute_path, place),
                    field="attributes",
                    severity=None if always else Severity.WARNING,
                )
                break


def _field(schema: Schema, attribute: Attribute | None) -> Mapping[str, Any] | None:
    node: Any = schema.body
    for name in attribute.path if attribute else ():
        node = node.get("properties", {}).get(name) if isinstance(node, dict) else None
    return node if isinstance(node, Mapping) else None


def _misfit(attribute: Attribute | None, node: Mapping[str, Any]) -> str | None:
    if attribute is None:
        return None
    kind = type_of(node)
    if kind and kind != attribute.kind and (kind, attribute.kind) != ("number", "integer"):
        return f"is a{'n' if attribute.kind[0] in 'aio' else ''} {attribute.kind} and has a {kind}"
    room = node.get("maxLength")
    if attribute.longest and isinstance(room, int) and room < attribute.longest:
        return f"has up to {attribute.longest} characters and room for {room}"
    return None


@rule_for("attribute-is-filled", Severity.ERROR, *_ALL)
def attribute_is_filled(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """Some client fills every attribute that is asked for.

    Names are passed through unchecked by the published clients, so one that nobody fills just
    never comes, and what reads it finds nothing. Where only some clients, or only some people,
    have a value, that is noted.
    """
    platforms = scene.platforms_for(entry)
    if not platforms or (entry.kind is not Kind.STREAM and not scene.title_of(entry)):
        return
    browsers = entry.text("user_identifier_type") not in {"", "mw-user"}
    for place, name in _own(entry, scene):
        path = (*entry.attribute_path, place)
        lacking = [p.name for p in platforms if not p.fills(name)]
        if len(lacking) == len(platforms):
            known = [a for a in ATTRIBUTES if any(p.fills(a) for p in platforms)]
            hint = f"Ask for {RENAMED[name]}. " if name in RENAMED else did_you_mean(name, known)
            yield Fault(
                f"no client fills “{name}”",
                f"{shown(name)} is filled neither by {listed([p.name for p in platforms], 'nor')}.",
                "It would be missing from every event, and nothing would say so.",
                f"{hint}Leave it out.",
                path,
                field="attributes",
            )
        elif lacking:
            yield Fault(
                f"not every client fills “{name}”",
                f"{listed(lacking)} has no value for {name}.",
                "It would be missing from events of that client.",
                "Leave it out if those events matter to what reads it.",
                path,
                field="attributes",
                severity=Severity.NOTE,
            )
        elif browsers and name in ATTRIBUTES and ATTRIBUTES[name].only_for:
            yield Fault(
                f"“{name}” is empty for most",
                f"{name} is there for {ATTRIBUTES[name].only_for} only.",
                "It would be missing for everybody else.",
                "Keep it if only those people matter to what reads it.",
                path,
                field="attributes",
                severity=Severity.NOTE,
            )


@rule_for("attribute-asked-once", Severity.WARNING, *_ALL)
def attribute_asked_once(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """No contextual attribute is listed twice, nor in two spellings.

    Two spellings mean that one of them is wrong, and a name that is wrong is never filled.
    """
    for fold, count in Counter(name.casefold() for name in entry.attributes).items():
        if count > 1:
            names = [name for name in entry.attributes if name.casefold() == fold]
            yield Fault(
                "an attribute is asked for twice",
                f"{listed(names)} stands in the list {count} times.",
                "It is sent once.",
                "Keep one of them.",
                entry.attribute_path,
                field="attributes",
            )


@rule_for("browsers-say-whether-logged-in", Severity.NOTE, Kind.EXPERIMENT)
def browsers_say_whether_logged_in(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """An experiment on browsers asks for `performer_is_logged_in`.

    Logged-in people and readers differ so much that every published analysis of such experiments
    tells them apart; it cannot be added to events that were sent.
    """
    if entry.text("user_identifier_type") != "edge-unique":
        return
    if scene.configuration.streams is None:
        return
    if "performer_is_logged_in" not in scene.requested(entry):
        yield Fault(
            "results cannot tell readers from people who are logged in",
            "It puts browsers into groups and does not ask for performer_is_logged_in.",
            "Results could not be told apart by it, now or later.",
            "Ask for performer_is_logged_in.",
            entry.attribute_path,
            field="attributes",
        )
