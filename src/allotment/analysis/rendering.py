"""A report as text for a terminal."""

from __future__ import annotations

from allotment.analysis.moments import ANY
from allotment.analysis.report import GroupResult, Report
from allotment.analysis.statistics import Interval, SampleRatio
from allotment.lake.query import Answer
from allotment.lake.rendering import render

_UNKNOWN = "cannot say"


def render_text(report: Report) -> str:
    """The verdict first, then the numbers, then what they were computed from."""
    groups = Answer(
        ["group", "subjects", "impressions", "clicks", "click-through"],
        [_group(group) for group in report.groups],
    )
    comparisons = Answer(
        ["against " + report.groups[0].name, "difference (points)", "lift", "p"],
        [
            (
                comparison.group,
                _points(comparison.result.difference) if comparison.result else _UNKNOWN,
                _lift(comparison.result.lift) if comparison.result else _UNKNOWN,
                f"{comparison.result.p_value:.3g}" if comparison.result else _UNKNOWN,
            )
            for comparison in report.comparisons
        ],
    )
    snapshots = ", ".join(
        f"{table} at {'nothing yet' if snapshot is None else snapshot}"
        for table, snapshot in report.inputs.snapshots.items()
    )
    inputs = report.inputs
    basis = (
        f"Computed {report.computed_at:%Y-%m-%d %H:%M:%S} UTC from: configuration version"
        f" {inputs.config_version}, {inputs.metric} version {inputs.metric_version},"
        f" allotment {inputs.code_version}, {snapshots}."
    )
    return "\n".join(
        [
            f"{report.experiment}: {report.verdict.word}",
            report.verdict.sentence,
            "",
            _table(groups),
            "",
            _table(comparisons),
            "",
            f"Intervals: {report.confidence:.0%} confidence, valid at the end of the experiment.",
            _health(report.sample_ratio),
            *_mixed(report.mixed_subjects),
            *_counted(report.counted),
            basis,
        ]
    )


def _table(answer: Answer) -> str:
    """Without the count of rows."""
    return render(answer, "table").rstrip("\n").rpartition("\n")[0]


def _group(group: GroupResult) -> tuple[object, ...]:
    rate = _UNKNOWN if group.rate is None else f"{group.rate:.2%}"
    return group.name, group.subjects, group.impressions, group.clicks, rate


def _points(interval: Interval) -> str:
    value, low, high = (f"{100 * v:+.2f}" for v in (interval.value, interval.low, interval.high))
    return f"{value} ({low} to {high})"


def _lift(interval: Interval) -> str:
    value, low, high = (f"{v:+.1%}" for v in (interval.value, interval.low, interval.high))
    return f"{value} ({low} to {high})"


def _health(ratio: SampleRatio) -> str:
    if ratio.p_value is None:
        return "Group sizes: too few subjects to say whether they are as planned."
    state = "as planned" if ratio.healthy else "NOT as planned"
    return f"Group sizes: {state} (chi-square p = {ratio.p_value:.3g})."


def _counted(whose: str) -> list[str]:
    return [
        "Counted: views and clicks of instruments; none was sent for the experiment itself."
    ] * (whose == ANY)


def _mixed(subjects: int) -> list[str]:
    return [f"Left out: {subjects} seen in more than one group."] if subjects else []
