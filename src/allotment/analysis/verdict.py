"""From numbers to one of seven words and one sentence.

The comparison is planned for the end of the experiment. Read before, its interval would err far
more often than it says (32% of experiments without any effect look decided at one of 50 looks), so
while an experiment runs the word is `keep running`, whatever the numbers; and who stops it when
they look good has looked early too: the word is then `stopped early`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from allotment.analysis.statistics import CONFIDENCE, RatioComparison, SampleRatio, holm

NO_DATA: Final = "no data"
UNEVEN: Final = "uneven groups"
KEEP_RUNNING: Final = "keep running"
STOPPED_EARLY: Final = "stopped early"
BETTER: Final = "better"
WORSE: Final = "worse"
NO_CLEAR_CHANGE: Final = "no clear change"
WORDS: Final = (NO_DATA, UNEVEN, KEEP_RUNNING, STOPPED_EARLY, BETTER, WORSE, NO_CLEAR_CHANGE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One of `WORDS`, and a sentence for people."""

    word: str
    sentence: str


def decide(
    *,
    rates: Mapping[str, float | None],
    subjects: Mapping[str, int],
    results: Mapping[str, RatioComparison | None],
    sample_ratio: SampleRatio,
    over: bool,
    stopped_early: bool = False,
) -> Verdict:
    """The verdict; the first that applies of: no data, uneven groups, keep running, stopped early,
    a decision.

    With several treatments a decision needs its p-value to hold after Holm's correction.

    Args:
        rates: clicks per impression by group, the control first; None without an impression.
        subjects: group sizes.
        results: by treatment the comparison with the control; None: cannot say.
        sample_ratio: the check of the group sizes.
        over: whether the experiment has ended.
        stopped_early: whether it was switched off before its planned end.
    """
    control = next(iter(rates))
    if not any(subjects.values()):
        return Verdict(NO_DATA, "No event of this experiment has reached the lake yet.")
    if sample_ratio.healthy is False:
        sizes = ", ".join(f"{count:,} in {name}" for name, count in subjects.items())
        return Verdict(
            UNEVEN,
            f"The groups are not the size they should be ({sizes}), so there is no verdict; find"
            " out who is missing first.",
        )
    so_far = ", ".join(f"{_percent(rate)} in {name}" for name, rate in rates.items())
    if not over:
        return Verdict(
            KEEP_RUNNING,
            f"Click-through so far: {so_far}. The ranges are valid at the end only; deciding"
            " earlier would mislead.",
        )
    if stopped_early:
        return Verdict(
            STOPPED_EARLY,
            f"It was stopped before its planned end, with click-through at {so_far}. The ranges"
            " are valid at that end only, so they decide nothing.",
        )
    known = {name: result for name, result in results.items() if result is not None}
    if not known:
        return Verdict(NO_DATA, f"There were too few events to compare: click-through is {so_far}.")
    return _decision(control, rates, known)


def _decision(
    control: str, rates: Mapping[str, float | None], known: Mapping[str, RatioComparison]
) -> Verdict:
    adjusted = dict(zip(known, holm([r.p_value for r in known.values()]), strict=True))
    clear = [name for name in known if adjusted[name] < 1 - CONFIDENCE]
    better = [name for name in clear if known[name].difference.value > 0]
    chosen = max(better or clear or known, key=lambda name: known[name].difference.value)
    lift = known[chosen].lift
    numbers = (
        f"click-through is {_percent(rates[chosen])} in {chosen} and"
        f" {_percent(rates[control])} in {control}"
    )
    within = f"between {_signed(lift.low)} and {_signed(lift.high)} with 95% confidence"
    if chosen in better:
        return Verdict(
            BETTER, f"{chosen} is better: {numbers}, a change of {_signed(lift.value)}, {within}."
        )
    if chosen in clear:
        return Verdict(
            WORSE, f"{chosen} is worse: {numbers}, a change of {_signed(lift.value)}, {within}."
        )
    return Verdict(
        NO_CLEAR_CHANGE,
        f"No clear change: {numbers}; the change is {within}.",
    )


def _percent(rate: float | None) -> str:
    return "not known" if rate is None else f"{rate:.1%}"


def _signed(change: float) -> str:
    return f"{change:+.1%}".replace("-", "−")  # noqa: RUF001 - the minus sign
