"""Shares that are not what somebody reads: coarse rates, and the held-out whom nobody counts."""

from __future__ import annotations

from tests.contract.check.cases import SMALL, Case
from tests.contract.check.scenes import EXPERIMENT, Changes

from allotment.contract.check import Limits, Severity

RATE = f"{EXPERIMENT}/sample_rate"
WEIGHTS = f"{EXPERIMENT}/weights"
HALVES: Changes = {WEIGHTS: [1 << 19, 1 << 19]}
HOLDOUT: Changes = {f"{EXPERIMENT}/holds_out": ["all"], **SMALL}
_COARSE: tuple[tuple[Changes, str], ...] = (
    ({**HALVES, RATE: {"default": 0, "0.001": ["frwiki"]}}, "0.1% becomes 6.25%. Caps"),
    ({**HALVES, RATE: {"default": 0.001}}, "Give the weights 1 and 1: the same shares."),
    (
        {WEIGHTS: [65535, 1], RATE: {"default": 0.0001}},
        "Give the weights 65,534 and 1: their sum is odd.",
    ),
    ({RATE: {"default": 1e-8}}, "Give at least 0.0006%."),
)
COARSE = tuple(Case("rate-can-be-drawn", *case, Severity.WARNING) for case in _COARSE)
HELD_OUT = tuple(
    Case("holdout-measures-all", {**HOLDOUT, RATE: rates}, text, Severity.WARNING)
    for rates, text in (
        ({"default": 0.1}, "It has 10% at all other sites, but"),
        ({"default": 1, "0.5": ["frwiki"]}, "It has 50% at frwiki, but"),
    )
)
NAMED = Limits(sites=frozenset({"dewiki", "frwiki"}), families=frozenset({"family:wikipedia"}))
SHARES = (*COARSE, *HELD_OUT)
ALL_MEASURED: tuple[Changes, ...] = tuple(
    {**HOLDOUT, RATE: rates}
    for rates in (
        {"default": 0, "1": ["dewiki", "frwiki"]},
        {"default": 0, "1": ["family:wikipedia"]},
        {"default": 1},
    )
)
