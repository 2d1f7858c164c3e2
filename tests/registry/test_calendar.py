"""The calendar's page: which weeks, which experiments, and the list beside the drawing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tests.registry.page_reading import Page

from allotment.registry import lifecycle
from allotment.registry.models import Experiment, Layer, Site
from allotment.registry.plan import ExperimentPlan

pytestmark = pytest.mark.django_db
MakeExperiment = Callable[..., ExperimentPlan]


def listed(client: Client, query: str = "") -> list[str]:
    """The headings of the list's rows: each site with its experiments."""
    page = Page(client.get(f"/calendar{query}").content.decode())
    assert page.faults() == []
    return [e.text.strip() for e in page.all("th") if e.attributes.get("role") == "rowheader"]


def test_calendar__two_that_run__under_each_site_and_as_a_meeting(
    visitor: Client, experiment_plan: MakeExperiment
) -> None:
    lifecycle.activate(lifecycle.create(experiment_plan()))
    lifecycle.activate(
        lifecycle.create(
            experiment_plan(
                machine_name="second-one", name="Second", sites=(("frwiki", Decimal("0.5")),)
            )
        )
    )
    assert listed(visitor) == [
        "dewiki",
        "Search suggestions",
        "frwiki",
        "Search suggestions",
        "Second",
    ]
    text = visitor.get("/calendar").content.decode()
    assert "about 5% of a site" in text
    assert text.count('class="run"') == 4  # three bars and the legend


def test_calendar__one_site__families_and_all_other_sites_reach_it(
    visitor: Client, experiment_plan: MakeExperiment
) -> None:
    Site.objects.create(name="swwiki", family="wikipedia")
    half = Decimal("0.5")
    plans: tuple[dict[str, Any], ...] = (
        {"name": "By family", "sites": (("family:wikipedia", half),)},
        {"name": "Everywhere", "sites": (), "default_rate": Decimal("0.1")},
        {"name": "Elsewhere", "sites": (("frwiki", half),)},
    )
    for number, plan in enumerate(plans):
        lifecycle.activate(
            lifecycle.create(experiment_plan(machine_name=f"number-{number:03}", **plan))
        )
    assert listed(visitor, "?site=swwiki") == ["swwiki", "By family", "Everywhere"]
    assert "all other sites" in listed(visitor)


def test_calendar__same_layer__kept_apart(visitor: Client, experiment_plan: MakeExperiment) -> None:
    Layer.objects.create(name="top")
    for number in (1, 2):
        lifecycle.activate(
            lifecycle.create(
                experiment_plan(
                    machine_name=f"number-{number:03}", layer="top", layer_share=Decimal("0.5")
                )
            )
        )
    lifecycle.activate(lifecycle.create(experiment_plan()))
    assert "Same layer, top: nobody can be in both." in visitor.get("/calendar").content.decode()
    assert "Same layer, top" in visitor.get("/calendar?layer=top").content.decode()
    assert "No shared layer" not in visitor.get("/calendar?layer=top").content.decode()


def test_calendar__other_weeks__only_what_runs_in_them(
    visitor: Client, experiment_plan: MakeExperiment
) -> None:
    lifecycle.activate(lifecycle.create(experiment_plan()))
    far = (timezone.now() + timedelta(days=200)).date()
    assert listed(visitor, f"?from={far}") == []
    assert (
        "No experiment with a start runs" in visitor.get(f"/calendar?from={far}").content.decode()
    )
    stopped = timezone.now() - timedelta(days=100)
    Experiment.objects.update(start=stopped - timedelta(days=9), stopped=stopped, stage="stopped")
    assert listed(visitor) == []
    assert listed(visitor, f"?from={stopped.date()}") != []


@pytest.mark.parametrize("given", ["yesterday", "0001-01-01", "9999-12-31", "2026-02-30"])
def test_calendar__day_that_is_none__the_present_weeks(visitor: Client, given: str) -> None:
    answer = visitor.get("/calendar", {"from": given})
    assert answer.status_code == 200
    assert "Today</text>" not in answer.content.decode()  # nothing runs, nothing is drawn


def test_calendar__many_experiments__as_many_queries_as_for_few(
    visitor: Client, experiment_plan: MakeExperiment
) -> None:
    counts = []
    for many in (2, 30):
        for number in range(Experiment.objects.count(), many):
            lifecycle.activate(
                lifecycle.create(
                    experiment_plan(
                        machine_name=f"number-{number:03}",
                        sites=((f"site{number % 15}", Decimal("0.1")), ("frwiki", Decimal("0.1"))),
                    )
                )
            )
        with CaptureQueriesContext(connection) as captured:
            text = visitor.get("/calendar").content.decode()
        counts.append(len(captured))
    assert counts[0] == counts[1], counts
    assert "Page 1 of 2" in text
    assert "10 more in the directory" in visitor.get("/calendar?site=frwiki").content.decode()
