"""The formulas against published numbers, hand computation and statsmodels."""

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.stats.multitest import multipletests

from allotment.analysis.moments import Moments
from allotment.analysis.statistics import compare_ratios, holm, sample_ratio


def moments_of(x: np.ndarray, y: np.ndarray) -> Moments:
    covariance = np.cov(x, y, ddof=1)
    return Moments(
        subjects=len(x),
        numerator_sum=int(x.sum()),
        denominator_sum=int(y.sum()),
        numerator_mean=float(x.mean()),
        denominator_mean=float(y.mean()),
        numerator_variance=float(covariance[0, 0]),
        denominator_variance=float(covariance[1, 1]),
        covariance=float(covariance[0, 1]),
    )


def clustered(rate: float, subjects: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Events of one subject are alike: readiness to click differs between subjects."""
    dice = np.random.default_rng(seed)
    y = 1 + dice.poisson(8, subjects)
    readiness = dice.beta(2 * rate, 2 * (1 - rate), subjects)
    return dice.binomial(y, readiness), y


@pytest.mark.parametrize(
    ("sizes", "p_value"),
    [((600, 400), 2.54e-10), ((821_588, 815_482), 1.82e-6), ((10_000, 10_050), 0.724)],
)
def test_sample_ratio__published_sizes__published_p(sizes: tuple[int, int], p_value: float) -> None:
    found = sample_ratio(sizes, (1, 1))
    assert found.p_value == pytest.approx(p_value, rel=5e-3)
    assert found.healthy is (p_value > 0.001)


def test_sample_ratio__weights__expected_by_them() -> None:
    assert sample_ratio((900, 100), (9, 1)).p_value == pytest.approx(1.0)
    assert sample_ratio((500, 500), (9, 1)).healthy is False


@pytest.mark.parametrize("sizes", [(0, 0), (4, 5), (100,)])
def test_sample_ratio__too_few_or_one_group__cannot_say(sizes: tuple[int, ...]) -> None:
    found = sample_ratio(sizes, (1,) * len(sizes))
    assert (found.p_value, found.healthy) == (None, None)


def test_compare_ratios__clustered_data__as_by_hand() -> None:
    groups = [clustered(0.20, 3_000, 1), clustered(0.23, 2_500, 2)]
    ratios, variances, sizes = [], [], []
    for x, y in groups:
        ratio = x.sum() / y.sum()
        # The delta method as the variance of the linearized subject: (x - ratio y) / mean(y).
        variances.append(np.var((x - ratio * y) / y.mean(), ddof=1) / len(x))
        ratios.append(ratio)
        sizes.append(len(x))
    error = math.sqrt(sum(variances))
    freedom = sum(variances) ** 2 / sum(
        v**2 / (n - 1) for v, n in zip(variances, sizes, strict=True)
    )
    half = stats.t.ppf(0.975, freedom) * error
    found = compare_ratios(moments_of(*groups[0]), moments_of(*groups[1]))
    assert found is not None
    difference = ratios[1] - ratios[0]
    assert found.difference.value == pytest.approx(difference, rel=1e-12)
    assert found.difference.low == pytest.approx(difference - half, rel=1e-9)
    assert found.difference.high == pytest.approx(difference + half, rel=1e-9)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(difference / error), freedom))
    assert found.lift.value == pytest.approx(ratios[1] / ratios[0] - 1, rel=1e-12)


def test_compare_ratios__clustered_data__as_cluster_robust_regression() -> None:
    """The oracle works on events, with errors clustered by subject."""
    groups = [clustered(0.20, 800, 3), clustered(0.25, 800, 4)]
    outcome, design, subject = [], [], []
    for arm, (xs, ys) in enumerate(groups):
        for number, (x, y) in enumerate(zip(xs, ys, strict=True)):
            outcome += [1.0] * x + [0.0] * (y - x)
            design += [[1.0, float(arm)]] * y
            subject += [arm * 800 + number] * y
    oracle = OLS(np.array(outcome), np.array(design)).fit(
        cov_type="cluster", cov_kwds={"groups": np.array(subject)}
    )
    naive = OLS(np.array(outcome), np.array(design)).fit()
    found = compare_ratios(moments_of(*groups[0]), moments_of(*groups[1]))
    assert found is not None
    half = (found.difference.high - found.difference.low) / 2
    assert found.difference.value == pytest.approx(oracle.params[1], rel=1e-9)
    assert half / 1.96 == pytest.approx(oracle.bse[1], rel=5e-3)
    assert half / 1.96 > 1.5 * naive.bse[1]


def test_compare_ratios__thousand_experiments_without_effect__one_in_twenty_errs() -> None:
    errs = 0
    for seed in range(1_000):
        found = compare_ratios(
            moments_of(*clustered(0.2, 200, 2 * seed)),
            moments_of(*clustered(0.2, 200, 2 * seed + 1)),
        )
        assert found is not None
        errs += not found.difference.low <= 0 <= found.difference.high
    # Binomial(1000, 0.05) lies within these in 99.9% of runs; the seeds are fixed.
    assert 28 <= errs <= 75


GOOD = moments_of(np.array([1, 0, 2, 1]), np.array([3, 2, 4, 1]))
NONE_CLICKED = moments_of(np.array([0, 0, 0]), np.array([3, 2, 4]))
NOTHING_SEEN = moments_of(np.array([0, 0]), np.array([0, 0]))
ALL_ALIKE = moments_of(np.array([1, 1, 1]), np.array([3, 3, 3]))
SAME_RATIO = moments_of(np.array([1, 2, 3]), np.array([3, 6, 9]))
ONE = Moments(1, 1, 2, 1.0, 2.0)


@pytest.mark.parametrize(
    ("control", "treatment"),
    [
        pair
        for pair in product(
            [GOOD, Moments(), NONE_CLICKED, NOTHING_SEEN, ALL_ALIKE, SAME_RATIO, ONE], repeat=2
        )
        if pair != (GOOD, GOOD)
    ],
)
def test_compare_ratios__degenerate__cannot_say(control: Moments, treatment: Moments) -> None:
    assert compare_ratios(control, treatment) is None


def test_compare_ratios__few_but_real__finite() -> None:
    assert compare_ratios(GOOD, GOOD) is not None


def test_holm__several__as_statsmodels() -> None:
    p_values = [0.04, 0.01, 0.03, 0.5]
    assert holm(p_values) == pytest.approx(list(multipletests(p_values, method="holm")[1]))
    assert holm([]) == []
