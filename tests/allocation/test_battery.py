"""The law passes a light form of its statistical battery, and a law that is not fair does not."""

import math

import numpy as np
import pytest
from tests.allocation import battery

from allotment.allocation import threshold

SUBJECTS = [str(number) for number in range(1, 5_001)]
NAMES = [f"experiment-{number}" for number in range(25)]


def test_battery__ids_in_a_row__law_is_fair() -> None:
    figures = list(battery.battery(SUBJECTS, NAMES, "ids in a row"))
    assert len(figures) == 7
    assert [figure.kind for figure in figures if not figure.passes] == []
    assert len(figures[2].p_values) == 25 * 24 // 2


def unfair(kind: str) -> list[battery.Figure]:
    """Figures of heads in which each experiment has the same fault."""
    heads = np.stack([battery.first_bits(SUBJECTS, name) for name in NAMES])
    arms = (heads * 4) >> 24
    if kind == "uneven":
        bins = [np.bincount((row * 15 // 16) >> 16, minlength=256) for row in heads]
        return [battery.Figure(kind, battery.goodness(np.stack(bins)))]
    if kind == "one experiment tells of another":
        arms[7] = np.where(np.arange(len(SUBJECTS)) % 10 == 0, arms[3], arms[7])
        return [battery.Figure(kind, battery.pairwise(arms.astype(np.int8), 4))]
    in_turn = np.where(np.arange(len(SUBJECTS)) % 10 == 0, np.arange(len(SUBJECTS)) % 4, arms)
    return [battery.Figure(kind, np.array([battery.serial(np.sort(row)) for row in in_turn]))]


@pytest.mark.parametrize(
    "kind", ["uneven", "one experiment tells of another", "one id and the next"]
)
def test_battery__unfair_law__fails(kind: str) -> None:
    assert not any(figure.passes for figure in unfair(kind))


@pytest.mark.parametrize("total", [1, 2, 3, 7, 100, 999, 4_096, 1 << 20])
@pytest.mark.parametrize("rate", [0.0, 0.01, 0.5, 1.0])
def test_exact_shares__every_h__sample_says_nothing_of_the_group(total: int, rate: float) -> None:
    found = battery.exact_shares(total, rate)
    assert found.unevenness <= 1
    # Remainders are multiples of the greatest common divisor: the rate is rounded up to one.
    step = math.gcd(total, 1 << 24)
    rounded = -(-threshold(rate) // step) * step
    assert found.realized == pytest.approx(rounded / (1 << 24), abs=total / (1 << 24))
