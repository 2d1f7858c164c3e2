"""The picture of who takes part: one bar a site, what takes part split by group. Pure geometry."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext

from allotment.registry.plan import ExperimentPlan
from allotment.registry.rules import percent

COLORS = ("var(--plot-control)", "var(--plot-a)", "var(--plot-b)", "var(--plot-c)")
_BAR = 28.0
_GAP = 2.0


@dataclass(frozen=True)
class Strip:
    """One group's part of a bar; `top` is measured from the bar's top."""

    top: float
    height: float
    color: str


@dataclass(frozen=True)
class Bed:
    """One site: its share as text and as a part of the bar, 0 to 1, and each group's strip."""

    site: str
    label: str
    share: float
    broad_top: float
    broad_width: float
    slim_top: float
    slim_width: float
    strips: tuple[Strip, ...]


@dataclass(frozen=True)
class Beds:
    """The whole picture: rows and the heights of its two forms."""

    rows: tuple[Bed, ...]
    groups: tuple[tuple[str, str], ...]
    broad_height: int
    slim_height: int
    spoken: str


BROAD_BAR = 750.0
SLIM_BAR = 310.0


def color(index: int) -> str:
    """The color of a group by its place; groups after the fourth share one."""
    return COLORS[min(index, len(COLORS) - 1)]


def draw(plan: ExperimentPlan, part: Decimal = Decimal(1)) -> Beds:
    """Lay out one bar a site, and one for all other sites where they take part.

    `part` is what layer and holdouts leave of every site, 0 to 1; the traffic is a share of it.
    """
    listed = list(plan.sites)
    if plan.default_rate or not listed:
        listed.append(
            (gettext("all other sites") if listed else gettext("all sites"), plan.default_rate)
        )
    if part != 1:
        listed = [(site, Decimal(f"{rate * part:.3g}")) for site, rate in listed]
    strips = _strips([group.weight for group in plan.groups])
    rows = tuple(
        Bed(
            site=site,
            label=percent(rate),
            share=float(rate),
            broad_top=7 + 40 * index,
            broad_width=round(BROAD_BAR * float(rate), 1),
            slim_top=24 + 62 * index,
            slim_width=round(SLIM_BAR * float(rate), 1),
            strips=strips,
        )
        for index, (site, rate) in enumerate(listed)
    )
    return Beds(
        rows=rows,
        groups=tuple((g.name, color(i)) for i, g in enumerate(plan.groups)),
        broad_height=40 * len(rows) + 2,
        slim_height=62 * len(rows),
        spoken=_spoken(listed, plan),
    )


def _strips(weights: list[int]) -> tuple[Strip, ...]:
    total = sum(weights) or 1
    room = _BAR - _GAP * (len(weights) - 1)
    strips: list[Strip] = []
    top = 0.0
    for index, weight in enumerate(weights):
        height = round(room * weight / total, 2)
        strips.append(Strip(round(top, 2), height, color(index)))
        top += height + _GAP
    return tuple(strips)


def _spoken(listed: list[tuple[str, Decimal]], plan: ExperimentPlan) -> str:
    shares = ", ".join(f"{site} {percent(rate)}" for site, rate in listed)
    groups = ", ".join(f"{group.name} {group.weight}" for group in plan.groups)
    told = gettext(
        "Share of each site that takes part: %(shares)s. Shared out by weight: %(groups)s."
    )
    return told % {"shares": shares, "groups": groups}
