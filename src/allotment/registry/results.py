"""What the pages show of an experiment's latest report: words, tones and texts, no cell empty.

The adapter between the lab's report and the pages; the pages know nothing else of analysis.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from django.utils.translation import gettext, gettext_lazy, gettext_noop

from allotment.registry import verdict_words
from allotment.registry.interval_plot import Row
from allotment.registry.numbers import decimal, signed, whole

if TYPE_CHECKING:  # the lab's engines take seconds to load; a page that needs them loads them
    from allotment.analysis.report import Comparison, GroupResult, Report
    from allotment.analysis.statistics import Interval

_LOG = logging.getLogger(__name__)

CANNOT_SAY = gettext_lazy("cannot say")
_COUNTED = {
    "experiment": gettext_noop("those sent for this experiment"),
    "instruments": gettext_noop(
        "those of all instruments on its stream; none was sent for the experiment"
    ),
}
_COMMON = 0.1


@dataclass(frozen=True)
class Face:
    """How a verdict or a state looks: its word, its color class and its icon."""

    word: str
    tone: str
    icon: str


@dataclass(frozen=True)
class GroupRow:
    """One group's counts as texts."""

    name: str
    subjects: str
    impressions: str
    clicks: str
    rate: str


@dataclass(frozen=True)
class ComparisonRow:
    """One group against control as texts, and how to read it."""

    name: str
    difference: str
    difference_interval: str
    lift: str
    lift_interval: str
    face: Face


@dataclass(frozen=True)
class Health:
    """Whether the numbers can be trusted, in a headline and a sentence."""

    face: Face
    headline: str
    text: str


@dataclass(frozen=True)
class Line:
    """One line of how to read the page."""

    face: Face
    text: str


@dataclass(frozen=True)
class Results:
    """A report as the results page shows it."""

    verdict: Face
    sentence: str
    in_readers_language: bool
    health: Health
    lines: tuple[Line, ...]
    total: str
    control: str
    groups: tuple[GroupRow, ...]
    comparisons: tuple[ComparisonRow, ...]
    over: bool
    withheld: bool
    made: datetime
    inputs: tuple[tuple[str, str], ...]
    plot_rows: tuple[Row, ...]


class ResultsUnreadableError(Exception):
    """A report may be there but cannot be read; the message names the cause."""


VERDICTS = {
    "no data": Face(gettext_noop("Cannot say"), "muted", "open"),
    "uneven groups": Face(gettext_noop("Verdict withheld"), "bad", "bad"),
    "keep running": Face(gettext_noop("Keep running"), "", "wait"),
    "stopped early": Face(gettext_noop("Stopped early"), "muted", "stopped"),
    "better": Face(gettext_noop("Better"), "good", "good"),
    "worse": Face(gettext_noop("Worse"), "bad", "bad"),
    "no clear change": Face(gettext_noop("No clear change"), "muted", "open"),
}
_TOO_EARLY = Face(gettext_noop("Too early to read"), "muted", "wait")
_UNKNOWN = Face(gettext_noop("Cannot say"), "muted", "open")


def read(lake_dir: Path, name: str, subjects: str, phase: int = 0) -> Results | None:
    """The latest report of one phase of an experiment in words; None where there is none yet.

    Args:
        lake_dir: the lake; a folder that is not there has no report.
        name: the experiment's machine name.
        subjects: what pages call its subjects, in the plural.
        phase: which run of the experiment, counted from 0.

    Raises:
        ResultsUnreadableError: the lake or the report in it cannot be read.
    """
    report = latest(lake_dir, name, phase)
    return None if report is None else shown(report, subjects)


def latest(lake_dir: Path, name: str, phase: int = 0) -> Report | None:
    """The same as the analysis wrote it.

    Raises:
        ResultsUnreadableError: the lake or the report in it cannot be read.
    """
    if not lake_dir.is_dir():
        return None
    with _readable(f"the report of {name}") as reports:
        found: Report | None = reports.latest(lake_dir, name, phase)
        return found


def newest(lake_dir: Path) -> Mapping[tuple[str, int], Report]:
    """The latest report of every experiment and phase that has one, as the analysis wrote it.

    Raises:
        ResultsUnreadableError: the lake or a report in it cannot be read.
    """
    if not lake_dir.is_dir():
        return {}
    with _readable("the reports") as reports:
        found: Mapping[tuple[str, int], Report] = reports.newest(lake_dir)
        return found


