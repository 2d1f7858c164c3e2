"""The law of allocation. Pure: integers and the standard library, no clock unless asked, no I/O."""

from allotment.allocation.experiment import (
    Allocation,
    ConfigError,
    Experiment,
    IdentifierType,
    Reason,
    SampleRate,
    allocate,
    parse_experiment,
    parse_rate,
    parse_sample_rate,
    parse_time,
)
from allotment.allocation.law import draw, group_index, in_sample, subject_hash, threshold
from allotment.allocation.overrides import parse_overrides

__all__ = [
    "Allocation",
    "ConfigError",
    "Experiment",
    "IdentifierType",
    "Reason",
    "SampleRate",
    "allocate",
    "draw",
    "group_index",
    "in_sample",
    "parse_experiment",
    "parse_overrides",
    "parse_rate",
    "parse_sample_rate",
    "parse_time",
    "subject_hash",
    "threshold",
]
