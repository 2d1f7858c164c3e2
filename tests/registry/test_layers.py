"""Ranges of a layer: the lowest free one, growth that moves nobody, and never an overlap."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from allotment.registry.layers import SPACE, Range, free_share, grown, lowest_free, slots


def test_slots__share__is_rounded_up_and_all_is_all() -> None:
    assert slots(Decimal(1)) == SPACE
    assert slots(Decimal("0.5")) == SPACE // 2
    assert slots(Decimal("0.00000001")) == 1


def test_lowest_free__gap_between_two__is_taken_first() -> None:
    taken = [Range(0, 10), Range(30, 40)]
    assert lowest_free(20, taken) == Range(10, 30)
    assert lowest_free(21, taken) == Range(40, 61)
    assert lowest_free(SPACE, taken) is None
    assert lowest_free(SPACE, []) == Range(0, SPACE)


def test_grown__free_side__upward_first_then_downward() -> None:
    own = Range(10, 20)
    assert grown(own, 15, [Range(30, 40)]) == Range(10, 25)
    assert grown(own, 25, [Range(30, 40)]) == Range(5, 30)
    assert grown(own, 25, [Range(30, 40), Range(0, 8)]) is None
    assert grown(own, 5, []) == own
    assert grown(own, 10, [Range(15, 30)]) is None


def test_free_share__largest_piece__is_told_rounded_down() -> None:
    assert free_share([]) == 1
    assert free_share([Range(0, SPACE // 2)]) == Decimal("0.5")
    assert free_share([Range(0, SPACE)]) == 0


shares = st.decimals(min_value="0.0001", max_value="0.4", places=4)


@given(st.lists(st.tuples(shares, shares), max_size=8))
def test_ranges__any_takers_and_growers__never_overlap_and_nobody_leaves(
    wanted: list[tuple[Decimal, Decimal]],
) -> None:
    owned: list[Range] = []
    for first, more in wanted:
        range_ = lowest_free(slots(first), owned)
        if range_ is None:
            continue
        larger = grown(range_, slots(first + more), owned)
        if larger is not None:
            assert larger.begin <= range_.begin
            assert larger.end >= range_.end
            assert larger.width >= slots(first + more)
            range_ = larger
        owned.append(range_)
        ordered = sorted(owned)
        assert ordered[0].begin >= 0
        assert ordered[-1].end <= SPACE
        assert all(a.end <= b.begin for a, b in pairwise(ordered))
