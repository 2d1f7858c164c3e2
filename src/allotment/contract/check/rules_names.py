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
            "the machine name has a form that code cannot use",
            f"{shown(entry.name)} is not 8 to 63 letters, digits, dots, dashes or underscores "
            "that begin with a letter or digit.",
            "Caches and clients would leave it out.",
            "Choose a name such as related-articles-card.",
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
                "the machine name is taken",
                f"{shown(entry.name)} is also the name of the {same[0].kind} {same[0].name}.",
                "Clients keep one of the two, and nobody says which.",
                "Choose another name; upper and lower case count as the same.",
                () if entry.kind is Kind.STREAM else ("name",),
                field="name" if entry.kind is Kind.STREAM else "machine_name",
                entry=entry,
            )


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
            f"an experiment has {FEWEST_GROUPS} to {MAX_GROUPS} groups",
            f"This one has {count}.",
            "It could not be compared with anything, or would be left out."
            if count < FEWEST_GROUPS
            else "Clients would leave it out.",
            "The first is control; give at least one more to compare with it.",
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
                f"two groups are called {same[0]}" if exact else "two groups differ in case only",
                f"{shown(same[0])} stands in {count} rows."
                if exact
                else f"{listed(same)} differ in nothing but upper and lower case.",
                "Their subjects could not be told apart.",
                "Give each group a name of its own.",
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
                f"{shown(name)} cannot be a group's name",
                f"{shown(name)} is not 1 to 63 letters, digits, dots, dashes or underscores.",
                "The header that tells of groups could not be read.",
                "Choose a name such as control or card.",
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
            "a group's weight cannot be used",
            f"The weights are {shown(weights)} for {len(groups)} groups.",
            "The experiment would be left out, or a group would stay empty.",
            f"Give each group a whole number from 1; their sum is at most {MAX_TOTAL_WEIGHT}.",
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
            "nobody says who is put into a group",
            f"Its user_identifier_type is {shown(given)}.",
            "No client would enroll anybody.",
            f"{did_you_mean(str(given), known)}Give {listed(known, 'or')}.",
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
            "the stream does not take the ids of browsers",
            f"It puts browsers into groups, and {stream.name} does not set use_edge_uniques.",
            "No event would ever get a subject id, and no result would come.",
            "Set producers.eventgate.use_edge_uniques of the stream to true"
            + (f", or choose {listed(others, 'or')}." if others else "."),
            ("stream_name",),
            field="stream",
        )
    elif kind in {IdentifierType.USER, IdentifierType.SESSION} and takes:
        word = "accounts" if kind == IdentifierType.USER else "sessions"
        yield Fault(
            "the stream is for browsers",
            f"It puts {word} into groups, and {stream.name} sets use_edge_uniques.",
            f"An intake that expects the edge's ids drops events of {word}.",
            "Choose a stream without use_edge_uniques, or put browsers into groups.",
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
            "clients cannot read it",
            f"{error}.".replace("..", "."),
            "Clients would leave the experiment out.",
            "Correct the field that is named.",
        )


def _about(scene: Scene, entry: Entry) -> Scene:
    return replace(scene, about=frozenset({(entry.kind, entry.name)}))
