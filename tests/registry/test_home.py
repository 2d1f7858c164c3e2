"""Home: what waits for whom by role and team, what is ill, and how much it asks the database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tests.registry.page_reading import Page

from allotment.registry import lifecycle, served, waiting
from allotment.registry.models import Account, Experiment, Instrument, Team
from allotment.registry.plan import ExperimentPlan, InstrumentPlan

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
MakeExperiment = Callable[..., ExperimentPlan]
MakeInstrument = Callable[..., InstrumentPlan]


def person(name: str, role: str, *teams: str) -> tuple[Account, Client]:
    account = Account.objects.create_user(username=name, role=role)
    for team in teams:
        Team.objects.get_or_create(name=team)[0].members.add(account)
    client = Client()
    client.force_login(account)
    return account, client


def waits(client: Client, query: str = "") -> str:
    page = Page(client.get(f"/{query}").content.decode())
    assert page.faults() == []
    return next(e.text for e in page.all("section") if e.attributes.get("id") == "needs")


@pytest.fixture
def four(experiment_plan: MakeExperiment) -> None:
    """A draft, one that waits for approval, one that has stopped and one that ends soon."""
    for word, days in (("draft", 20), ("ready", 20), ("stopped", 20), ("ending", 2)):
        plan = experiment_plan(
            machine_name=f"experiment-{word}",
            name=f"The {word} one",
            end=timezone.now().replace(second=0, microsecond=0) + timedelta(days=days),
        )
        item = lifecycle.create(plan)
        if word == "ready":
            lifecycle.ask(item)
        elif word != "draft":
            item = lifecycle.activate(item)
        if word == "stopped":
            lifecycle.stop(item)


def test_home__author_in_the_team__own_things_wait(four: None) -> None:
    _, client = person("grace", "author", "Search team")
    text = waits(client)
    assert "The draft one" in text
    assert "The stopped one" in text
    assert "has no decision" in text
    assert "The ending one" in text
    assert "ends within 3 days" in text
    assert "The ready one" not in text  # another person must approve it


def test_home__author_of_another_team__nothing_waits_unless_all_are_asked_for(four: None) -> None:
    _, client = person("mary", "author", "Web team")
    assert "No draft waits" in waits(client)
    assert "The stopped one" in waits(client, "?whose=all")


def test_home__approver_who_owns_nothing__what_waits_for_approval(four: None) -> None:
    _, client = person("ann", "approver")
    text = waits(client)
    assert "waits for your approval" in text
    assert "The ready one" in text
    assert "The draft one" not in text
    _, owner = person("own", "approver", "Search team")
    assert "waits for your approval" not in waits(owner)


def test_home__viewer__is_told_that_nothing_can_wait(four: None) -> None:
    _, client = person("vic", "viewer", "Search team")
    text = waits(client)
    assert "Your role reads" in text
    assert "The draft one" not in text


def test_home__admin__own_things_or_where_there_are_none_everybodys(four: None) -> None:
    _, other = person("root", "admin")
    assert "The draft one" in waits(other)
    assert "The draft one" not in waits(other, "?whose=mine")
    _, mine = person("boss", "admin", "Web team")
    assert "Everybody" in waits(mine)


def test_home__approval_given__can_be_switched_on(
    settings: LazySettings, experiment_plan: MakeExperiment
) -> None:
    item = lifecycle.create(experiment_plan())
    Experiment.objects.filter(pk=item.pk).update(stage="ready", approved=timezone.now())
    _, client = person("grace", "author", "Search team")
    assert "is approved" in waits(client)


def test_home__row_that_cannot_be_served__unhealthy_for_everybody(
    experiment_plan: MakeExperiment,
) -> None:
    lifecycle.activate(lifecycle.create(experiment_plan()))
    _, client = person("vic", "viewer")
    assert "Everything is served" in client.get("/").content.decode()
    Experiment.objects.update(schema_id="", identifier_type="nonsense", targeting=[1])
    served.forget()
    page = Page(client.get("/").content.decode())
    section = next(e.text for e in page.all("section") if e.attributes.get("id") == "ills")
    assert "search-suggestions" in section
    assert "cannot be served" in section


def test_home__more_than_fits__says_how_many_and_leads_to_the_others(
    instrument_plan: MakeInstrument,
) -> None:
    for number in range(waiting.MOST + 3):
        lifecycle.create(instrument_plan(machine_name=f"number-{number:03}"))
    _, client = person("grace", "author", "Web team")
    text = client.get("/").content.decode()
    assert f"{waiting.MOST} of {waiting.MOST + 3}; the others are in the" in text
    assert "?whose=mine" in text


def test_home__many_items__as_many_queries_as_for_few(
    experiment_plan: MakeExperiment, instrument_plan: MakeInstrument
) -> None:
    _, client = person("grace", "admin", "Web team")
    counts = []
    for many in (2, 30):
        for number in range(Instrument.objects.count(), many):
            item = lifecycle.create(instrument_plan(machine_name=f"number-{number:03}"))
            if number % 2:
                lifecycle.activate(item)
            lifecycle.create(experiment_plan(machine_name=f"experiment-{number:03}"))
        client.get("/")  # what is served is shaped once
        with CaptureQueriesContext(connection) as captured:
            client.get("/")
        counts.append(len(captured))
    # Where more of a sort wait than are shown, they are counted: seven sorts at most.
    assert counts[1] - counts[0] <= 7, counts
    assert max(counts) <= 55
