"""The picture of what arrives: events by hour, one line a part, drawn twice. Pure geometry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from allotment.registry import numbers
from allotment.registry.beds import COLORS

BROAD, SLIM = (740.0, 180.0), (310.0, 150.0)
_LEFT, _RIGHT, _TOP, _FOOT = 52.0, 8.0, 12.0, 26.0
_DASHES = ("", "6 3", "2 3", "8 3 2 3")
_HOURS = 24
_TICKS = 6
_HOUR = timedelta(hours=1)
_MOST_LINES = 4


@dataclass(frozen=True)
class Line:
    """One part's line: its points for both drawings, its color and its dashes."""

    name: str
    broad: str
    slim: str
    color: str
    dash: str


@dataclass(frozen=True)
class Tick:
    """One mark of an axis: where it stands, in the broad and in the slim drawing."""

    broad: float
    slim: float
    text: str


@dataclass(frozen=True)
class HourPlot:
    """The whole picture."""

    lines: tuple[Line, ...]
    hours: tuple[Tick, ...]
    counts: tuple[Tick, ...]


def draw(
    hours: Sequence[tuple[datetime, Mapping[str, int]]],
    parts: Sequence[str],
    now: datetime,
    clock: Mapping[datetime, str],
) -> HourPlot:
    """Lay out the last 24 hours, the present one last.

    Args:
        hours: each hour's beginning with its counts; an hour without events may be missing.
        parts: whose lines are drawn, in the order of their colors; four at most are.
        now: the moment, for the last hour.
        clock: what to call an hour, by its beginning.
    """
    last = now.replace(minute=0, second=0, microsecond=0)
    begins = hours_until(last)
    counts = {begin: dict(found) for begin, found in hours}
    top = nice(max((n for found in counts.values() for n in found.values()), default=0))
    lines = []
    for index, part in enumerate(parts[:_MOST_LINES]):
        values = [counts.get(begin, {}).get(part, 0) for begin in begins]
        broad, slim = (_points(values, top, size) for size in (BROAD, SLIM))
        lines.append(Line(part, broad, slim, COLORS[index], _DASHES[index]))
    every = _HOURS // _TICKS
    return HourPlot(
        lines=tuple(lines),
        hours=tuple(
            Tick(_x(place, BROAD), _x(place, SLIM), clock.get(begins[place], ""))
            for place in range(every - 1, _HOURS, every)
        ),
        counts=tuple(
            Tick(_y(value, top, BROAD), _y(value, top, SLIM), numbers.whole(value))
            for value in (0, top // 2, top)
        ),
    )


def hours_until(last: datetime) -> list[datetime]:
    """The beginnings of the 24 hours of which this is the last."""
    return [last - _HOUR * back for back in reversed(range(_HOURS))]


def nice(most: int) -> int:
    """The least round, even number that is not below a count, and 2 at least."""
    scale = 1
    while True:
        for step in (2, 4, 10):
            if step * scale >= most:
                return step * scale
        scale *= 10


def _points(values: Sequence[int], top: int, size: tuple[float, float]) -> str:
    return " ".join(f"{_x(at, size)},{_y(value, top, size)}" for at, value in enumerate(values))


def _x(place: int, size: tuple[float, float]) -> float:
    return round(_LEFT + (size[0] - _LEFT - _RIGHT) * place / (_HOURS - 1), 1)


def _y(value: int, top: int, size: tuple[float, float]) -> float:
    return round(_TOP + (size[1] - _TOP - _FOOT) * (1 - value / top), 1)
