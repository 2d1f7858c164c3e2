"""Rules about start and end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from allotment.allocation import ConfigError, parse_time
from allotment.contract.check.entries import Entry
from allotment.contract.check.findings import Kind, Severity
from allotment.contract.check.rule import Fault, rule_for
from allotment.contract.check.scene import Scene
from allotment.contract.texts import Text, counted, enumerated, moment, said

_ITEMS = (Kind.INSTRUMENT, Kind.EXPERIMENT)
_YEAR = timedelta(days=365.25)


@rule_for("date-is-a-time", Severity.ERROR, *_ITEMS)
def date_is_a_time(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """Start and end are times that can be read; an experiment has an end.

    In the published system one date that could not be read made the whole list empty: every
    experiment of the site ended.
    """
    for name in ("start", "end"):
        value = entry.at(name)
        try:
            found = parse_time(entry.name, name, value)
        except (ConfigError, OverflowError):
            yield Fault(
                *_no_time(name, repr(value)),
                said("Clients would leave it out."),
                said("Give a time such as 2026-11-22T09:00:00Z."),
                (name,),
            )
            continue
        if found is None and name == "end":
            yield Fault(
                said("it has no end"),
                said("There is no end."),
                said("It would run until somebody remembers it."),
                said("Give an end; it can be moved later."),
                ("end",),
                severity=Severity.ERROR if entry.kind is Kind.EXPERIMENT else Severity.WARNING,
            )


def _no_time(name: str, value: str) -> tuple[Text, Text]:
    if name == "start":
        return said("the start is no time"), said("The start is %(value)s.", value=value)
    return said("the end is no time"), said("The end is %(value)s.", value=value)


@rule_for("end-after-start", Severity.ERROR, *_ITEMS)
def end_after_start(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """The end is later than the start.

    Otherwise it is never active, though it is switched on and looks so.
    """
    start, end = entry.time("start"), entry.time("end")
    if start and end and end <= start:
        yield Fault(
            said("the end is not after the start"),
            said("It starts %(start)s and ends %(end)s.", start=moment(start), end=moment(end)),
            said("It would never run."),
            said("Choose an end that is later than the start."),
            ("end",),
        )


@rule_for("end-in-future", Severity.WARNING, *_ITEMS)
def end_in_future(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """What is switched on has an end that is still to come.

    An item that ended stays in configuration files and in code for years; nobody owns its removal.
    """
    end = entry.time("end")
    if end and end <= scene.now and not entry.is_off:
        yield Fault(
            said("the end has passed"),
            said("It ended %(end)s.", end=moment(end)),
            said("Nobody takes part any more."),
            said("Choose a later end, or take it away and its code too."),
            ("end",),
        )


@rule_for("date-is-plausible", Severity.WARNING, *_ITEMS)
def date_is_plausible(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """Start and end lie within the next few years.

    A page about an experiment of September 2025 bears the year 2028, by a slip. In a
    configuration such a slip means an experiment that never ends, or never begins.
    """
    for name in ("start", "end"):
        when = entry.time(name)
        if when and when - scene.now > scene.limits.years_ahead * _YEAR:
            yield Fault(
                *_far_ahead(name, when, scene.limits.years_ahead),
                said("If the year is a slip, it would run on for years or never begin."),
                said("Look at the year again."),
                (name,),
            )


def _far_ahead(name: str, when: datetime, years: int) -> tuple[Text, Text]:
    if name == "start":
        return said("the start is far ahead"), counted(
            "The start is %(start)s, more than %(count)s year ahead.",
            "The start is %(start)s, more than %(count)s years ahead.",
            years,
            start=moment(when),
        )
    return said("the end is far ahead"), counted(
        "The end is %(end)s, more than %(count)s year ahead.",
        "The end is %(end)s, more than %(count)s years ahead.",
        years,
        end=moment(when),
    )


@rule_for("within-retention", Severity.WARNING, Kind.EXPERIMENT)
def within_retention(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """An experiment ends before its first events are deleted.

    Events are kept for a number of days. Of one that runs longer, only summaries remain of its
    beginning, and its result cannot be computed again.
    """
    start, end, kept = entry.time("start"), entry.time("end"), scene.limits.kept_days
    begin = start or scene.now
    if end and kept is not None and end - begin > timedelta(days=kept):
        days = (end - begin).days
        yield Fault(
            said("it runs longer than events are kept"),
            said("It runs %(days)s days, and events are kept for %(kept)s.", days=days, kept=kept),
            said("Its first events would be deleted before the last ones come."),
            counted("Plan at most %(count)s day.", "Plan at most %(count)s days.", kept),
            ("end",),
        )


@rule_for("environment-is-known", Severity.ERROR, *_ITEMS, Kind.STREAM)
def environment_is_known(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """The environments of an item are ones that there are, and its stream is in them too.

    An experiment that is meant for production on a stream that is served in staging alone sends
    nothing where it should.
    """
    environments = entry.texts("environments")
    for place, name in enumerate(environments):
        if name not in scene.limits.environments:
            yield Fault(
                said("there is no environment “%(name)s”", name=name),
                said(
                    "“%(name)s” is none of %(environments)s.",
                    name=name,
                    environments=enumerated(sorted(scene.limits.environments)),
                ),
                said("It would be served nowhere by that name."),
                said("Choose one of these."),
                ("environments", place),
            )
    stream = scene.stream_of(entry) if entry.kind is not Kind.STREAM else None
    there = stream.texts("environments") if stream else ()
    lacking = [name for name in environments if there and name not in there]
    if lacking:
        yield Fault(
            said("its stream is not in all of its environments"),
            said(
                "It is meant for %(environments)s, and %(stream)s is in %(there)s.",
                environments=enumerated(lacking),
                stream=entry.stream,
                there=enumerated(there),
            ),
            said("It would send nothing there."),
            said("Choose another stream, or leave the environment out."),
            ("environments",),
        )
