"""Tests on moments and counts; no rows come here.

"Cannot say" is None, never NaN: an estimate whose uncertainty is unknown or would be claimed to be
zero is none. The libraries that compute take more than a second to load, so each is imported where
it computes: pages that show what was computed need none of them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from allotment.analysis.moments import Moments

if TYPE_CHECKING:
    from tea_tasting.aggr import Aggregates

CONFIDENCE = 0.95
UNEVEN_BELOW = 0.001
"""An even split comes out so uneven less than once in a thousand experiments."""
_LEAST_EXPECTED = 5.0
_LEAST_SUBJECTS = 2


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with the bounds of its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RatioComparison:
    """A treatment's ratio against the control's: absolute, and relative to the control's."""

    difference: Interval
    lift: Interval
    p_value: float


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Whether groups are as large as their weights say; None where that cannot be said."""

    p_value: float | None
    healthy: bool | None


def sample_ratio(subjects: Sequence[int], weights: Sequence[int]) -> SampleRatio:
    """Pearson's chi-square test of the group sizes against the weights.

    Without a continuity correction. A group of which fewer than 5 subjects were to be expected, or
    a single group, leaves it unsaid.

    Source: Fabijan et al. (2019), "Diagnosing Sample Ratio Mismatch in Online Controlled
    Experiments".
    """
    total, parts = sum(subjects), sum(weights)
    expected = [total * weight / parts for weight in weights]
    if len(subjects) < _LEAST_SUBJECTS or min(expected) < _LEAST_EXPECTED:
        return SampleRatio(None, None)
    from scipy.stats import chisquare  # noqa: PLC0415

    p_value = float(chisquare(subjects, expected).pvalue)
    return SampleRatio(p_value, p_value >= UNEVEN_BELOW)


def compare_ratios(
    control: Moments, treatment: Moments, confidence: float = CONFIDENCE
) -> RatioComparison | None:
    """Difference and lift of a ratio of sums between two groups, by the delta method.

    The variance of the ratio comes from the subjects' variances and covariance; Welch's t. The
    interval of the lift is built on the logarithm of the ratio of the two.

    Returns:
        None (cannot say) where a group has fewer than two subjects, an empty numerator or
        denominator, or no variance.

    Source: Deng, Knoblich, Lu (2018), "Applying the Delta Method in Metric Analytics".
    """
    if not (_has_evidence(control) and _has_evidence(treatment)):
        return None
    from tea_tasting.metrics.mean import RatioOfMeans  # noqa: PLC0415

    metric = RatioOfMeans(
        "numerator",
        "denominator",
        alternative="two-sided",
        confidence_level=confidence,
        equal_var=False,
        use_t=True,
    )
    with warnings.catch_warnings():
        # The digits that overflow or divide by zero end as "cannot say" below.
        warnings.simplefilter("ignore", RuntimeWarning)
        found = metric.analyze_aggregates(_aggregates(control), _aggregates(treatment))
    comparison = RatioComparison(
        difference=Interval(
            float(found.effect_size),
            float(found.effect_size_ci_lower),
            float(found.effect_size_ci_upper),
        ),
        lift=Interval(
            float(found.rel_effect_size),
            float(found.rel_effect_size_ci_lower),
            float(found.rel_effect_size_ci_upper),
        ),
        p_value=float(found.pvalue),
    )
    return comparison if _is_finite(comparison) else None


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values that keep the chance of any false positive below the level.

    Source: Holm (1979), "A Simple Sequentially Rejective Multiple Test Procedure".
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, index in enumerate(order):
        highest = max(highest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = highest
    return adjusted


def _has_evidence(moments: Moments) -> bool:
    return (
        moments.subjects >= _LEAST_SUBJECTS
        and moments.numerator_sum > 0
        and moments.denominator_sum > 0
        and _ratio_variance(moments) > 0
    )


def _ratio_variance(moments: Moments) -> float:
    """The variance of one subject's part in the ratio, times the denominator's squared mean."""
    if (
        moments.numerator_variance is None
        or moments.denominator_variance is None
        or moments.covariance is None
    ):
        return 0.0
    ratio = moments.numerator_mean / moments.denominator_mean
    variance = (
        moments.numerator_variance
        - 2 * ratio * moments.covariance
        + ratio**2 * moments.denominator_variance
    )
    # Where every subject has the same ratio only rounding is left.
    scale = moments.numerator_variance + ratio**2 * moments.denominator_variance
    return variance if variance > scale * 1e-12 else 0.0


def _aggregates(moments: Moments) -> Aggregates:
    from tea_tasting.aggr import Aggregates  # noqa: PLC0415

    return Aggregates(
        count_=moments.subjects,
        mean_={"numerator": moments.numerator_mean, "denominator": moments.denominator_mean},
        var_={
            "numerator": moments.numerator_variance or 0.0,
            "denominator": moments.denominator_variance or 0.0,
        },
        cov_={("numerator", "denominator"): moments.covariance or 0.0},
    )


def _is_finite(comparison: RatioComparison) -> bool:
    numbers = [comparison.p_value]
    for interval in (comparison.difference, comparison.lift):
        numbers += [interval.value, interval.low, interval.high]
    return all(map(math.isfinite, numbers))
