"""The directory: what it finds, in which order, how much it asks the database, and saved views."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer
from tests.registry.page_reading import Page

from allotment.registry import browsing, lifecycle, saved_views, seeding
from allotment.registry.models import Account, Experiment, Instrument, SavedView, Site, Team
from allotment.registry.plan import ExperimentPlan, InstrumentPlan
from allotment.registry.states import State

pytestmark = pytest.mark.django_db
MakeExperiment = Callable[..., ExperimentPlan]
MakeInstrument = Callable[..., InstrumentPlan]


def names(client: Client, query: str = "") -> list[str]:
    """The names that a query shows, in their order."""
    answer = client.get(f"/directory?{query}")
    page = Page(answer.content.decode())
    assert answer.status_code == 200
    assert page.faults() == []
    rows = [e for e in page.all("a") if e.attributes["href"].startswith(("/exp", "/ins"))]
    return [e.text for e in rows if not e.attributes["href"].endswith("/new")]


def test_filters__each__find_what_they_say(
    visitor: Client, experiment_plan: MakeExperiment, instrument_plan: MakeInstrument
) -> None:
    Site.objects.create(name="swwiki", family="wikipedia")
    one = lifecycle.create(
        experiment_plan(name="Größe der Schrift", owners=("Übersetzer", "@ada"), sites=())
    )
    two = lifecycle.create(
        experiment_plan(
            machine_name="second-one", name="Second 100%", sites=(("family:wikipedia", Decimal(1)),)
        )
    )
    three = lifecycle.create(instrument_plan(name="Third"))
    assert names(visitor, "q=GRÖSSE") == []  # not the same letters
    assert names(visitor, "q=größe") == ["Größe der Schrift"]
    assert names(visitor, "q=schrift+GRÖß") == ["Größe der Schrift"]
    assert names(visitor, "q=100%25") == ["Second 100%"]
    assert names(visitor, "q=s_cond") == []
    assert names(visitor, "team=%C3%9Cbersetzer") == ["Größe der Schrift"]
    assert names(visitor, "team=bersetzer") == []
    assert names(visitor, "whose=mine") == ["Größe der Schrift"]
    assert names(visitor, "whose=mine&team=Search+team") == []
    assert names(visitor, "kind=instrument") == ["Third"]
    # A family's sites, and those that only the rate for all others reaches.
    assert names(visitor, "site=swwiki") == ["Second 100%", "Third"]
    assert names(visitor, "site=dewiki") == ["Third"]
    assert {one.name, two.name, three.name} == set(names(visitor, "status=draft&kind=nonsense"))


def test_filters__dates__what_ran_on_those_days(
    visitor: Client, experiment_plan: MakeExperiment
) -> None:
    now = timezone.now()
    old = lifecycle.create(experiment_plan(name="Old"))
    new = lifecycle.create(experiment_plan(machine_name="new-one-here", name="New"))
    days = {old.pk: (-30, -20), new.pk: (-5, 5)}
    for key, (begin, end) in days.items():
        Experiment.objects.filter(pk=key).update(
            start=now + timedelta(days=begin), end=now + timedelta(days=end)
        )
    ago = (now - timedelta(days=10)).date()
    assert names(visitor, f"since={ago}") == ["New"]
    assert names(visitor, f"until={ago}") == ["Old"]
    assert names(visitor, "since=yesterday&until=2026-13-41") == ["New", "Old"]
    Experiment.objects.filter(pk=new.pk).update(stopped=now - timedelta(days=12))
    assert names(visitor, f"since={ago}") == []


def test_archive__unasked__left_out(visitor: Client, experiment_plan: MakeExperiment) -> None:
    lifecycle.archive(lifecycle.create(experiment_plan()))
    assert names(visitor) == []
    assert names(visitor, "status=archived") == ["Search suggestions"]
    assert names(visitor, "status=all") == ["Search suggestions"]
    assert "Nothing matches" in visitor.get("/directory").content.decode()


def test_states__in_the_database__as_the_clock_says(
    streams: None, experiment_plan: MakeExperiment
) -> None:
    """The condition in SQL and the function are one, at every edge."""
    now = timezone.now()
    instant = timedelta(microseconds=1)
    for number, (stage, start, end) in enumerate(
        (stage, start, end)
        for stage in ("draft", "ready", "active", "stopped", "decided", "archived")
        for start in (None, now - instant, now, now + instant)
        for end in (now - instant, now, now + instant)
    ):
        item = lifecycle.create(experiment_plan(machine_name=f"item-number-{number:03}"))
        Experiment.objects.filter(pk=item.pk).update(stage=stage, start=start, end=end)
    for state in State:
        found = set(Experiment.objects.filter(browsing.in_state(state, now)))
        meant = {item for item in Experiment.objects.all() if item.state(now) is state}
        if state is State.SCHEDULED:  # an end before the start is no plan: the clock says stopped
            assert found <= meant
        assert found == meant, state


def test_sorts__each__in_order(
    visitor: Client, experiment_plan: MakeExperiment, instrument_plan: MakeInstrument
) -> None:
    lifecycle.create(instrument_plan(name="beta"))
    running = lifecycle.activate(lifecycle.create(experiment_plan(name="Gamma")))
    lifecycle.create(experiment_plan(machine_name="alpha-one", name="Alpha"))
    assert names(visitor) == ["Gamma", "Alpha", "beta"]
    assert names(visitor, "sort=name") == ["Alpha", "beta", "Gamma"]
    assert names(visitor, "sort=start")[0] == "Gamma"
    assert names(visitor, "sort=changed")[0] == "Alpha"
    assert names(visitor, "sort=nonsense") == ["Gamma", "Alpha", "beta"]
    assert running.start is not None


@pytest.mark.parametrize("query", ["", "q=number&site=frwiki&team=Web+team&sort=name"])
def test_pages__many_items__each_once_and_as_many_queries_as_for_few(
    visitor: Client, instrument_plan: MakeInstrument, query: str
) -> None:
    def make(many: int) -> None:
        for number in range(Instrument.objects.count(), many):
            plan = instrument_plan(machine_name=f"number-{number:03}", name=f"Number {number:03}")
            lifecycle.create(plan)

    counts = []
    for many in (3, 60):
        make(many)
        with CaptureQueriesContext(connection) as captured:
            names(visitor, query)
        counts.append(len(captured))
    assert counts[0] == counts[1], counts
    assert counts[0] <= 20
    shown = [name for page in (1, 2, 3) for name in names(visitor, f"{query}&page={page}")]
    assert shown == [f"Number {number:03}" for number in range(60)]
    text = visitor.get("/directory?page=2&q=number").content.decode()
    assert 'rel="next" href="?q=number&amp;page=3"' in text


def test_view__saved__a_link_for_its_owner_and_if_shared_for_all(
    visitor: Client, account: Account
) -> None:
    text = visitor.get("/directory?status=running&site=frwiki&page=7&other=1").content.decode()
    assert "Save this view" in text
    assert 'name="query" value="status=running&amp;site=frwiki"' in text
    given = {"name": "On frwiki", "query": "page=3&status=running&site=frwiki&evil=1"}
    assert visitor.post("/directory/views", given)["Location"].startswith("/directory?status=")
    view = SavedView.objects.get()
    assert (view.query, view.shared, view.account) == (
        "status=running&site=frwiki",
        False,
        account,
    )
    other = Client()
    other.force_login(Account.objects.create_user(username="grace"))
    assert "On frwiki" not in other.get("/directory").content.decode()
    visitor.post("/directory/views", given | {"shared": "yes"})
    assert SavedView.objects.get().shared
    page = Page(other.get("/directory?site=frwiki&status=running").content.decode())
    chip = next(e for e in page.all("a") if "On frwiki" in e.text)
    assert "by ada" in chip.text
    assert chip.attributes["aria-current"] == "page"
    assert page.faults() == []


def test_view__removed__by_its_owner_alone(visitor: Client, account: Account) -> None:
    view = SavedView.objects.create(account=account, name="Mine too", shared=True)
    other = Client()
    other.force_login(Account.objects.create_user(username="grace", role="admin"))
    assert other.post(f"/directory/views/{view.pk}/remove").status_code == 404
    assert SavedView.objects.exists()
    assert visitor.post(f"/directory/views/{view.pk}/remove").status_code == 302
    assert not SavedView.objects.exists()


def test_view__without_a_name_or_one_too_many__not_saved(visitor: Client, account: Account) -> None:
    visitor.post("/directory/views", {"name": "  ", "query": "status=running"})
    assert not SavedView.objects.exists()
    for number in range(saved_views.MOST_VIEWS):
        SavedView.objects.create(account=account, name=str(number))
    visitor.post("/directory/views", {"name": "One more", "query": ""})
    assert SavedView.objects.count() == saved_views.MOST_VIEWS
    visitor.post("/directory/views", {"name": "3", "query": "status=running"})
    assert SavedView.objects.get(name="3").query == "status=running"


def test_teams__member__what_they_own_is_mine(
    visitor: Client, account: Account, experiment_plan: MakeExperiment
) -> None:
    Team.objects.create(name="search TEAM").members.add(account)
    lifecycle.create(experiment_plan())
    assert names(visitor, "whose=mine") == ["Search suggestions"]


@pytest.mark.usefixtures("database_beside_a_loop")
@pytest.mark.django_db(transaction=True)
def test_filters__in_a_browser__quick_with_the_script_and_there_without(
    chromium: Browser,
    live_server: LiveServer,
    experiment_plan: MakeExperiment,
    instrument_plan: MakeInstrument,
) -> None:
    seeding.create_streams()
    lifecycle.create(experiment_plan())
    for number in range(30):
        lifecycle.create(instrument_plan(machine_name=f"number-{number}", name=f"N{number:02}"))
    client = Client()
    client.force_login(Account.objects.create_user(username="ada", role="admin"))
    address = str(live_server.url)
    kept = [{"name": n, "value": c.value, "url": address} for n, c in client.cookies.items()]
    complaints: list[str] = []
    for script in (True, False):
        context = chromium.new_context(java_script_enabled=script)
        context.add_cookies(kept)  # type: ignore[arg-type] # three keys of many
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.goto(f"{address}/directory")
        expect(page.locator("#found h2")).to_have_text("31 found")
        if script:
            page.evaluate("window.stays = true")
        page.get_by_role("link", name="After").click()
        expect(page.locator("#found")).to_contain_text("26 to 31")
        page.get_by_label("Kind").select_option("experiment")
        if not script:
            page.get_by_role("button", name="Show", exact=True).click()
        expect(page.locator("#found h2")).to_have_text("1 found")
        assert "kind=experiment" in page.url
        expect(page.locator("#views")).to_contain_text("Save this view")
        page.get_by_label("Name, description or machine name").fill("nothing of this name")
        if not script:
            page.get_by_role("button", name="Show", exact=True).click()
        expect(page.locator("#found")).to_contain_text("Nothing matches")
        if script:
            assert page.evaluate("window.stays") is True
        assert complaints == []
        context.close()
