"""Small drawings for the cards: a plot seen from above, another one for each article."""

from __future__ import annotations

from hashlib import sha256

_WIDTH, _HEIGHT = 240, 96
_BEDS = 4
_PALETTES = 4


def plot_drawing(slug: str) -> str:
    """An SVG of four beds with plants in rows; the same for the same article every time.

    Colors come from the stylesheet (classes `d0` … `d3`), so that it fits light and dark.
    """
    chance = list(sha256(slug.encode()).digest())
    beds = "".join(
        _bed(index, chance[3 * index], chance[3 * index + 1], chance[3 * index + 2])
        for index in range(_BEDS)
    )
    return (
        f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-hidden="true" '
        f'preserveAspectRatio="xMidYMid slice">{beds}</svg>'
    )


def _bed(index: int, shape: int, color: int, density: int) -> str:
    left = index * _WIDTH // _BEDS + 5
    width = _WIDTH // _BEDS - 10
    ground = f'<rect class="soil" x="{left}" y="8" width="{width}" height="{_HEIGHT - 16}" rx="4"/>'
    columns, rows = 2 + density % 2, 4 + density // 2 % 2
    plants = "".join(
        _plant(
            shape % 3,
            left + width * (2 * column + 1) / (2 * columns),
            8 + (_HEIGHT - 16) * (2 * row + 1) / (2 * rows),
        )
        for column in range(columns)
        for row in range(rows)
    )
    return f'{ground}<g class="d{color % _PALETTES}">{plants}</g>'


def _plant(shape: int, x: float, y: float) -> str:
    if shape == 0:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
    if shape == 1:
        return f'<path d="M{x:.1f} {y + 6:.1f}q-7 -6 0 -12q7 6 0 12z"/>'
    return f'<path d="M{x - 6:.1f} {y:.1f}q6 -6 12 0q-6 6 -12 0z"/>'
