"""Makes `sampling.json`: which pageviews and sessions are in the sample of an instrument.

An oracle for every language's sampling. It imports no implementation: it reads the id digit by
digit, divides as a fraction and rounds once, as IEEE 754 division does. It always writes the same
bytes.

Run it as `python vectors/make_sampling.py`.
"""

# ruff: noqa: RUF001 - digits that look like others are what this is about

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

from case_files import Dice, document, write

COUNT = 1_500
LAW = (
    "in iff rate = 1, or 0 < rate < 1 and the unit's id begins with eight hexadecimal digits, of"
    " either case, that as a whole number over 2^32 - 1, rounded to a double, are below the rate"
)
DIGITS = "0123456789abcdef"
HALF = "80000000000000000000"
BY_HAND: list[tuple[str, float]] = [
    *[("00000000000000000000", rate) for rate in (0, 0.0, 1e-9, 5e-324, 0.5, 1, 1.0, -0.5, 1.5)],
    *[("7fffffffffffffffffff", rate) for rate in (0.4999999998, 0.49999999988, 0.4999999999, 0.5)],
    *[(HALF, rate) for rate in (0.5, 0.50000000011, 0.50000000012, 0.5000000002)],
    *[("eeeeeeeeeeeeeeeeeeee", rate) for rate in (0.9333333333, 0.93333334, 14 / 15)],
    *[("0123456789abcdef0123", rate) for rate in (0.0044444, 0.00444444, 0.0044445)],
    *[("ffffffffffffffffffff", rate) for rate in (0.9999999999, 1 - 2.0**-53, 1, 0.5)],
    *[("fffffffe000000000000", rate) for rate in (0.9999999999, 0.99999999976, 0.9999999997)],
    *[("FFFFFFFFFFFFFFFFFFFF", rate) for rate in (0.9999999999, 1)],
    *[(text, 0.5) for text in ("ABCDEF0123", "0ABCDEF123", "0AbCdEf", "", "0", "0000000")],
    *[(text, 0.5) for text in ("00000000", "0000000g", "0x000000", "-0000000", "+0000000")],
    *[(text, 0.5) for text in (" 0000000", "0000000 ", "0000000\n", "\n00000000", "0000_000")],
    *[(text, 0.5) for text in ("00000000\n", "00000000 and more", "1e000000", "1E000000")],
    *[(text, 0.5) for text in ("０0000000", "٠0000000", "0000000é", "é0000000", "🌱0000000")],
    *[("not hexadecimal", rate) for rate in (0.5, 1, 0, 0.999)],
    *[("", rate) for rate in (1, 0)],
]


def judge(unit_id: str, rate: float) -> dict[str, object]:
    """The case with what the law says of it."""
    return {"id": unit_id, "rate": rate, "in": is_in(unit_id, rate)}


def is_in(unit_id: str, rate: float) -> bool:
    """Whether a unit is in a sample."""
    if rate == 1:
        return True
    if not 0 < rate < 1:
        return False
    number = 0
    for place in range(8):
        digit = DIGITS.find(unit_id[place : place + 1].lower() or "?")
        if digit < 0:
            return False
        number = number * 16 + digit
    # A fraction becomes the nearest double, as a division of two doubles does.
    return float(Fraction(number, 2**32 - 1)) < rate


def cases() -> Iterator[dict[str, object]]:
    """Those by hand, units at their own border, then a mix of ids and rates."""
    yield from (judge(unit_id, rate) for unit_id, rate in BY_HAND)
    dice = Dice("allotment/sampling/1")
    made = len(BY_HAND)
    for _ in range(150):
        number = dice.below(1 << 32)
        unit_id = f"{number:08x}{dice.below(1 << 48):012x}"
        border = float(Fraction(number, 2**32 - 1))
        for rate in (math.nextafter(border, 0), border, math.nextafter(border, 1), number / 2**32):
            made += 1
            yield judge(unit_id, rate)
    while made < COUNT:
        made += 1
        unit_id = f"{dice.below(1 << 80):020x}"
        yield judge(unit_id, dice.pick([0.001, 0.01, 0.05, 0.1, 0.5, dice.below(1 << 53) / 2**53]))


if __name__ == "__main__":
    write("sampling.json", document(LAW, cases()))
