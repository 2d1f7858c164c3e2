"""Rules that hold the configuration against what was seen at the intake and in requests."""

from __future__ import annotations

from collections.abc import Iterator

from allotment.contract.check.entries import Entry
from allotment.contract.check.findings import Kind, Severity, listed
from allotment.contract.check.rule import Fault, rule_for, rule_over_all
from allotment.contract.check.scene import Scene, did_you_mean

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
        "no code asks for it",
        f"It runs, and nothing has asked for {entry.name} lately.",
        "It collects nothing.",
        f"{did_you_mean(entry.name, strangers)}Look at the name in the code, and whether that code "
        "is deployed.",
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
                f"code asks for “{name}”, which is not there",
                f"{name} was asked for {count} times lately and is neither an instrument nor an "
                "experiment.",
                "Nobody is enrolled, and nothing is sent.",
                f"{did_you_mean(name, known)}Correct the name in the code, or configure it.",
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
                f"events name the stream “{name}”, which is not there",
                f"{count} events for {name} came lately.",
                "They were refused.",
                f"{did_you_mean(name, known)}Correct the name in the code, or make the stream.",
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
            "subject ids do not arrive",
            f"{count} events of it came without the subject id that the edge should have given.",
            "They belong to nobody and cannot be analysed.",
            "Set use_edge_uniques of its stream, and look whether the edge adds "
            "X-Experiment-Enrollments to requests for events.",
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
            "everybody is the same subject",
            f"All events of {listed(single)} are of one subject.",
            "Nothing can be said about an effect.",
            "Look at what fills the subject id: it must differ from reader to reader.",
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
                "events name a group that is not there",
                f"Events came of {listed(strange)}, and its groups are {listed(list(known))}.",
                "These events are not analysed.",
                f"{did_you_mean(strange[0], list(known))}Correct the group's name in the code.",
                ("groups",),
                entry=entry,
            )
