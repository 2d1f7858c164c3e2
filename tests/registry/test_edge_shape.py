"""Ranges of bins for a content delivery network."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allotment.registry.edge_shape import BINS, bins, document

RATES = st.integers(0, 100_000_000).map(lambda n: Fraction(n, 100_000_000))
WEIGHTS = st.lists(st.integers(1, 1000), min_size=1, max_size=10)


@given(RATES, WEIGHTS)
def test_bins__any_rate_and_weights__disjoint_in_order_and_as_large_as_asked(
    rate: Fraction, weights: list[int]
) -> None:
    found = bins(rate, weights)
    taken = [range_ for range_ in found if range_]
    assert all(0 <= low <= high < BINS for low, high in taken)
    assert all(before[1] < after[0] for before, after in pairwise(taken))
    for range_, weight in zip(found, weights, strict=True):
        size = range_[1] - range_[0] + 1 if range_ else 0
        assert abs(size - rate * weight * BINS / sum(weights)) < 2
        assert bool(size) == bool(rate)


@given(RATES, RATES, WEIGHTS)
def test_bins__rate_raised__nobody_moves_and_nobody_leaves(
    one: Fraction, other: Fraction, weights: list[int]
) -> None:
    low, high = sorted((one, other))
    for before, after in zip(bins(low, weights), bins(high, weights), strict=True):
        if before:
            assert after
            assert after[0] == before[0]
            assert after[1] >= before[1]


@given(WEIGHTS)
def test_bins__everybody__no_gap(weights: list[int]) -> None:
    found = [range_ for range_ in bins(Fraction(1), weights) if range_]
    assert (found[0][0], found[-1][1]) == (0, BINS - 1)
    assert all(before[1] + 1 == after[0] for before, after in pairwise(found))


ITEM: dict[str, Any] = {
    "name": "toc-on-phones",
    "start": "2026-06-01T14:30:00Z",
    "end": "2026-06-15T14:30:00Z",
    "stopped": None,
    "groups": ["control", "treatment"],
    "weights": [1, 3],
    "sample_rate": {"default": 0, "0.1": ["enwiki"], "1": ["frwiki"]},
}
HOSTS = {"enwiki": "en.wikipedia.org", "frwiki": "fr.wikipedia.org", "dewiki": "de.wikipedia.org"}


def test_document__weights_and_rates_by_site__ranges_by_host() -> None:
    assert document(ITEM, HOSTS) == (
        {
            "start": "2026-06-01T14:30:00Z",
            "end": "2026-06-15T14:30:00Z",
            "domains": {
                "en.wikipedia.org": {"groups": {"control": [0, 2499], "treatment": [25000, 32499]}},
                "fr.wikipedia.org": {
                    "groups": {"control": [0, 24999], "treatment": [25000, 99999]}
                },
            },
        },
        (),
    )


def test_document__default_rate__every_known_host_and_zero_stays_out() -> None:
    shaped, nameless = document({**ITEM, "sample_rate": {"default": 1, "0": ["frwiki"]}}, HOSTS)
    assert sorted(shaped["domains"]) == ["de.wikipedia.org", "en.wikipedia.org"]
    assert nameless == ()


def test_document__stopped_early__ends_then_and_site_without_host_is_told() -> None:
    item = {**ITEM, "stopped": "2026-06-02T00:00:00Z"}
    shaped, nameless = document(item, {"enwiki": "en.wikipedia.org", "frwiki": ""})
    assert shaped["end"] == "2026-06-02T00:00:00Z"
    assert nameless == ("frwiki",)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": "short"}, "8 to 63"),
        ({"groups": ["control", "né"]}, "refuses"),
        ({"targeting": {"page_id": {"eq": 1}}}, "targeting"),
        ({"layer": {"name": "search", "begin": 0, "end": 9}}, "layers"),
        ({"holdouts": [{"name": "held-out", "begin": 0, "end": 9}]}, "holdouts"),
        ({"sample_rate": {"default": 0, "1": ["nowiki"]}}, "nowiki have no host name"),
    ],
)
def test_document__what_the_form_cannot_say__refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        document({**ITEM, **change}, HOSTS)
