"""Intake and sink killed at random under load; `make crash` does the same a thousand times."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.end_to_end.crash_campaign import Campaign
from tests.end_to_end.lab import Lab

KILLS = 15


@pytest.mark.parametrize("workers", [1, 2])
def test_intake_and_sink__killed_under_load__lose_and_double_nothing_and_account_for_all(
    make_lab: Callable[..., Lab], workers: int
) -> None:
    lab = make_lab(ALLOTMENT_INTAKE_WORKERS=str(workers), ALLOTMENT_SINK_SECONDS="0.2")
    report = Campaign(lab, seed=20 + workers).run(KILLS)
    assert report.faults == []
    assert report.kills.total() == KILLS
    assert min(report.kills.values()) > 1
    assert report.accepted > 20 * KILLS
    assert report.rejected > KILLS
    assert report.requests["repeated"] > KILLS
