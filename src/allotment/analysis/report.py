"""The report of one experiment: numbers, health, verdict, and what they were computed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from allotment import __version__
from allotment.analysis.experiment import Experiment
from allotment.analysis.metrics import RatioMetric
from allotment.analysis.moments import Measured, Moments
from allotment.analysis.statistics import (
    CONFIDENCE,
    Interval,
    RatioComparison,
    SampleRatio,
    compare_ratios,
    sample_ratio,
)
from allotment.analysis.verdict import Verdict, decide


@dataclass(frozen=True, slots=True)
class GroupResult:
    """One group; the first of a report is the control. `rate` is None without an impression."""

    name: str
    subjects: int
    impressions: int
    clicks: int
    rate: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One treatment against the control; `result` is None where nothing can be said."""

    group: str
    result: RatioComparison | None


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a report was computed from: with the same inputs, the same digits come out."""

    config_version: str
    metric: str
    metric_version: int
    code_version: str
    snapshots: Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class Report:
    """One experiment's results. Rates are clicks per impression; a lift of 0.1 is 10% more."""

    experiment: str
    computed_at: datetime
    over: bool
    """Whether the experiment had ended or was switched off."""
    stopped_early: bool
    """Whether it was switched off before its planned end: then nothing can be decided."""
    confidence: float
    inputs: Inputs
    groups: tuple[GroupResult, ...]
    comparisons: tuple[Comparison, ...]
    sample_ratio: SampleRatio
    mixed_subjects: int
    counted: str
    """Whose views and clicks: `experiment` (sent for it), or `instruments` (there are no own)."""
    verdict: Verdict
    phase: int = 0
    """Which run of the experiment this is of, counted from 0."""

    def to_json(self) -> dict[str, Any]:
        """As JSON. Snapshots are texts, since they exceed what JavaScript counts exactly."""
        inputs = {
            **asdict(self.inputs),
            "snapshots": {
                table: None if snapshot is None else str(snapshot)
                for table, snapshot in self.inputs.snapshots.items()
            },
        }
        return {
            "experiment": self.experiment,
            "phase": self.phase,
            "computed_at": self.computed_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "over": self.over,
            "stopped_early": self.stopped_early,
            "confidence": self.confidence,
            "inputs": inputs,
            "groups": [asdict(group) for group in self.groups],
            "comparisons": [
                {"group": c.group, **_comparison_json(c.result)} for c in self.comparisons
            ],
            "srm": {"p": self.sample_ratio.p_value, "healthy": self.sample_ratio.healthy},
            "mixed_subjects": self.mixed_subjects,
            "counted": self.counted,
            "verdict": asdict(self.verdict),
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Report:
        """Read what `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError: it was written by something else.
        """
        inputs = found["inputs"]
        snapshots = {
            table: None if snapshot is None else int(snapshot)
            for table, snapshot in inputs["snapshots"].items()
        }
        return cls(
            experiment=found["experiment"],
            computed_at=datetime.fromisoformat(found["computed_at"]),
            over=found["over"],
            stopped_early=found["stopped_early"],
            confidence=found["confidence"],
            inputs=Inputs(**{**inputs, "snapshots": snapshots}),
            groups=tuple(GroupResult(**group) for group in found["groups"]),
            comparisons=tuple(
                Comparison(item["group"], _comparison(item)) for item in found["comparisons"]
            ),
            sample_ratio=SampleRatio(found["srm"]["p"], found["srm"]["healthy"]),
            mixed_subjects=found["mixed_subjects"],
            counted=found["counted"],
            verdict=Verdict(**found["verdict"]),
            phase=found.get("phase", 0),
        )


def make_report(
    experiment: Experiment,
    metric: RatioMetric,
    measured: Measured,
    snapshots: Mapping[str, int | None],
    now: datetime,
) -> Report:
    """Numbers to a report; pure."""
    groups = tuple(_group(name, measured.groups[name]) for name in experiment.groups)
    control = measured.groups[experiment.control]
    comparisons = tuple(
        Comparison(name, compare_ratios(control, measured.groups[name]))
        for name in experiment.groups[1:]
    )
    ratio = sample_ratio([group.subjects for group in groups], experiment.weights)
    over = experiment.is_over(now)
    return Report(
        experiment=experiment.name,
        phase=experiment.phase,
        computed_at=now,
        over=over,
        stopped_early=experiment.stopped_early,
        confidence=CONFIDENCE,
        inputs=Inputs(
            config_version=experiment.version,
            metric=metric.name,
            metric_version=metric.version,
            code_version=__version__,
            snapshots=dict(snapshots),
        ),
        groups=groups,
        comparisons=comparisons,
        sample_ratio=ratio,
        mixed_subjects=measured.mixed_subjects,
        counted=measured.counted,
        verdict=decide(
            rates={group.name: group.rate for group in groups},
            subjects={group.name: group.subjects for group in groups},
            results={c.group: c.result for c in comparisons},
            sample_ratio=ratio,
            over=over,
            stopped_early=experiment.stopped_early,
        ),
    )


def _group(name: str, moments: Moments) -> GroupResult:
    impressions, clicks = moments.denominator_sum, moments.numerator_sum
    rate = clicks / impressions if impressions else None
    return GroupResult(name, moments.subjects, impressions, clicks, rate)


def _comparison_json(result: RatioComparison | None) -> dict[str, Any]:
    if result is None:
        return {"difference": None, "lift": None, "p": None}
    return {
        "difference": asdict(result.difference),
        "lift": asdict(result.lift),
        "p": result.p_value,
    }


def _comparison(item: Mapping[str, Any]) -> RatioComparison | None:
    if item["difference"] is None:
        return None
    return RatioComparison(Interval(**item["difference"]), Interval(**item["lift"]), item["p"])
