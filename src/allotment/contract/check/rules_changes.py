"""Rules that hold a configuration against the one before: what must not get lost, or change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from allotment.contract.check.entries import CLIENT, Configuration, Entry
from allotment.contract.check.findings import Kind, Severity, listed, shown
from allotment.contract.check.rule import Fault, rule_for, rule_over_all
from allotment.contract.check.rules_traffic import EVERYWHERE
from allotment.contract.check.scene import Scene
from allotment.contract.texts import Text, counted, percent, said

_HALF = 0.5
_FEW = 4
"""Of fewer than so many, half may go without a word: that is how one takes something away."""


def _before(entry: Entry, scene: Scene) -> Entry | None:
    return scene.previous.by_name.get((entry.kind, entry.name)) if scene.previous else None


@rule_for("block-not-lost", Severity.ERROR, Kind.STREAM)
def block_not_lost(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """No block of a stream's settings that was there before is gone.

    On 30 April 2026 a clean-up removed the whole block for client libraries from the base stream.
    No attribute was sent any more, for two weeks, and no error showed it. Give the configuration
    before as `--previous` and the check says so.
    """
    before = _before(entry, scene)
    if before is None:
        return
    for path, value in _objects(before.body):
        here = entry.at(*path)
        if value and not here and (len(path) == 1 or entry.at(*path[:-1])):
            yield Fault(
                said("the block “%(block)s” is gone", block=".".join(path)),
                said(
                    "It was %(value)s before and is %(here)s now.",
                    value=shown(value),
                    here=shown(here),
                ),
                said("What it did stops for everything that uses the stream."),
                said(
                    "Put it back; to end it on purpose, give the new configuration as --previous "
                    "too."
                ),
                path,
            )


def _objects(
    node: Mapping[str, object], path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], object]]:
    for key, value in node.items():
        at = (*path, str(key))
        if isinstance(value, Mapping | list):
            yield at, value
        if isinstance(value, Mapping):
            yield from _objects(value, at)


@rule_for("attributes-not-lost", Severity.WARNING, Kind.STREAM)
def attributes_not_lost(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """A stream still asks for every contextual attribute that it asked for before.

    What a metric reads may be asked for by the stream alone. Losing the whole list is an error of
    its own, `block-not-lost`.
    """
    before = _before(entry, scene)
    if before is None or not entry.attributes:
        return
    asked = {name for item in scene.configuration.items for name in item.attributes}
    gone = [n for n in before.attributes if n not in entry.attributes and n not in asked]
    if gone and entry.at(*CLIENT) is not None:
        yield Fault(
            said("some attributes are not asked for any more"),
            said("%(names)s was asked for before.", names=listed(gone)),
            said("Events lack it from now on."),
            said("Put it back if any metric or comparison reads it."),
            entry.attribute_path,
            field="attributes",
        )


@rule_over_all("configuration-not-emptier", Severity.ERROR, Kind.LAB)
def configuration_not_emptier(scene: Scene) -> Iterator[Fault]:
    """A configuration does not hold much less than the one before.

    In June 2026 the list of experiments was empty for ten minutes, as a cache had not been
    filled; consumers took it for the truth and ended every experiment.
    """
    if scene.previous is None:
        return
    for kind in (Kind.STREAM, Kind.INSTRUMENT, Kind.EXPERIMENT):
        now, before = scene.configuration.of(kind), _alive(scene.previous, kind, scene)
        names = {entry.name for entry in now}
        gone = [entry.name for entry in before if entry.name not in names]
        emptied = bool(before) and not now and (len(before) > 1 or kind is Kind.STREAM)
        if emptied or (len(before) >= _FEW and len(gone) > _HALF * len(before)):
            yield Fault(
                *_emptied(kind, len(before), gone),
                said("Everything that used them would stop."),
                said("Look why the list is so short. If it is right, give it as --previous once."),
            )


def _emptied(kind: Kind, before: int, gone: list[str]) -> tuple[Text, Text]:
    """The headline, and how many there were and are."""
    told: dict[str, str | int] = {"gone": len(gone), "names": listed(gone)}
    if kind is Kind.STREAM:
        return said("most streams are gone"), counted(
            "There was %(count)s stream that is still due, and it is gone: %(names)s.",
            "There were %(count)s streams that are still due, and %(gone)s of them are gone: "
            "%(names)s.",
            before,
            **told,
        )
    if kind is Kind.INSTRUMENT:
        return said("most instruments are gone"), said(
            "There were %(before)s instruments that are still due, and %(gone)s of them are gone: "
            "%(names)s.",
            before=before,
            **told,
        )
    return said("most experiments are gone"), said(
        "There were %(before)s experiments that are still due, and %(gone)s of them are gone: "
        "%(names)s.",
        before=before,
        **told,
    )


def _alive(configuration: Configuration, kind: Kind, scene: Scene) -> list[Entry]:
    """What of a kind would still be served now."""
    entries = configuration.of(kind)
    if kind is Kind.STREAM:
        return list(entries)
    return [e for e in entries if not e.is_off and not ((end := e.time("end")) and end < scene.now)]


@rule_over_all("stream-in-use-stays", Severity.ERROR, Kind.STREAM)
def stream_in_use_stays(scene: Scene) -> Iterator[Fault]:
    """A stream that was there before and is in use is there still.

    In October 2025 a stream was renamed while its experiment ran; the code still sent to the old
    name, and its events were dropped.
    """
    if scene.previous is None or scene.configuration.streams is None:
        return
    for stream in scene.previous.streams or ():
        if scene.configuration.stream(stream.name) is not None:
            continue
        users = [item.name for item in scene.previous.on_stream.get(stream.name, ())]
        sent = scene.observations.streams.get(stream.name, 0) if scene.observations else 0
        if users or sent:
            yield Fault(
                said("a stream that was in use is gone"),
                said(
                    "%(stream)s was configured before and is not now; %(users)s used it.",
                    stream=stream.name,
                    users=listed(users),
                )
                if users
                else counted(
                    "%(stream)s was configured before and is not now; %(count)s event came for it "
                    "lately.",
                    "%(stream)s was configured before and is not now; %(count)s events came for it "
                    "lately.",
                    sent,
                    stream=stream.name,
                ),
                said("Its events would be refused."),
                said("Put it back until nothing sends to it."),
                entry=stream,
            )


_FROZEN = {
    "user_identifier_type": said("who is put into a group cannot change any more"),
    "groups": said("the groups cannot change any more"),
    "weights": said("the groups' weights cannot change any more"),
    "stream_name": said("the stream cannot change any more"),
}


@rule_for("running-is-frozen", Severity.ERROR, Kind.EXPERIMENT)
def running_is_frozen(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """Of a running experiment neither groups, weights, identifier type nor stream change.

    Adding or reordering a group moves subjects that have met another one; a changed stream splits
    the events over two tables.
    """
    before = _before(entry, scene)
    if before is None or not before.runs(scene.now):
        return
    if entry.at("phase_index") != before.at("phase_index"):
        return  # a new phase is analysed apart
    for name, headline in _FROZEN.items():
        old, new = before.at(name), entry.at(name)
        if name == "weights":
            old, new = _weights(before), _weights(entry)
        if old != new and old is not None:
            yield Fault(
                headline,
                said("It was %(old)s and is %(new)s.", old=shown(old), new=shown(new)),
                said("It runs, and subjects have met what they met."),
                said("Put back what stood here, or begin a new phase."),
                (name,),
            )


def _weights(entry: Entry) -> object:
    weights = entry.at("weights")
    return [1] * len(entry.texts("groups")) if weights is None else weights


@rule_for("running-traffic-rises", Severity.ERROR, Kind.EXPERIMENT)
def running_traffic_rises(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """Of a running experiment no site's rate falls.

    Whoever met a group and then loses it spoils the comparison; the published system advises
    against changes and forbids to go down.
    """
    before = _before(entry, scene)
    if before is None or not before.runs(scene.now):
        return
    old, new = _rates(before), _rates(entry)
    for site in sorted({*old, *new}):
        was = old.get(site, before.default_rate)
        now = new.get(site, entry.default_rate)
        if was is not None and now is not None and now < was:
            yield Fault(
                said("the traffic on %(site)s falls", site=site),
                said("It was %(was)s and would be %(now)s.", was=percent(was), now=percent(now)),
                said("Subjects who have met their group would lose it."),
                said("Give %(was)s or more, or stop the experiment.", was=percent(was)),
                ("sample_rate",),
                field="sites",
            )


def _rates(entry: Entry) -> dict[str, float]:
    found: dict[str, float] = {}
    for site, rate, _ in entry.site_rates:
        if rate is not None:
            found.setdefault(site, rate)
    if entry.default_rate is not None:
        found[EVERYWHERE] = entry.default_rate
    return found
