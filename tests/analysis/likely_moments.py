"""What a group of an experiment amounts to, made up: counts that are given, variances as likely."""

from __future__ import annotations

from allotment.analysis.moments import Moments


def moments(subjects: int, clicks: int, impressions: int) -> Moments:
    """The moments of a click-through rate; of nobody nothing."""
    if not subjects:
        return Moments()
    return Moments(
        subjects=subjects,
        numerator_sum=clicks,
        denominator_sum=impressions,
        numerator_mean=clicks / subjects,
        denominator_mean=impressions / subjects,
        numerator_variance=0.3,
        denominator_variance=0.5,
        covariance=0.1,
    )
