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
from allotment.contract.texts import NOTHING, Text, said, sentences

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
        hint = said("Ask for %(name)s.", name=RENAMED[name]) if name in RENAMED else NOTHING
        known = [a.name for a in ATTRIBUTES.values() if has_field(lacking[0].body, a.path)]
        yield Fault(
            said("the schema has no field for an attribute"),
            said(
                "%(schema)s has no field %(field)s for %(name)s.",
                schema=lacking[0].uri,
                field=f"{outer}.{inner}",
                name=name,
            ),
            said("Every event would be refused."),
            sentences(
                hint or did_you_mean(name, known), said("Leave it out, or choose another stream.")
            ),
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
            wrong, always = (
                _misfit(attribute, node, schema) if attribute and node else (None, False)
            )
            if wrong is not None:
                yield Fault(
                    said("a field does not take what clients send"),
                    wrong,
                    said("Every event would be refused.")
                    if always
                    else said("Events with a longer value would be refused."),
                    said(
                        "Leave the attribute out, or mend the field in a new version of the schema."
                    ),
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


def _misfit(
    attribute: Attribute, node: Mapping[str, Any], schema: Schema
) -> tuple[Text | None, bool]:
    """What a field does not take, if anything, and whether it takes no value at all."""
    kind, name = type_of(node), attribute.name
    if kind and kind != attribute.kind and (kind, attribute.kind) != ("number", "integer"):
        values = {"name": name, "sent": attribute.kind, "taken": kind, "schema": schema.uri}
        if attribute.kind[0] in "aio":
            return said(
                "%(name)s is an %(sent)s and has a %(taken)s in %(schema)s.", **values
            ), True
        return said("%(name)s is a %(sent)s and has a %(taken)s in %(schema)s.", **values), True
    room = node.get("maxLength")
    if attribute.longest and isinstance(room, int) and room < attribute.longest:
        told = said(
            "%(name)s has up to %(longest)s characters and room for %(room)s in %(schema)s.",
            name=name,
            longest=attribute.longest,
            room=room,
            schema=schema.uri,
        )
        return told, False
    return None, False


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
            hint = (
                said("Ask for %(name)s.", name=RENAMED[name])
                if name in RENAMED
                else did_you_mean(name, known)
            )
            yield Fault(
                said("no client fills “%(name)s”", name=name),
                said(
                    "%(name)s is filled neither by %(names)s.",
                    name=shown(name),
                    names=listed([p.name for p in platforms], "nor"),
                ),
                said("It would be missing from every event, and nothing would say so."),
                sentences(hint, said("Leave it out.")),
                path,
                field="attributes",
            )
        elif lacking:
            yield Fault(
                said("not every client fills “%(name)s”", name=name),
                said("%(names)s has no value for %(name)s.", names=listed(lacking), name=name),
                said("It would be missing from events of that client."),
                said("Leave it out if those events matter to what reads it."),
                path,
                field="attributes",
                severity=Severity.NOTE,
            )
        elif browsers and name in ATTRIBUTES and ATTRIBUTES[name].only_for:
            yield Fault(
                said("“%(name)s” is empty for most", name=name),
                said(
                    "%(name)s is there for %(only_for)s only.",
                    name=name,
                    only_for=ATTRIBUTES[name].only_for,
                ),
                said("It would be missing for everybody else."),
                said("Keep it if only those people matter to what reads it."),
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
                said("an attribute is asked for twice"),
                said(
                    "%(names)s stands in the list %(count)s times.",
                    names=listed(names),
                    count=count,
                ),
                said("It is sent once."),
                said("Keep one of them."),
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
            said("results cannot tell readers from people who are logged in"),
            said("It puts browsers into groups and does not ask for performer_is_logged_in."),
            said("Results could not be told apart by it, now or later."),
            said("Ask for performer_is_logged_in."),
            entry.attribute_path,
            field="attributes",
        )
