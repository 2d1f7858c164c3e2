"""The law itself: placement, thresholds, shares, and that traffic only ever rises."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from allotment.allocation import draw, group_index, in_sample, subject_hash, threshold

RATES = st.floats(min_value=0, max_value=1, allow_subnormal=True)
WEIGHTS = st.lists(st.integers(0, 1000), min_size=1, max_size=10).filter(any)


@pytest.mark.parametrize(
    ("rate", "count"),
    [(0, 0), (1, 1 << 24), (0.5, 1 << 23), (2.0**-24, 1), (5e-324, 1), (3 * 2.0**-25, 2)],
)
def test_threshold__known_rate__counts_remainders(rate: float, count: int) -> None:
    assert threshold(rate) == count


@pytest.mark.parametrize("rate", [-0.1, 1.0000001, math.nan, math.inf])
def test_threshold__no_rate__says_which(rate: float) -> None:
    with pytest.raises(ValueError, match=str(rate)):
        threshold(rate)


@pytest.mark.parametrize(
    ("subject", "experiment", "prefix", "slot", "within"),
    [
        ("2", "foo", "377195904c99497c", 0, 0.4332),
        ("2", "bar", "92bd577d056dc2d6", 1, 0.1464),
        ("321", "logged-in-experiment-1", "9b6a4e7d98cd96a4", 1, 0.2142),
        ("321", "logged-in-experiment-2", "94d25f0b2bd16c79", 1, 0.1627),
    ],
)
def test_draw__published_vectors__agree(
    subject: str, experiment: str, prefix: str, slot: int, within: float
) -> None:
    drawn = draw(subject, experiment, 2)
    assert drawn.subject_hash.startswith(prefix)
    assert drawn.slot == slot
    assert drawn.remainder / (1 << 24) == pytest.approx(within, abs=1e-4)


@pytest.mark.parametrize(
    ("subject", "like"),
    [
        ("\ud800", "\ufffd"),
        ("a\ud800b", "a\ufffdb"),
        ("\ud800\ud800", "\ufffd\ufffd"),
        ("\ud800😀", "\ufffd😀"),
        ("\ud83d\ude00", "😀"),
    ],
)
def test_subject_hash__lone_surrogate__counts_as_replacement(subject: str, like: str) -> None:
    assert subject_hash(subject, "e") == subject_hash(like, "e")


@given(subject=st.text(), experiment=st.text(), rates=st.tuples(RATES, RATES), weights=WEIGHTS)
def test_law__rate_raised__moves_nobody(
    subject: str, experiment: str, rates: tuple[float, float], weights: list[int]
) -> None:
    low, high = sorted(rates)
    drawn = draw(subject, experiment, sum(weights))
    if drawn.remainder < threshold(low):
        assert drawn.remainder < threshold(high)
    # The group is a function of the slot alone, and that does not know the rate.
    assert weights[group_index(drawn.slot, weights)] > 0


@pytest.mark.parametrize("weights", [[1, 1], [1, 2], [1, 99], [5, 0, 7], [1] * 10, [33, 33, 34]])
@pytest.mark.parametrize("rate", [1.0, 0.3])
def test_law__sequential_ids__shares_follow_weights(weights: list[int], rate: float) -> None:
    found = [0] * len(weights)
    count = 20_000
    for number in range(count):
        drawn = draw(str(number), "shares", sum(weights))
        if drawn.remainder < threshold(rate):
            found[group_index(drawn.slot, weights)] += 1
    assert [n == 0 for n in found] == [w == 0 for w in weights]
    taken = [(n, w) for n, w in zip(found, weights, strict=True) if w]
    expected = [w * sum(found) / sum(weights) for _, w in taken]
    assert chisquare([n for n, _ in taken], expected).pvalue > 0.001
    assert (
        chisquare([sum(found), count - sum(found)], [count * rate, count * (1 - rate)]).pvalue
        > (0.001)
        if rate < 1
        else sum(found) == count
    )


def test_group_index__slot_beyond_weights__says_so() -> None:
    with pytest.raises(ValueError, match="slot 3 is not below the sum of the weights, 3"):
        group_index(3, [1, 2])


@given(unit=st.text("0123456789abcdef", min_size=20, max_size=20), rates=st.tuples(RATES, RATES))
def test_in_sample__rate_raised__is_nested(unit: str, rates: tuple[float, float]) -> None:
    low, high = sorted(rates)
    assert not in_sample(unit, low) or in_sample(unit, high)


def test_in_sample__not_a_number__nobody() -> None:
    assert not in_sample("0" * 20, math.nan)
