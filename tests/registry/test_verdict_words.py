"""A verdict's sentence, as the analysis writes it, in the reader's language."""

from __future__ import annotations

import re

import pytest
from django.utils import translation

from allotment.analysis.statistics import Interval, RatioComparison, SampleRatio
from allotment.analysis.verdict import decide
from allotment.registry import verdict_words

HEALTHY, UNEVEN = SampleRatio(0.5, healthy=True), SampleRatio(1e-5, healthy=False)


def written(
    change: float | None = 0.2,
    p_value: float = 0.01,
    *,
    ratio: SampleRatio = HEALTHY,
    size: int = 4100,
    over: bool = True,
    stopped: bool = False,
    rate: float | None = 0.131,
) -> str:
    """What the analysis says."""
    low = Interval(0.1, 0.0, 0.2)
    found = None
    if change is not None:
        found = RatioComparison(low, Interval(change, change - 0.1, change + 0.1), p_value)
    return decide(
        rates={"control": rate, "a-1.5": 0.146},
        subjects={"control": size, "a-1.5": size},
        results={"a-1.5": found},
        sample_ratio=ratio,
        over=over,
        stopped_early=stopped,
    ).sentence


@pytest.mark.parametrize(
    ("sentence", "german"),
    [
        (written(size=0), "noch kein Ereignis"),
        (written(ratio=UNEVEN), "4.100 in control, 4.100 in a-1.5"),
        (written(over=False), "13,1% in control, 14,6% in a-1.5"),
        (written(over=False, rate=None), "nicht bekannt in control"),
        (written(stopped=True), "vor dem geplanten Ende angehalten"),
        (written(None), "Zu wenige Ereignisse"),
        (written(0.2), "a-1.5 ist besser: Die Klickrate ist 14,6% in a-1.5"),
        (written(-0.2), "zwischen \u221230,0% und \u221210,0%"),
        (written(0.2, 0.6), "Keine klare Veränderung"),
    ],
)
def test_sentence__each_that_the_analysis_writes__in_both_languages(
    sentence: str, german: str
) -> None:
    assert verdict_words.sentence(sentence) == (sentence, True)
    with translation.override("de"):
        found, known = verdict_words.sentence(sentence)
    assert known
    assert german in found
    assert not re.search(r"\b(?:the|click-through|is|of)\b", found)


def test_sentence__of_another_version__as_it_was_written() -> None:
    with translation.override("de"):
        assert verdict_words.sentence("All is well.") == ("All is well.", False)
