"""What the daily check learns from events that really came, out of a real lake."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings
from tests.analysis.synthetic import event, put
from tests.registry.manage_api.conftest import program

from allotment.contract.check import Kind
from allotment.registry import lifecycle, nightly, observing
from allotment.registry.models import Account, Experiment
from allotment.registry.plan import ExperimentPlan

pytestmark = pytest.mark.django_db
Make = Callable[..., ExperimentPlan]
NOW = datetime.now(UTC)
NAME, SLIP = "search-suggestions", "search-sugestions"


def came(name: str, many: int, action: str = "impression") -> list[dict[str, object]]:
    moment = (NOW - timedelta(hours=1)).isoformat()
    return [
        event(f"{name}-{n}", "control", action, n, experiment=name, dt=moment) for n in range(many)
    ]


@pytest.fixture
def running(streams: None, experiment_plan: Make) -> Experiment:
    """An experiment that has run for two days."""
    item = lifecycle.activate(
        lifecycle.create(experiment_plan(primary_metric="click_through_rate"))
    )
    Experiment.objects.update(start=NOW - timedelta(days=2))
    return item


def told(folder: Path) -> dict[str, str]:
    return {finding.rule: finding.what for finding in nightly.run(folder, NOW).findings}


def test_run__events_of_a_misspelt_name__told_from_both_sides(
    running: Experiment, own_data: Path, account: Account
) -> None:
    put(settings.ALLOTMENT.lake_dir, [*came(SLIP, 25), *came("made-up-by-somebody", 3)])
    found = told(own_data / "registry")
    assert f"nothing has asked for {NAME} lately" in found["name-is-asked-for"]
    assert f"{SLIP} was asked for 25 times" in found["asked-name-is-known"]
    over_the_api = program(account).get("/check").body["findings"]
    assert {"name-is-asked-for", "asked-name-is-known"} <= {f["rule"] for f in over_the_api}


def test_run__metric_counts_clicks_and_none_came__told(running: Experiment, own_data: Path) -> None:
    put(settings.ALLOTMENT.lake_dir, came(NAME, 25))
    report = nightly.run(own_data / "registry", NOW)
    (finding,) = report.about(Kind.EXPERIMENT, NAME)
    assert finding.rule == "metric-action-arrives"
    assert "click" in finding.what
    put(settings.ALLOTMENT.lake_dir, came(NAME, 5, "click"))
    assert told(own_data / "registry") == {}


def test_run__item_of_today__nothing_is_expected_of_it_yet(
    running: Experiment, own_data: Path
) -> None:
    Experiment.objects.update(start=NOW - timedelta(hours=2))
    put(settings.ALLOTMENT.lake_dir, came("other-experiment", 25))
    assert "name-is-asked-for" not in told(own_data / "registry")


def test_observe__stopped_item_and_no_lake__no_stranger_and_nothing(
    running: Experiment, own_data: Path
) -> None:
    assert observing.observe(settings.ALLOTMENT.lake_dir, NOW) is None
    assert not settings.ALLOTMENT.lake_dir.exists()
    lifecycle.stop(running)
    put(settings.ALLOTMENT.lake_dir, came(NAME, 25))
    found = observing.observe(settings.ALLOTMENT.lake_dir, NOW)
    assert found is not None
    assert (found.asked, found.groups) == ({}, {})
    assert "action" in found.fields["product_metrics.web_base"]


def test_observations__old_or_damaged__none(running: Experiment, own_data: Path) -> None:
    folder = own_data / "registry"
    put(settings.ALLOTMENT.lake_dir, came(NAME, 25))
    assert nightly.observations(folder, NOW) is None
    nightly.run(folder, NOW)
    kept = nightly.observations(folder, NOW)
    assert kept is not None
    assert kept == observing.observe(settings.ALLOTMENT.lake_dir, NOW)
    assert nightly.observations(folder, NOW + timedelta(days=3)) is None
    path = folder / "check.json"
    path.write_text(path.read_text().replace('"asked": {', '"asked": {"x": "y", '))
    assert nightly.observations(folder, NOW) is None
