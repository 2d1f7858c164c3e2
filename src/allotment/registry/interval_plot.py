"""The picture of a comparison: each group's change against control, with its intervals.

Drawn on the server from a Vega-Lite specification, wide for a desk and slim for a phone; colours
are variables of the stylesheet, so that one drawing serves light and dark.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_BROAD_WIDTH = 1090
_SLIM_WIDTH = 310
_ROOM = 1.15


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


@lru_cache(maxsize=64)
def draw(rows: tuple[Row, ...]) -> Plot:
    """Both forms. The first call of a process takes about half a second, later ones 0.1 s."""
    return Plot(
        broad=_svg(_specification(rows, slim=False), "broad", rows),
        slim=_svg(_specification(rows, slim=True), "slim", rows),
    )


def _svg(specification: dict[str, Any], form: str, rows: tuple[Row, ...]) -> str:
    import vl_convert  # noqa: PLC0415 - loads a script engine, which only this page needs

    drawn: str = vl_convert.vegalite_to_svg(specification, vl_version="5.20")
    start = drawn.index('class="marks"')
    said = "; ".join(f"{row.label} {row.text}" for row in rows)
    label = f"Change against control with 95 percent interval: {_escaped(said)}"
    return (
        drawn[:start]
        + f'class="{form}" role="img" aria-label="{label}"'
        + drawn[start + len('class="marks"') :]
    )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def _specification(rows: tuple[Row, ...], *, slim: bool) -> dict[str, Any]:
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
    color: dict[str, Any] = {
        "field": "kind",
        "type": "nominal",
        "legend": None,
        "scale": {
            "domain": ["settled", "open"],
            "range": ["var(--plot-a)", "var(--plot-control)"],
        },
    }
    fill = {**color, "scale": {**color["scale"], "range": ["var(--plot-a)", "var(--surface)"]}}
    x = {
        "type": "quantitative",
        "scale": {"domain": [-reach, reach], "nice": False},
        "axis": {
            "title": "Change against control",
            "format": "+.1%" if reach < 0.1 else "+.0%",  # noqa: PLR2004
            "tickCount": 4 if slim else 7,
            "grid": True,
            "domain": False,
            "ticks": False,
        },
    }
    y: dict[str, Any] = {"field": "group", "type": "nominal", "sort": None, "axis": None}
    layers: list[dict[str, Any]] = [
        {"mark": {"type": "rule", "color": "var(--ink)"}, "encoding": {"x": {"datum": 0}}},
        {
            "mark": {"type": "rule", "strokeWidth": 2},
            "encoding": {
                "x": {**x, "field": "low"},
                "x2": {"field": "high"},
                "y": y,
                "color": color,
            },
        },
        *(
            {
                "mark": {"type": "tick", "thickness": 2, "size": 12},
                "encoding": {"x": {**x, "field": bound}, "y": y, "color": color},
            }
            for bound in ("low", "high")
        ),
        {
            "mark": {"type": "point", "filled": False, "size": 90, "strokeWidth": 2, "opacity": 1},
            "encoding": {"x": {**x, "field": "value"}, "y": y, "stroke": color, "fill": fill},
        },
    ]
    layers += _labels(y, slim=slim)
    side = 0 if slim else 190
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "data": {"values": values},
        "width": (_SLIM_WIDTH if slim else _BROAD_WIDTH) - 2 * side - 24,
        "height": {"step": 64 if slim else 44},
        "padding": {"left": 12 + side, "right": 12 + side, "top": 4, "bottom": 4},
        "autosize": {"type": "none"},
        "background": None,
        "layer": layers,
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


def _labels(y: dict[str, Any], *, slim: bool) -> list[dict[str, Any]]:
    """The group's name and its numbers: beside the plot, or above the line on a phone."""
    size = {"fontSize": 12.5}
    if slim:
        name = {"align": "left", "dy": -18, "x": {"value": 0}}
        text = {"align": "right", "dy": -18, "x": {"value": "width"}}
    else:
        name = {"align": "left", "dy": 0, "x": {"value": -200}}
        text = {"align": "right", "dy": 0, "x": {"value": _BROAD_WIDTH - 202 - 190 - 12}}
    return [
        {
            "mark": {
                "type": "text",
                "align": place["align"],
                "dy": place["dy"],
                "baseline": "middle",
                "color": "var(--ink)",
                "fontWeight": weight,
                **size,
            },
            "encoding": {"text": {"field": field}, "x": place["x"], "y": y},
        }
        for place, field, weight in ((name, "group", 600), (text, "text", 400))
    ]
