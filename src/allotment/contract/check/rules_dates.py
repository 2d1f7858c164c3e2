"""Rules about start and end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from allotment.allocation import ConfigError, parse_time
from allotment.contract.check.entries import Entry
from allotment.contract.check.findings import Kind, Severity
from allotment.contract.check.rule import Fault, rule_for
from allotment.contract.check.scene import Scene

_ITEMS = (Kind.INSTRUMENT, Kind.EXPERIMENT)
_YEAR = timedelta(days=365.25)


def day(moment: datetime) -> str:
    """A moment as findings write it."""
    return f"{moment:%d %b %Y, %H:%M} UTC"


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
                f"the {name} is no time",
                f"The {name} is {value!r}.",
                "Clients would leave it out.",
                "Give a time such as 2026-11-22T09:00:00Z.",
                (name,),
            )
            continue
        if found is None and name == "end":
            yield Fault(
                "it has no end",
                "There is no end.",
                "It would run until somebody remembers it.",
                "Give an end; it can be moved later.",
                ("end",),
                severity=Severity.ERROR if entry.kind is Kind.EXPERIMENT else Severity.WARNING,
            )


@rule_for("end-after-start", Severity.ERROR, *_ITEMS)
def end_after_start(entry: Entry, _scene: Scene) -> Iterator[Fault]:
    """The end is later than the start.

    Otherwise it is never active, though it is switched on and looks so.
    """
    start, end = entry.time("start"), entry.time("end")
    if start and end and end <= start:
        yield Fault(
            "the end is not after the start",
            f"It starts {day(start)} and ends {day(end)}.",
            "It would never run.",
            "Choose an end that is later than the start.",
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
            "the end has passed",
            f"It ended {day(end)}.",
            "Nobody takes part any more.",
            "Choose a later end, or take it away and its code too.",
            ("end",),
        )


@rule_for("date-is-plausible", Severity.WARNING, *_ITEMS)
def date_is_plausible(entry: Entry, scene: Scene) -> Iterator[Fault]:
    """Start and end lie within the next few years.

    A page about an experiment of September 2025 bears the year 2028, by a slip. In a
    configuration such a slip means an experiment that never ends, or never begins.
    """
    for name in ("start", "end"):
        moment = entry.time(name)
        if moment and moment - scene.now > scene.limits.years_ahead * _YEAR:
            yield Fault(
                f"the {name} is far ahead",
                f"The {name} is {day(moment)}, more than {scene.limits.years_ahead} years ahead.",
                "If the year is a slip, it would run on for years or never begin.",
                "Look at the year again.",
                (name,),
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
            "it runs longer than events are kept",
            f"It runs {days} days, and events are kept for {kept}.",
            "Its first events would be deleted before the last ones come.",
            f"Plan at most {kept} days.",
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
                f"there is no environment “{name}”",
                f"“{name}” is none of {', '.join(sorted(scene.limits.environments))}.",
                "It would be served nowhere by that name.",
                "Choose one of these.",
                ("environments", place),
            )
    stream = scene.stream_of(entry) if entry.kind is not Kind.STREAM else None
    there = stream.texts("environments") if stream else ()
    lacking = [name for name in environments if there and name not in there]
    if lacking:
        yield Fault(
            "its stream is not in all of its environments",
            f"It is meant for {', '.join(lacking)}, and {entry.stream} is in {', '.join(there)}.",
            "It would send nothing there.",
            "Choose another stream, or leave the environment out.",
            ("environments",),
        )
