"""Rules that hold configuration against schemas: titles, versions, membership, required fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from allotment.contract.check.entries import Entry
from allotment.contract.check.findings import Kind, Severity, listed, shown
from allotment.contract.check.platforms import ATTRIBUTES
from allotment.contract.check.rule import Fault, rule_for
from allotment.contract.check.scene import Scene, did_you_mean
from allotment.contract.schema_fields import Path, has_field
from allotment.contract.tables import why_no_table
from allotment.contract.texts import said, sentences

_GROUPS: Final = frozenset({"agent", "page", "mediawiki", "performer"})
"""Objects of an event that clients fill from contextual attributes, and nothing else does."""
_ENVELOPE: Final = frozenset(
    {
        *(
            "$schema",
            "action",
            "agent",
            "dt",
            "experiment",
            "experiments",
            "http",
            "instrument_name",
        ),
        *("meta", "meta.domain", "meta.dt", "meta.id", "meta.request_id", "meta.stream"),
        *("agent.client_platform", "agent.client_platform_family", "sample", "sample.rate"),
        *("sample.unit", "funnel_event_sequence_position"),
        *(f"experiment.{name}" for name in ("assigned", "enrolled", "subject_id", "coordinator")),
        *("experiment.sampling_unit", "experiments.enrolled", "experiments.assigned"),
    }
)
"""What clients and the intake put into every event."""


@rule_for("schema-is-known", Severity.ERROR, Kind.STREAM, Kind.EXPERIMENT, Kind.INSTRUMENT)
def schema_is_known(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """The schema title of a stream, and the version that an item names, are in the repository.

    Events of a schema that the intake does not know are refused, every one of them.
    """
    uri = entry.text("schema_id")
    if uri and scene.load(uri) is None:
        title = uri.strip("/").rpartition("/")[0]
        known = [f"/{title}/{version}" for version in scene.schemas.versions(title)]
        yield Fault(
            said("its schema is not there"),
            said("%(uri)s is not in the schema repository.", uri=shown(uri)),
            said("The intake would refuse every event."),
            said("Give %(names)s.", names=listed(known, "or"))
            if known
            else sentences(
                did_you_mean(title, scene.schemas.titles()),
                said("Give the $id of a released schema."),
            ),
            ("schema_id",),
        )
    title = entry.text("schema_title").strip("/")
    if title and not scene.schemas.versions(title) and "/latest" not in title:
        yield Fault(
            said("its schema title is not there"),
            said("No schema in the repository is called %(title)s.", title=shown(title)),
            said("The intake would refuse every event."),
            sentences(
                did_you_mean(title, scene.schemas.titles()),
                said("Release the schema first, or choose another title."),
            ),
            ("schema_title",),
        )


@rule_for("schema-has-table", Severity.ERROR, Kind.STREAM)
def schema_has_table(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """Events of a stream's schema title have a table to land in.

    A fragment, or a schema without a receive time, has none; the intake refuses such events so
    that nothing is taken that would be lost.
    """
    title = entry.text("schema_title").strip("/")
    if not scene.schemas.versions(title):
        return
    if (why := why_no_table(scene.schemas, title)) is not None:
        yield Fault(
            said("events of its schema have no table"),
            said("%(title)s has no table: %(why)s.", title=title, why=why),
            said("The intake would refuse every event."),
            said("Choose a title whose events have a table, or mend the schema."),
            ("schema_title",),
        )


@rule_for("schema-fits-stream", Severity.ERROR, Kind.EXPERIMENT, Kind.INSTRUMENT)
def schema_fits_stream(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """The schema that an item names has the title that its stream takes.

    The intake compares the two and refuses an event of another title, as it does not belong into
    the stream's table.
    """
    stream = scene.stream_of(entry)
    expected = stream.text("schema_title").strip("/") if stream else ""
    for name in ("schema_id", "schema_title"):
        text = entry.text(name)
        title = text.strip("/")
        if name == "schema_id":
            title = title.rpartition("/")[0]
        if text and expected and title != expected:
            newest = scene.latest(expected)
            yield Fault(
                said("its schema is another than the stream takes"),
                said(
                    "It names %(text)s, and %(stream)s takes %(expected)s.",
                    text=shown(text),
                    stream=entry.stream,
                    expected=expected,
                ),
                said("The intake would refuse every event."),
                said(
                    "Give %(title)s, or choose another stream.",
                    title=newest.uri if newest and name == "schema_id" else expected,
                ),
                (name,),
            )


@rule_for("schema-has-membership", Severity.ERROR, Kind.EXPERIMENT)
def schema_has_membership(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """The schema of an experiment's events can carry the membership, in the form that clients send.

    Without the record `experiments` or `experiment` an event cannot say which group it is of:
    closed schemas refuse it, and no result ever comes.
    """
    schema = scene.schema_of(entry)
    if schema is None:
        return
    forms = [
        form
        for form in ("experiments", "experiment")
        if has_field(schema.body, (form, "enrolled")) and has_field(schema.body, (form, "assigned"))
    ]
    if not forms:
        yield Fault(
            said("the schema cannot carry the membership"),
            said("%(schema)s has no field for the groups of experiments.", schema=schema.uri),
            said("Every event would be refused, and no result would ever come."),
            said(
                "Choose a stream whose schema has it, or include the fragment %(fragment)s in a "
                "new version.",
                fragment="/fragment/analytics/product_metrics/experiments",
            ),
            ("schema_id",) if entry.text("schema_id") else ("stream_name",),
        )
        return
    lacking = [p.name for p in scene.platforms_for(entry) if p.membership not in forms]
    if lacking:
        yield Fault(
            said("some clients send the membership in another form"),
            said(
                "%(schema)s takes it as %(forms)s, and %(clients)s sends it otherwise.",
                schema=schema.uri,
                forms=listed(forms),
                clients=listed(lacking),
            ),
            said("Their events would be refused."),
            said("Choose a version that takes both forms."),
            ("schema_id",) if entry.text("schema_id") else ("stream_name",),
            severity=Severity.WARNING,
        )


@rule_for("required-field-is-sent", Severity.ERROR, Kind.EXPERIMENT, Kind.INSTRUMENT)
def required_field_is_sent(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """Every field that the schema requires is filled by somebody, for every subject.

    In April 2026 an attribute that clients no longer filled was still required: all events of the
    stream were invalid.
    """
    schema = scene.schema_of(entry)
    if schema is None:
        return
    requested = scene.requested(entry)
    present = {name.partition("_")[0] for name in requested}
    seen = scene.observations.fields.get(entry.stream) if scene.observations else None
    for path in _required(schema.body, present):
        field = ".".join(path)
        name = "_".join(path)
        if field in _ENVELOPE or (seen is not None and field in seen):
            continue
        if path[0] in _GROUPS and len(path) > 1:
            yield from _attribute_required(entry, scene, field, name, requested)
        elif seen is not None and entry.has_run(scene.now):
            yield Fault(
                said("no event carries “%(field)s”, which is required", field=field),
                said(
                    "%(schema)s requires %(field)s, and no event of the last day had it.",
                    schema=schema.uri,
                    field=field,
                ),
                said("An event without it is refused."),
                said("Send it with every event, or choose another schema."),
                ("stream_name",),
                severity=Severity.WARNING,
            )


def _attribute_required(
    entry: Entry, scene: Scene, field: str, name: str, requested: Sequence[str]
) -> Iterator[Fault]:
    path = entry.attribute_path
    if name not in ATTRIBUTES or not any(p.fills(name) for p in scene.platforms_for(entry)):
        yield Fault(
            said("nothing fills “%(field)s”, which is required", field=field),
            said(
                "%(schema)s requires %(field)s, and no client has a value for it.",
                schema=scene.schema_uri(entry),
                field=field,
            ),
            said("Every event would be refused."),
            said("Choose a schema that does not require it."),
            path,
        )
    elif name not in requested:
        yield Fault(
            said("“%(name)s” is required and not asked for", name=name),
            said(
                "%(schema)s requires %(field)s, and nothing asks clients to fill it.",
                schema=scene.schema_uri(entry),
                field=field,
            ),
            said("Every event would be refused."),
            said("Ask for %(name)s.", name=name),
            path,
        )
    elif (whom := ATTRIBUTES[name].only_for) and entry.text("user_identifier_type") != "mw-user":
        yield Fault(
            said("“%(name)s” is required and often empty", name=name),
            said(
                "%(schema)s requires %(field)s, which is there for %(whom)s only.",
                schema=scene.schema_uri(entry),
                field=field,
                whom=whom,
            ),
            said("The events of everybody else would be refused."),
            said("Choose a schema that does not require it."),
            path,
        )


def _required(body: Mapping[str, Any], present: set[str], at: Path = ()) -> Iterator[Path]:
    """The fields that an event must have; below the root only in objects that will be there."""
    properties = body.get("properties")
    required = body.get("required")
    for name in required if isinstance(required, list) else ():
        yield (*at, str(name))
    for name, node in properties.items() if isinstance(properties, Mapping) else ():
        there = name in (required or ()) or (not at and name in present)
        if there and isinstance(node, Mapping):
            yield from _required(node, present, (*at, str(name)))
