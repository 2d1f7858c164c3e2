"""Rules that hold the configuration against what was seen at the intake and in requests."""

from __future__ import annotations

from collections.abc import Iterator

from allotment.contract.check.entries import Entry
from allotment.contract.check.findings import Kind, Severity, listed
from allotment.contract.check.rule import Fault, rule_for, rule_over_all
from allotment.contract.check.scene import Scene, did_you_mean
from allotment.contract.texts import counted, said, sentences

_ENOUGH_EVENTS = 100
"""Of fewer events one subject is nothing unusual."""


@rule_for("name-is-asked-for", Severity.WARNING, Kind.INSTRUMENT, Kind.EXPERIMENT)
def name_is_asked_for(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """The code asks for a running item by its very name.

    The name in the code must be that of the configuration, letter by letter. A slip gives no data
    rather than an error.
    """
    seen = scene.observations.asked if scene.observations else {}
    if not seen or seen.get(entry.name) or not entry.has_run(scene.now):
        return
    known = {item.name for item in scene.configuration.items}
    strangers = [name for name in seen if name not in known]
    yield Fault(
        said("no code asks for it"),
        said("It runs, and nothing has asked for %(name)s lately.", name=entry.name),
        said("It collects nothing."),
        sentences(
            did_you_mean(entry.name, strangers),
            said("Look at the name in the code, and whether that code is deployed."),
        ),
        ("name",),
        field="machine_name",
    )


@rule_over_all("asked-name-is-known", Severity.WARNING, Kind.LAB)
def asked_name_is_known(scene: Scene) -> Iterator[Fault]:
    """Every name that code asks for is that of an instrument or experiment.

    Code that asks for a name which nobody configured is told that it is not enrolled, which is
    also what it is told for every reader who is left out.
    """
    known = [item.name for item in scene.configuration.items]
    for name, count in sorted((scene.observations.asked if scene.observations else {}).items()):
        if name not in known:
            yield Fault(
                said("code asks for “%(name)s”, which is not there", name=name),
                counted(
                    "%(name)s was asked for %(count)s time lately and is neither an instrument nor "
                    "an experiment.",
                    "%(name)s was asked for %(count)s times lately and is neither an instrument "
                    "nor an experiment.",
                    count,
                    name=name,
                ),
                said("Nobody is enrolled, and nothing is sent."),
                sentences(
                    did_you_mean(name, known),
                    said("Correct the name in the code, or configure it."),
                ),
            )


@rule_over_all("sent-stream-is-known", Severity.WARNING, Kind.LAB)
def sent_stream_is_known(scene: Scene) -> Iterator[Fault]:
    """Every stream that events name is configured.

    The intake refuses events of other streams. They are kept, and can be sent again once the
    stream is there.
    """
    if scene.configuration.streams is None:
        return
    known = [stream.name for stream in scene.configuration.streams]
    for name, count in sorted((scene.observations.streams if scene.observations else {}).items()):
        if scene.configuration.stream(name) is None:
            yield Fault(
                said("events name the stream “%(name)s”, which is not there", name=name),
                counted(
                    "%(count)s event for %(name)s came lately.",
                    "%(count)s events for %(name)s came lately.",
                    count,
                    name=name,
                ),
                counted("It was refused.", "They were refused.", count),
                sentences(
                    did_you_mean(name, known),
                    said("Correct the name in the code, or make the stream."),
                ),
            )


@rule_for("subject-ids-arrive", Severity.ERROR, Kind.EXPERIMENT)
def subject_ids_arrive(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """Events of an experiment get their subject ids.

    In September 2025 all 265,000 events of an experiment had the word that stands for an id to
    come; it was seen when they were to be analysed.
    """
    count = scene.observations.awaiting.get(entry.name, 0) if scene.observations else 0
    if count:
        yield Fault(
            said("subject ids do not arrive"),
            counted(
                "%(count)s event of it came without the subject id that the edge should have "
                "given.",
                "%(count)s events of it came without the subject id that the edge should have "
                "given.",
                count,
            ),
            counted(
                "It belongs to nobody and cannot be analysed.",
                "They belong to nobody and cannot be analysed.",
                count,
            ),
            said(
                "Set use_edge_uniques of its stream, and look whether the edge adds "
                "X-Experiment-Enrollments to requests for events."
            ),
            ("stream_name",),
        )


@rule_for("subjects-are-many", Severity.ERROR, Kind.EXPERIMENT)
def subjects_are_many(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """A group with many events has more than one subject.

    One subject in each group is the sign that an id is the same for everybody, as it was in
    September 2025.
    """
    groups = scene.observations.groups.get(entry.name, {}) if scene.observations else {}
    single = [
        name
        for name, came in groups.items()
        if came.subjects == 1 and came.events >= _ENOUGH_EVENTS
    ]
    if single:
        yield Fault(
            said("everybody is the same subject"),
            said("All events of %(names)s are of one subject.", names=listed(single)),
            said("Nothing can be said about an effect."),
            said("Look at what fills the subject id: it must differ from reader to reader."),
            ("user_identifier_type",),
            field="identifier_type",
        )


@rule_over_all("group-is-known", Severity.WARNING, Kind.EXPERIMENT)
def group_is_known(scene: Scene) -> Iterator[Fault]:
    """Events name the groups that their experiment has.

    Code that was written for other groups than the configuration has shows one thing and tells
    another.
    """
    for entry in scene.looked_at(Kind.EXPERIMENT):
        groups = scene.observations.groups.get(entry.name, {}) if scene.observations else {}
        known = entry.texts("groups")
        strange = [name for name in groups if name not in known]
        if strange and known:
            yield Fault(
                said("events name a group that is not there"),
                said(
                    "Events came of %(strange)s, and its groups are %(groups)s.",
                    strange=listed(strange),
                    groups=listed(list(known)),
                ),
                said("These events are not analysed."),
                sentences(
                    did_you_mean(strange[0], list(known)),
                    said("Correct the group's name in the code."),
                ),
                ("groups",),
                entry=entry,
            )
