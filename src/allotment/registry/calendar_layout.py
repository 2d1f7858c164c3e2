"""The calendar of experiments: who runs where and when, who meets whom, and the drawing. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import combinations
from math import prod

WEEKS = 6
MOST_ROWS = 20
"""How many experiments of one site are drawn and listed; the directory has the others."""
LEFT, WIDTH = 150.0, 1140.0
_TOP, _ROW, _BAR, _GAP = 30.0, 34.0, 27.0, 14.0
_LETTER = 7.0
_PAD = 9.0


@dataclass(frozen=True)
class Run:
    """One experiment in the window: when it runs, and its share of each site's subjects.

    `everywhere` is the share of the sites that are not named; both are of what layer and holdouts
    leave. `layer_share` is its part of the layer, `held_out` the share that each holdout keeps out
    of it. A holdout `is_apart`: what it shares with others is what it is there to measure.
    """

    machine_name: str
    name: str
    state: str
    begin: datetime
    end: datetime
    shares: dict[str, Decimal]
    everywhere: Decimal = Decimal(0)
    layer: str = ""
    layer_share: Decimal = Decimal(1)
    held_out: Mapping[str, Decimal] = field(default_factory=dict)
    is_apart: bool = False

    def share(self, site: str) -> Decimal:
        """Its part of a site's subjects, 0 to 1."""
        return self.shares.get(site, self.everywhere)


@dataclass(frozen=True)
class Window:
    """From the beginning of a day to the beginning of another."""

    begin: datetime
    end: datetime

    @property
    def weeks(self) -> list[datetime]:
        """The beginning of each week in it."""
        return [self.begin + timedelta(weeks=week) for week in range(WEEKS)]

    def x(self, moment: datetime) -> float:
        """Where a moment stands in the drawing; outside the window, at its edge."""
        part = (moment - self.begin) / (self.end - self.begin)
        return round(LEFT + (WIDTH - LEFT) * min(1.0, max(0.0, part)), 1)


@dataclass(frozen=True)
class Bar:
    """One experiment at one site, drawn: `anchor` is start or end, `inside`: the label's place."""

    run: Run
    share: Decimal
    x: float
    width: float
    y: float
    text_x: float
    text_y: float
    anchor: str
    inside: bool


@dataclass(frozen=True)
class Bed:
    """One site with its bars; `more` counts those that are not drawn."""

    site: str
    y: float
    bars: tuple[Bar, ...]
    more: int


@dataclass(frozen=True)
class Meeting:
    """Two experiments that share sites for a time.

    `apart`: one layer keeps every subject out of one of them. `share` is the largest part of one
    site's subjects that is in both, 0 to 1, where nothing keeps them apart. Layers and holdouts
    draw each for itself; a holdout of both keeps the same people out of either.
    """

    one: Run
    other: Run
    sites: tuple[str, ...]
    begin: datetime
    end: datetime
    apart: bool
    share: Decimal


LabelOf = Callable[[Run, Decimal], str]


def first_day(today: date) -> date:
    """The Monday from which a window shows two weeks of the past."""
    return today - timedelta(days=today.weekday() + 14)


def sites_of(runs: Iterable[Run]) -> list[str]:
    """Every site that one of them names, by name."""
    return sorted({site for run in runs for site, share in run.shares.items() if share})


def at(site: str, runs: Iterable[Run]) -> list[Run]:
    """Those that run at a site, by their begin."""
    found = (run for run in runs if run.share(site))
    return sorted(found, key=lambda run: (run.begin, run.name.casefold(), run.machine_name))


def beds(sites: Sequence[str], runs: Sequence[Run], window: Window, label: LabelOf) -> list[Bed]:
    """Each site's bars, one below the other."""
    found: list[Bed] = []
    y = _TOP + 9
    for site in sites:
        here = at(site, runs)
        bars = tuple(
            _bar(run, run.share(site), y + 7 + _ROW * row, window, label(run, run.share(site)))
            for row, run in enumerate(here[:MOST_ROWS])
        )
        found.append(Bed(site, round(y, 1), bars, max(0, len(here) - MOST_ROWS)))
        y += _ROW * max(1, len(bars)) + _GAP
    return found


def height(found: Sequence[Bed]) -> float:
    """How high the drawing of these is."""
    if not found:
        return _TOP
    last = found[-1]
    return last.y + _ROW * max(1, len(last.bars)) + _GAP


def meetings(sites: Sequence[str], runs: Sequence[Run]) -> list[Meeting]:
    """Every two that share one of these sites for a time: those that really meet first."""
    shared: dict[tuple[str, str], list[str]] = {}
    by_name = {run.machine_name: run for run in runs}
    for site in sites:
        together = [run for run in at(site, runs)[:MOST_ROWS] if not run.is_apart]
        for one, other in combinations(together, 2):
            if max(one.begin, other.begin) < min(one.end, other.end):
                shared.setdefault((one.machine_name, other.machine_name), []).append(site)
    found = [_meeting(by_name[a], by_name[b], tuple(named)) for (a, b), named in shared.items()]
    return sorted(found, key=lambda m: (m.apart, -m.share, m.begin, m.one.name, m.other.name))


def _meeting(one: Run, other: Run, sites: tuple[str, ...]) -> Meeting:
    apart = bool(one.layer) and one.layer == other.layer
    left = prod(1 - share for share in {**one.held_out, **other.held_out}.values())
    left *= one.layer_share * other.layer_share
    most = max(one.share(site) * other.share(site) for site in sites)
    share = Decimal(f"{left * most:.2g}")
    begin, end = max(one.begin, other.begin), min(one.end, other.end)
    return Meeting(one, other, sites, begin, end, apart, Decimal(0) if apart else share)


def _bar(run: Run, share: Decimal, y: float, window: Window, label: str) -> Bar:
    begin = window.x(run.begin)
    width = max(3.0, round(window.x(run.end) - begin, 1))
    long = _LETTER * len(label) + 2 * _PAD
    inside = long <= width
    after = begin + width + long <= WIDTH
    text_x = begin + _PAD if inside else begin + width + 6 if after else begin - 6
    return Bar(
        run=run,
        share=share,
        x=begin,
        width=width,
        y=round(y, 1),
        text_x=round(text_x, 1),
        text_y=round(y + 18, 1),
        anchor="start" if inside or after else "end",
        inside=inside,
    )
