"""Which word, and when."""

import pytest

from allotment.analysis.statistics import Interval, RatioComparison, SampleRatio
from allotment.analysis.verdict import WORDS, Verdict, decide

HEALTHY = SampleRatio(0.5, healthy=True)


def result(change: float, p_value: float) -> RatioComparison:
    lift = Interval(change, change - 0.1, change + 0.1)
    return RatioComparison(
        Interval(change / 10, change / 10 - 0.01, change / 10 + 0.01), lift, p_value
    )


def verdict(
    *results: RatioComparison | None,
    over: bool = True,
    ratio: SampleRatio = HEALTHY,
    size: int = 900,
) -> Verdict:
    names = ["control", *(f"t{n}" for n in range(1, len(results) + 1))]
    found = decide(
        rates=dict.fromkeys(names, 0.2),
        subjects=dict.fromkeys(names, size),
        results=dict(zip(names[1:], results, strict=True)),
        sample_ratio=ratio,
        over=over,
    )
    assert found.word in WORDS
    return found


@pytest.mark.parametrize(
    ("change", "p_value", "word"),
    [(0.2, 0.01, "better"), (-0.2, 0.01, "worse"), (0.2, 0.06, "no clear change")],
)
def test_decide__one_treatment_over__by_p_and_sign(
    change: float, p_value: float, word: str
) -> None:
    assert verdict(result(change, p_value)).word == word


def test_decide__running__keep_running_whatever_the_numbers() -> None:
    assert verdict(result(0.5, 1e-9), over=False).word == "keep running"


def test_decide__uneven__no_verdict_over_or_not() -> None:
    uneven = SampleRatio(1e-5, healthy=False)
    assert verdict(result(0.5, 1e-9), ratio=uneven).word == "uneven groups"
    assert verdict(result(0.5, 1e-9), ratio=uneven, over=False).word == "uneven groups"


def test_decide__three_treatments__each_must_hold_together() -> None:
    assert verdict(result(0.2, 0.03), result(0.0, 0.5), result(0.0, 0.6)).word == "no clear change"
    found = verdict(result(0.2, 0.01), result(-0.3, 0.001), result(0.0, 0.6))
    assert found.word == "better"
    assert found.sentence.startswith("t1 is better")


def test_decide__nobody_or_nothing_comparable__no_data() -> None:
    assert verdict(result(0.2, 0.01), size=0).word == "no data"
    assert verdict(None).word == "no data"


def test_decide__worse__sentence_has_both_rates_and_the_range() -> None:
    assert verdict(result(-0.2, 0.01)).sentence == (
        "t1 is worse: click-through is 20.0% in t1 and 20.0% in control, a change of \u221220.0%,"
        " between \u221230.0% and \u221210.0% with 95% confidence."
    )
