"""The metric catalogue: what is measured, of whom, from which events."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RatioMetric:
    """Events of one action for each event of another, with the subject as the unit.

    Subjects are what was randomized and events of one subject are alike, so the uncertainty is that
    of subjects (delta method), not of events.
    """

    name: str
    version: int
    title: str
    numerator_action: str
    denominator_action: str


CLICK_THROUGH_RATE = RatioMetric(
    name="click_through_rate",
    version=1,
    title="Click-through rate: clicks per impression",
    numerator_action="click",
    denominator_action="impression",
)

METRICS = (CLICK_THROUGH_RATE,)
