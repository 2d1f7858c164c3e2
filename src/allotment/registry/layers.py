"""Layers: experiments of one layer own ranges that never overlap, so they never share a subject.

A range is [begin, end) of the layer's `SPACE` slots. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

SPACE = 2**24
"""How many slots a layer has: the first 24 bits of a subject's hash in the layer."""


@dataclass(frozen=True, order=True)
class Range:
    """Slots from `begin` to before `end`."""

    begin: int
    end: int

    @property
    def width(self) -> int:
        """How many slots it holds."""
        return self.end - self.begin


def slots(share: Decimal) -> int:
    """How many slots a share from 0 to 1 takes; a part of a slot counts as one."""
    return int((share * SPACE).to_integral_value(rounding=ROUND_CEILING))


def gaps(taken: Collection[Range]) -> Iterator[Range]:
    """The free ranges between those that are taken, lowest first."""
    at = 0
    for range_ in sorted(taken):
        if range_.begin > at:
            yield Range(at, range_.begin)
        at = max(at, range_.end)
    if at < SPACE:
        yield Range(at, SPACE)


def lowest_free(width: int, taken: Collection[Range]) -> Range | None:
    """The lowest range of a width that overlaps none; None where there is none."""
    for gap in gaps(taken):
        if gap.width >= width:
            return Range(gap.begin, gap.begin + width)
    return None


def grown(own: Range, width: int, taken: Collection[Range]) -> Range | None:
    """The own range, widened upward and then downward; None where its sides are not free.

    Whoever was in the range stays in it, so growing moves nobody out. A width that is not larger
    leaves it as it is.
    """
    for gap in gaps(taken):
        if gap.begin <= own.begin and own.end <= gap.end:
            end = max(own.end, min(gap.end, own.begin + width))
            begin = min(own.begin, max(gap.begin, end - width))
            return Range(begin, end) if end - begin >= width else None
    return None


def free_share(taken: Collection[Range]) -> Decimal:
    """The largest share that one more experiment can take, 0 to 1, rounded down to 0.01%."""
    widest = max((gap.width for gap in gaps(taken)), default=0)
    return (Decimal(widest) / SPACE).quantize(Decimal("0.0001"), rounding="ROUND_DOWN")