def newest_or_fault(lake_dir: Path) -> tuple[Mapping[tuple[str, int], Report], bool]:
    """The same, and whether it could not be read: then there is none."""
    try:
        return newest(lake_dir), False
    except ResultsUnreadableError:
        return {}, True


@contextmanager
def _readable(what: str) -> Iterator[ModuleType]:
    """The lab's engine, loaded when it is first needed; whatever it meets is one error."""
    import duckdb  # noqa: PLC0415
    from pyiceberg.exceptions import NoSuchTableError  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    from allotment.analysis import reports  # noqa: PLC0415

    try:
        yield reports
    except (
        OSError,
        ValueError,
        TypeError,
        LookupError,
        duckdb.Error,
        sqlite3.Error,
        SQLAlchemyError,
        NoSuchTableError,
    ) as error:
        _LOG.exception("%s cannot be read", what)
        raise ResultsUnreadableError(f"{type(error).__name__}: {error}") from error


def shown(report: Report, subjects: str) -> Results:
    """A report in words."""
    withheld = report.sample_ratio.healthy is False
    sentence, known = verdict_words.sentence(report.verdict.sentence)
    return Results(
        verdict=_translated(
            VERDICTS.get(report.verdict.word, Face(report.verdict.word, "", "open"))
        ),
        sentence=sentence,
        in_readers_language=known,
        health=_health(report, subjects),
        lines=_lines(report, subjects),
        total=whole(sum(group.subjects for group in report.groups)),
        control=report.groups[0].name,
        groups=tuple(_group(group) for group in report.groups),
        comparisons=tuple(_comparison(item, report) for item in report.comparisons),
        over=report.over and not report.stopped_early,
        withheld=withheld,
        made=report.computed_at,
        inputs=_inputs(report),
        plot_rows=() if withheld else _plot_rows(report),
    )


def _translated(face: Face) -> Face:
    return replace(face, word=gettext(face.word))


def _group(group: GroupResult) -> GroupRow:
    return GroupRow(
        name=group.name,
        subjects=whole(group.subjects),
        impressions=whole(group.impressions),
        clicks=whole(group.clicks),
        rate=str(CANNOT_SAY) if group.rate is None else f"{decimal(100 * group.rate, 2)}%",
    )


def _comparison(item: Comparison, report: Report) -> ComparisonRow:
    if item.result is None:
        text, unsaid = gettext("too few events"), str(CANNOT_SAY)
        return ComparisonRow(item.group, unsaid, text, unsaid, text, _translated(_UNKNOWN))
    difference, lift = item.result.difference, item.result.lift
    confidence = f"{report.confidence:.0%}"
    low, high = _points(difference.low), _points(difference.high)
    between = gettext("%(confidence)s range %(low)s to %(high)s")
    in_points = gettext("%(confidence)s range %(low)s to %(high)s points")
    return ComparisonRow(
        name=item.group,
        difference=gettext("%(change)s points") % {"change": _points(difference.value)},
        difference_interval=in_points % {"confidence": confidence, "low": low, "high": high},
        lift=_change(lift.value),
        lift_interval=between
        % {"confidence": confidence, "low": _change(lift.low), "high": _change(lift.high)},
        face=_reading(lift, report),
    )


def _reading(lift: Interval, report: Report) -> Face:
    """What one interval says; nothing while the experiment runs or its groups are uneven."""
    if not report.over or report.stopped_early or report.sample_ratio.healthy is False:
        return (
            _translated(_TOO_EARLY)
            if not report.over
            else Face(gettext("Not to be read"), "muted", "open")
        )
    if lift.low > 0:
        return Face(gettext("Better"), "good", "good")
    if lift.high < 0:
        return Face(gettext("Worse"), "bad", "bad")
    return Face(gettext("No clear change"), "muted", "open")


def _plot_rows(report: Report) -> tuple[Row, ...]:
    return tuple(
        Row(
            label=item.group,
            value=lift.value,
            low=lift.low,
            high=lift.high,
            settled=report.over and not report.stopped_early and (lift.low > 0 or lift.high < 0),
            text=gettext("%(value)s (%(low)s to %(high)s)")
            % {
                "value": _change(lift.value),
                "low": _change(lift.low),
                "high": _change(lift.high),
            },
        )
        for item in report.comparisons
        if item.result is not None
        for lift in (item.result.lift,)
    )


