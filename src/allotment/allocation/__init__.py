"""The law of allocation. Pure: integers and the standard library, no clock unless asked, no I/O."""

from allotment.allocation.experiment import (
    Allocation,
    Experiment,
    HoldoutRange,
    IdentifierType,
    LayerRange,
    Reason,
    SampleRate,
    allocate,
)
from allotment.allocation.law import (
    draw,
    first_group_end,
    group_index,
    holdout_slot,
    in_sample,
    keyed_subject_id,
    layer_slot,
    subject_hash,
    threshold,
)
from allotment.allocation.overrides import parse_overrides
from allotment.allocation.reading import (
    ConfigError,
    parse_experiment,
    parse_rate,
    parse_sample_rate,
    parse_time,
)
from allotment.allocation.targeting import Condition, meets, read_targeting

__all__ = [
    "Allocation",
    "Condition",
    "ConfigError",
    "Experiment",
    "HoldoutRange",
    "IdentifierType",
    "LayerRange",
    "Reason",
    "SampleRate",
    "allocate",
    "draw",
    "first_group_end",
    "group_index",
    "holdout_slot",
    "in_sample",
    "keyed_subject_id",
    "layer_slot",
    "meets",
    "parse_experiment",
    "parse_overrides",
    "parse_rate",
    "parse_sample_rate",
    "parse_time",
    "read_targeting",
    "subject_hash",
    "threshold",
]
