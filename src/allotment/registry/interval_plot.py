"""The picture of a comparison: each group's change against control, with its intervals.

Drawn on the server from a Vega-Lite specification, wide for a desk and slim for a phone; colors
are variables of the stylesheet, so that one drawing serves light and dark.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.utils.formats import get_format
from django.utils.translation import get_language, gettext, override

_ROOM = 1.15
# The drawing is one picture with one sentence; its parts would be announced as pictures unnamed.
_SPOKEN_PART = re.compile(r' (?:role|aria-[a-z]+)="[^"]*"')
_FINE = 0.1


@dataclass(frozen=True)
class _Form:
    """The measures of one of the two drawings, in the pixels of its own width."""

    plot_width: int
    side: int
    row_height: int
    label_rise: int
    ticks: int


_BROAD = _Form(plot_width=690, side=200, row_height=44, label_rise=0, ticks=7)
_SLIM = _Form(plot_width=306, side=2, row_height=64, label_rise=-18, ticks=4)


@dataclass(frozen=True)
class Row:
    """One group: relative change and the bounds of its 95% interval, as shares (0.034 is 3.4%)."""

    label: str
    value: float
    low: float
    high: float
    settled: bool
    text: str


@dataclass(frozen=True)
class Plot:
    """The two drawings, ready for the page."""

    broad: str
    slim: str


def draw(rows: tuple[Row, ...]) -> Plot:
    """Both forms, in the reader's language.

    The first call of a process takes about half a second, later ones 0.1 s.
    """
    return _drawn(rows, get_language() or "en")


@lru_cache(maxsize=64)
def _drawn(rows: tuple[Row, ...], language: str) -> Plot:
    with override(language):
        return Plot(
            broad=_svg(_specification(rows, slim=False), "broad", rows),
            slim=_svg(_specification(rows, slim=True), "slim", rows),
        )


def _svg(specification: dict[str, Any], form: str, rows: tuple[Row, ...]) -> str:
    import vl_convert  # noqa: PLC0415 - loads a script engine, which only this page needs

    drawn: str = vl_convert.vegalite_to_svg(
        specification, vl_version="5.20", format_locale=_number_locale()
    )
    drawn = _SPOKEN_PART.sub("", drawn)
    start = drawn.index('class="marks"')
    said = "; ".join(f"{row.label} {row.text}" for row in rows)
    told = gettext("Change against control with 95 percent range: %(said)s") % {"said": said}
    label = _escaped(told)
    return (
        drawn[:start]
        + f'class="{form}" role="img" aria-label="{label}"'
        + drawn[start + len('class="marks"') :]
    )


def _number_locale() -> dict[str, Any]:
    """How the axis writes numbers, as d3-format wants to know it."""
    return {
        "decimal": get_format("DECIMAL_SEPARATOR"),
        "thousands": get_format("THOUSAND_SEPARATOR"),
        "grouping": [3],
        "currency": ["", ""],
    }


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def _specification(rows: tuple[Row, ...], *, slim: bool) -> dict[str, Any]:
    form = _SLIM if slim else _BROAD
    reach = _ROOM * max(max(abs(row.low), abs(row.high)) for row in rows) or 0.01
    values = [
        {
            "group": row.label,
            "value": row.value,
            "low": row.low,
            "high": row.high,
            "text": row.text,
            "kind": "settled" if row.settled else "open",
        }
        for row in rows
    ]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": values},
        "width": form.plot_width,
        "height": form.row_height * len(rows),
        "padding": {"left": form.side, "right": form.side, "top": 4, "bottom": 46},
        "autosize": {"type": "none"},
        "background": None,
        "layer": [*_marks(reach, form), *_labels(form)],
        "config": {
            "view": {"stroke": None},
            "axis": {
                "gridColor": "var(--plot-grid)",
                "labelColor": "var(--muted)",
                "titleColor": "var(--muted)",
                "labelFontSize": 12.5,
                "titleFontSize": 12.5,
                "titleFontWeight": 400,
                "titlePadding": 8,
                "labelPadding": 6,
            },
        },
    }


_Y: dict[str, Any] = {"field": "group", "type": "nominal", "sort": None, "axis": None}


def _marks(reach: float, form: _Form) -> list[dict[str, Any]]:
    """The zero line; then each interval as a line with ends, and its estimate as a point."""
    digits = 1 if reach < _FINE else 0
    domain = ["settled", "open"]
    color = {
        "field": "kind",
        "type": "nominal",
        "legend": None,
        "scale": {"domain": domain, "range": ["var(--plot-a)", "var(--plot-control)"]},
    }
    fill = {**color, "scale": {"domain": domain, "range": ["var(--plot-a)", "var(--surface)"]}}
    x = {
        "type": "quantitative",
        "scale": {"domain": [-reach, reach], "nice": False},
        "axis": {
            "title": gettext("Change against control"),
            "labelExpr": f"datum.value === 0 ? '0%' : format(datum.value, '+.{digits}%')",
            "tickCount": form.ticks,
            "grid": True,
            "domain": False,
            "ticks": False,
        },
    }
    line = {"x": {**x, "field": "low"}, "x2": {"field": "high"}, "y": _Y, "color": color}
    return [
        {"mark": {"type": "rule", "color": "var(--ink)"}, "encoding": {"x": {**x, "datum": 0}}},
        {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": line},
        *(
            {
                "mark": {"type": "tick", "thickness": 2, "size": 12},
                "encoding": {"x": {**x, "field": bound}, "y": _Y, "color": color},
            }
            for bound in ("low", "high")
        ),
        {
            "mark": {"type": "point", "size": 90, "strokeWidth": 2, "opacity": 1},
            "encoding": {"x": {**x, "field": "value"}, "y": _Y, "stroke": color, "fill": fill},
        },
    ]


def _labels(form: _Form) -> list[dict[str, Any]]:
    """The group's name and its numbers: beside the plot, or above the line on a phone."""
    places = (
        ("group", "left", -form.side, 600),
        ("text", "right", form.plot_width + form.side, 400),
    )
    return [
        {
            "mark": {
                "type": "text",
                "align": align,
                "dy": form.label_rise,
                "baseline": "middle",
                "color": "var(--ink)",
                "fontSize": 12.5,
                "fontWeight": weight,
            },
            "encoding": {"text": {"field": field}, "x": {"value": x}, "y": _Y},
        }
        for field, align, x, weight in places
    ]
