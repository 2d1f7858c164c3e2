"""What the pages show of an experiment's latest report: words, tones and texts, no cell empty.

The adapter between the lab's report and the pages; the pages know nothing else of analysis.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from allotment.registry.interval_plot import Row


@dataclass(frozen=True)
class GroupRow:
    """One group's counts as texts."""

    name: str
    subjects: str
    impressions: str
    clicks: str
    rate: str


@dataclass(frozen=True)
class ComparisonRow:
    """One group against control as texts, and how to read it."""

    name: str
    difference: str
    difference_interval: str
    lift: str
    lift_interval: str
    tone: str
    icon: str
    reading: str


@dataclass(frozen=True)
class Results:
    """A report as the results page shows it."""

    word: str
    tone: str
    icon: str
    sentence: str
    why: str
    health_word: str
    health_tone: str
    health_icon: str
    health_headline: str
    health_text: str
    total: int
    groups: tuple[GroupRow, ...]
    comparisons: tuple[ComparisonRow, ...]
    withheld: bool
    made: datetime | None
    inputs: tuple[tuple[str, str], ...]
    plot_rows: tuple[Row, ...]


def page(name: str, subjects: str) -> Results | None:
    """The latest report of an experiment; None where there is none yet."""
    del name, subjects
    return None
