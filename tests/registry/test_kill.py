"""The page of the kill switch, and that of sites, among many: paged, searched, nothing lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from tests.registry.page_reading import Page

from allotment.registry import lifecycle
from allotment.registry.models import Experiment, Site
from allotment.registry.plan import ExperimentPlan

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
Make = Callable[..., ExperimentPlan]


def many_that_run(experiment_plan: Make, count: int) -> None:
    """Copies of one that runs."""
    first = lifecycle.activate(lifecycle.create(experiment_plan(machine_name="experiment-000")))
    Experiment.objects.bulk_create(
        copied(first, machine_name=f"experiment-{number:03d}", name=f"The {number:03d} one")
        for number in range(1, count)
    )


def copied(item: Experiment, **changes: object) -> Experiment:
    row = Experiment.objects.get(pk=item.pk)
    row.pk, row._state.adding = None, True
    for name, value in changes.items():
        setattr(row, name, value)
    return row


def boxes(text: str) -> dict[str, bool]:
    """What can be ticked on the page of the kill switch, and whether it is."""
    found = Page(text)
    assert found.faults() == []
    inputs = (one.attributes for one in found.all("input"))
    return {one["value"] or "": "checked" in one for one in inputs if one.get("name") == "item"}


def test_kill_page__more_than_a_page__what_is_ticked_goes_along(
    visitor: Client, experiment_plan: Make
) -> None:
    many_that_run(experiment_plan, 120)
    first = visitor.get("/kill").content.decode()
    assert len(boxes(first)) == 50
    assert len(first) < 60_000
    ticked = ["experiment experiment-007", "experiment experiment-008"]
    given = {"item": ticked, "reason": "Blank pages"}
    second = visitor.post("/kill", {**given, "page": "2"})
    assert second.status_code == 200
    found = boxes(second.content.decode())
    assert [key for key, is_ticked in found.items() if is_ticked] == ticked
    assert len(found) == 52
    assert "experiment experiment-009" not in found
    assert "Blank pages" in second.content.decode()
    searched = boxes(visitor.post("/kill", {**given, "q": "the 11", "page": "1"}).content.decode())
    assert len(searched) == 13  # 011, 110 to 119, and what is ticked
    assert Experiment.objects.filter(stage="active").count() == 120
    assert visitor.post("/kill", {**given, "chosen": "yes", "q": "x"}).status_code == 302
    stopped = Experiment.objects.exclude(stage="active").values_list("machine_name", flat=True)
    assert sorted(stopped) == ["experiment-007", "experiment-008"]


def test_kill_page__enter_in_a_field__searches_and_stops_nothing(
    visitor: Client, experiment_plan: Make
) -> None:
    many_that_run(experiment_plan, 51)
    page = Page(visitor.get("/kill").content.decode())
    classes = [one.attributes.get("class", "") for one in page.elements]
    inside = page.elements[classes.index("card form") :]
    first = next(one for one in inside if one.tag == "button")
    assert first.attributes["name"] == "page"


def test_sites__more_than_a_page__paged_and_searched(visitor: Client) -> None:
    Site.objects.bulk_create(
        Site(name=f"wiki{n:03d}", label=f"The {n:03d} wiki", family=f"family{n % 2}")
        for n in range(120)
    )

    def shown(query: str = "") -> list[str]:
        text = visitor.get(f"/sites{query}").content.decode()
        page = Page(text)
        assert page.faults() == []
        heads = (one.text for one in page.all("th") if one.attributes.get("scope") == "row")
        return [text.split()[0] for text in heads]

    assert len(shown()) == 50
    assert shown()[:2] == ["wiki000", "wiki002"]
    assert len(shown("?page=3")) == 20
    assert len(shown("?q=family1")) == 50
    assert len(shown("?q=family1&page=2")) == 10
    assert shown("?q=the+017") == ["wiki017"]
    assert shown("?q=nothing") == []
