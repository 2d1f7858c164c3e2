"""Rules about names: of items, of groups, and that each is given once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from allotment.allocation import ConfigError, IdentifierType, parse_experiment
from allotment.allocation.law import MAX_TOTAL_WEIGHT
from allotment.allocation.reading import MAX_GROUPS
from allotment.contract.check.entries import Entry
from allotment.contract.check.findings import Kind, Severity, listed, shown
from allotment.contract.check.rule import RULES, Fault, rule_for, rule_over_all
from allotment.contract.check.scene import Scene, did_you_mean
from allotment.contract.texts import Text, counted, said, sentences

MACHINE_NAME: Final = re.compile(r"[A-Za-z0-9][-_.A-Za-z0-9]{7,62}", re.ASCII)
GROUP_NAME: Final = re.compile(r"[A-Za-z0-9][-_.A-Za-z0-9]{0,62}", re.ASCII)
FEWEST_GROUPS: Final = 2
_ITEMS = (Kind.INSTRUMENT, Kind.EXPERIMENT)


@rule_for("name-has-form", Severity.ERROR, *_ITEMS)
def name_has_form(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """A machine name is 8 to 63 letters, digits, dots, dashes or underscores.

    The edge refuses a whole configuration for one name of another form, and a name with a blank
    breaks the headers in which enrollments travel.
    """
    if not MACHINE_NAME.fullmatch(entry.name):
        yield Fault(
            said("the machine name has a form that code cannot use"),
            said(
                "%(name)s is not 8 to 63 letters, digits, dots, dashes or underscores that begin "
                "with a letter or digit.",
                name=shown(entry.name),
            ),
            said("Caches and clients would leave it out."),
            said("Choose a name such as related-articles-card."),
            ("name",),
            field="machine_name",
        )


@rule_over_all("name-is-free", Severity.ERROR, Kind.STREAM, *_ITEMS)
def name_is_free(scene: Scene) -> Iterator[Fault]:
    """No two streams, instruments or experiments share a name, upper and lower case aside.

    An instrument is shown to clients as a stream under its own name, so that of two equal names
    one overwrites the other; consumers key experiments by name, and the last one wins.
    """
    by_fold: dict[str, list[Entry]] = {}
    for entry in scene.configuration.entries:
        if entry.name:
            by_fold.setdefault(entry.name.casefold(), []).append(entry)
    for same in by_fold.values():
        for entry in same[1:]:
            yield Fault(
                said("the machine name is taken"),
                _also_of(same[0], shown(entry.name)),
                said("Clients keep one of the two, and nobody says which."),
                said("Choose another name; upper and lower case count as the same."),
                () if entry.kind is Kind.STREAM else ("name",),
                field="name" if entry.kind is Kind.STREAM else "machine_name",
                entry=entry,
            )


def _also_of(other: Entry, name: str) -> Text:
    values = {"name": name, "other": other.name}
    if other.kind is Kind.STREAM:
        return said("%(name)s is also the name of the stream %(other)s.", **values)
    if other.kind is Kind.INSTRUMENT:
        return said("%(name)s is also the name of the instrument %(other)s.", **values)
    return said("%(name)s is also the name of the experiment %(other)s.", **values)


@rule_for("groups-are-enough", Severity.ERROR, Kind.EXPERIMENT)
def groups_are_enough(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """An experiment has 2 to 10 groups, the first of which is control.

    In the published system one experiment without groups made the whole list empty, and with it
    ended every experiment of the site.
    """
    found = entry.at("groups")
    count = len(found) if isinstance(found, list) else 0
    if not FEWEST_GROUPS <= count <= MAX_GROUPS:
        yield Fault(
            said(
                "an experiment has %(fewest_groups)s to %(max_groups)s groups",
                fewest_groups=FEWEST_GROUPS,
                max_groups=MAX_GROUPS,
            ),
            said("This one has %(groups)s.", groups=count),
            said("It could not be compared with anything, or would be left out.")
            if count < FEWEST_GROUPS
            else said("Clients would leave it out."),
            said("The first is control; give at least one more to compare with it."),
            ("groups",),
        )


@rule_for("group-named-once", Severity.ERROR, Kind.EXPERIMENT)
def group_named_once(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """Every group of an experiment has a name of its own, upper and lower case aside.

    The published validators looked at the first two groups only, until one with three broke. Two
    groups whose names differ in case become one in the class names of pages.
    """
    names = entry.texts("groups")
    for fold, count in Counter(name.casefold() for name in names).items():
        same = [name for name in names if name.casefold() == fold]
        if count > 1:
            exact = len(set(same)) == 1
            yield Fault(
                said("two groups are called %(name)s", name=same[0])
                if exact
                else said("two groups differ in case only"),
                said("%(name)s stands in %(count)s rows.", name=shown(same[0]), count=count)
                if exact
                else said(
                    "%(names)s differ in nothing but upper and lower case.", names=listed(same)
                ),
                said("Their subjects could not be told apart."),
                said("Give each group a name of its own."),
                ("groups",),
            )


@rule_for("group-name-has-form", Severity.ERROR, Kind.EXPERIMENT)
def group_name_has_form(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """A group's name is 1 to 63 letters, digits, dots, dashes or underscores.

    Enrollments travel as `experiment=group;` in a header; one that cannot be read made consumers
    throw the whole header away, with all other experiments in it.
    """
    found = entry.at("groups")
    for place, name in enumerate(found if isinstance(found, list) else ()):
        if not isinstance(name, str) or not GROUP_NAME.fullmatch(name):
            yield Fault(
                said("%(name)s cannot be a group's name", name=shown(name)),
                said(
                    "%(name)s is not 1 to 63 letters, digits, dots, dashes or underscores.",
                    name=shown(name),
                ),
                said("The header that tells of groups could not be read."),
                said("Choose a name such as control or card."),
                ("groups", place),
            )


@rule_for("weights-are-positive", Severity.ERROR, Kind.EXPERIMENT)
def weights_are_positive(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """Weights are whole numbers from 1, one for each group.

    A group of weight 0 gets nobody, and the result waits for subjects that never come.
    """
    weights, groups = entry.at("weights"), entry.at("groups")
    if weights is None or not isinstance(groups, list):
        return
    whole = [w for w in weights if _is_weight(w)] if isinstance(weights, list) else []
    same = isinstance(weights, list) and len(whole) == len(weights) == len(groups)
    if not same or sum(whole) > MAX_TOTAL_WEIGHT:
        yield Fault(
            said("a group's weight cannot be used"),
            counted(
                "The weights are %(weights)s for %(count)s group.",
                "The weights are %(weights)s for %(count)s groups.",
                len(groups),
                weights=shown(weights),
            ),
            said("The experiment would be left out, or a group would stay empty."),
            said(
                "Give each group a whole number from 1; their sum is at most %(most)s.",
                most=MAX_TOTAL_WEIGHT,
            ),
            ("weights",),
            field="groups",
        )


def _is_weight(found: object) -> bool:
    # JSON has one kind of number: 2.0 is the whole number 2.
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    return isinstance(found, int) and not isinstance(found, bool) and found >= 1


@rule_for("identifier-type-is-known", Severity.ERROR, Kind.EXPERIMENT)
def identifier_type_is_known(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """An experiment says who is put into a group: a browser, an account or a session.

    Clients pass over an experiment of a type that they have no id for. There is no usual answer,
    so none is assumed.
    """
    known = [kind.value for kind in IdentifierType]
    given = entry.at("user_identifier_type")
    if given not in known:
        yield Fault(
            said("nobody says who is put into a group"),
            said("Its user_identifier_type is %(given)s.", given=shown(given)),
            said("No client would enroll anybody."),
            sentences(
                did_you_mean(str(given), known), said("Give %(names)s.", names=listed(known, "or"))
            ),
            ("user_identifier_type",),
            field="identifier_type",
        )


@rule_for("identifier-fits-stream", Severity.ERROR, Kind.EXPERIMENT)
def identifier_fits_stream(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """Where the edge enrolls browsers, experiments on them use a stream that takes the edge's ids.

    In September 2025 an experiment on 13 wikis collected 265,000 events whose subject id was still
    the word that stands for an id to come: its stream lacked `use_edge_uniques`. Two more teams
    left it out within three months. The reverse, accounts or sessions on such a stream, is dropped
    by intakes that expect the edge's header.
    """
    stream = scene.stream_of(entry)
    if stream is None or not scene.has_edge:
        return
    takes = stream.at("producers", "eventgate", "use_edge_uniques") is True
    kind = entry.text("user_identifier_type")
    if kind == IdentifierType.BROWSER and not takes:
        others = [name for name in scene.edge_streams if name != stream.name]
        yield Fault(
            said("the stream does not take the ids of browsers"),
            said(
                "It puts browsers into groups, and %(stream)s does not set use_edge_uniques.",
                stream=stream.name,
            ),
            said("No event would ever get a subject id, and no result would come."),
            said(
                "Set producers.eventgate.use_edge_uniques of the stream to true, or choose "
                "%(streams)s.",
                streams=listed(others, "or"),
            )
            if others
            else said("Set producers.eventgate.use_edge_uniques of the stream to true."),
            ("stream_name",),
            field="stream",
        )
    elif kind in {IdentifierType.USER, IdentifierType.SESSION} and takes:
        accounts = kind == IdentifierType.USER
        yield Fault(
            said("the stream is for browsers"),
            said(
                "It puts accounts into groups, and %(stream)s sets use_edge_uniques.",
                stream=stream.name,
            )
            if accounts
            else said(
                "It puts sessions into groups, and %(stream)s sets use_edge_uniques.",
                stream=stream.name,
            ),
            said("An intake that expects the edge's ids drops events of accounts.")
            if accounts
            else said("An intake that expects the edge's ids drops events of sessions."),
            said("Choose a stream without use_edge_uniques, or put browsers into groups."),
            ("stream_name",),
            field="stream",
            severity=Severity.WARNING,
        )


_TOLD_BY = (
    "groups-are-enough",
    "group-named-once",
    "group-name-has-form",
    "weights-are-positive",
    "rate-is-a-number",
    "date-is-a-time",
    "name-has-form",
    "identifier-type-is-known",
)


@rule_for("item-is-usable", Severity.ERROR, Kind.EXPERIMENT)
def item_is_usable(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """Clients can read the experiment.

    One bad item once made the list of all others empty. Ours leave out the bad one alone, which
    still ends it. This is told only where no other rule says what is wrong.
    """
    try:
        parse_experiment(entry.body)
    except (ConfigError, ValueError, TypeError, OverflowError) as error:
        alone = Scene(scene.configuration, scene.schemas, scene.now, limits=scene.limits)
        alone = _about(alone, entry)
        if any(f.entry is entry for name in _TOLD_BY for f in RULES[name].find(alone)):
            return
        yield Fault(
            said("clients cannot read it"),
            said("%(error)s", error=f"{error}.".replace("..", ".")),
            said("Clients would leave the experiment out."),
            said("Correct the field that is named."),
        )


def _about(scene: Scene, entry: Entry) -> Scene:
    return replace(scene, about=frozenset({(entry.kind, entry.name)}))