def _health(report: Report, subjects: str) -> Health:
    parts = [
        gettext("%(number)s %(subjects)s in %(group)s")
        % {"number": whole(group.subjects), "subjects": subjects, "group": group.name}
        for group in report.groups
    ]
    sizes = gettext(" and ").join([", ".join(parts[:-1]), *parts[-1:]] if parts[1:] else parts)
    mixed = ""
    if report.mixed_subjects:
        told = gettext("%(number)s %(subjects)s were seen in more than one group and are left out.")
        mixed = f" {told % {'number': whole(report.mixed_subjects), 'subjects': subjects}}"
    ratio = report.sample_ratio
    if ratio.healthy is None or ratio.p_value is None:
        return Health(
            Face(gettext("Too early"), "muted", "wait"),
            gettext("Too few %(subjects)s to check the sizes of the groups.")
            % {"subjects": subjects},
            f"{sizes}.{mixed}",
        )
    if not ratio.healthy:
        return Health(
            Face(gettext("Groups uneven"), "bad", "bad"),
            gettext("The groups are not the size they should be, so there is no verdict."),
            gettext(
                "%(sizes)s; a fair split comes out this uneven %(p_value)s.%(mixed)s Usual "
                "causes: the feature of one group breaks or slows the page before its events "
                "are sent, or only one group is measured."
            )
            % {"sizes": sizes, "p_value": _seldom(ratio.p_value), "mixed": mixed},
        )
    how = (
        gettext("as near the planned split as chance allows")
        if ratio.p_value >= _COMMON
        else gettext("a little uneven, as chance brings about %(how_often)s")
        % {"how_often": _seldom(ratio.p_value)}
    )
    return Health(
        Face(gettext("Healthy"), "good", "good"),
        gettext("Healthy: the groups are the size they should be."),
        f"{sizes}, {how}.{mixed}",
    )


def _seldom(probability: float) -> str:
    """How unlikely, as people count: `once in 120,000 experiments`."""
    if probability < 1e-9:  # noqa: PLR2004 - beyond this nobody counts
        return gettext("less than once in a thousand million experiments")
    every = round(1 / probability)
    digits = max(0, len(str(every)) - 2)
    number = whole(round(every, -digits))
    return gettext("once in about %(number)s experiments") % {"number": number}


def _lines(report: Report, subjects: str) -> tuple[Line, ...]:
    """What must hold before the numbers may decide."""
    good, bad = Face("", "good", "good"), Face("", "bad", "bad")
    wait = Face("", "muted", "wait")
    healthy = report.sample_ratio.healthy
    sizes = {True: gettext("yes"), False: gettext("no"), None: gettext("not known yet")}[healthy]
    face = {True: good, False: bad, None: wait}[healthy]
    word, shown = gettext("not yet"), wait
    means = gettext("the ranges are for the last planned day")
    if report.stopped_early:
        word, shown = gettext("stopped early"), bad
        means = gettext("the ranges are for the planned end; no decision")
    elif report.over:
        word, shown, means = gettext("yes"), good, gettext("the ranges are valid")
    ended = Line(
        Face(gettext("It has ended: %(word)s") % {"word": word}, shown.tone, shown.icon), means
    )
    return (
        Line(
            Face(
                gettext("Groups are the planned size: %(sizes)s") % {"sizes": sizes},
                face.tone,
                face.icon,
            ),
            gettext("chi-square test on %(subjects)s, refused below 1 in 1,000")
            % {"subjects": subjects},
        ),
        ended,
        Line(
            Face(gettext("Nobody forced is counted"), good.tone, good.icon),
            gettext("overrides are left out"),
        ),
    )


def _inputs(report: Report) -> tuple[tuple[str, str], ...]:
    inputs = report.inputs
    snapshots = ", ".join(
        f"{table} {gettext('before its first event') if snapshot is None else snapshot}"
        for table, snapshot in inputs.snapshots.items()
    )
    return (
        (
            gettext("Configuration"),
            gettext("version %(number)s") % {"number": inputs.config_version},
        ),
        (
            gettext("Metric"),
            gettext("%(metric)s version %(number)s")
            % {"metric": inputs.metric, "number": inputs.metric_version},
        ),
        (gettext("Whose clicks"), gettext(_COUNTED[report.counted])),
        (gettext("Code"), f"allotment {inputs.code_version}"),
        (gettext("Lake snapshot"), snapshots or gettext("none")),
        (
            gettext("Method"),
            gettext("delta method, %(confidence)s ranges, one look at the end")
            % {"confidence": f"{report.confidence:.0%}"},
        ),
    )


def _points(share: float) -> str:
    """A difference of shares in points: `+1.13`."""
    return signed(100 * share, 2)


def _change(share: float) -> str:
    """A relative change: `+3.4%`."""
    return f"{signed(100 * share, 1)}%"
