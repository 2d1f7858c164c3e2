"""What the pages say first: how an item stands, what it waits for, and where its reader is."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone, translation
from tests.registry.damage import damage
from tests.registry.page_reading import Page
from tests.registry.test_results import CONTROL, UNEVEN, report

from allotment.analysis import reports
from allotment.lake.catalog import open_catalog
from allotment.registry import lifecycle, placing
from allotment.registry.models import Account, Layer, Team
from allotment.registry.plan import ExperimentPlan

pytestmark = pytest.mark.django_db
E = "/experiments/search-suggestions"
Make = Callable[..., ExperimentPlan]


def text(visitor: Client, path: str = E) -> str:
    """What a page says, without its elements."""
    source = visitor.get(path).content.decode()
    assert Page(source).faults() == []
    return " ".join(re.sub(r"<[^>]*>", " ", source).split())


def current(visitor: Client, path: str) -> dict[str, str]:
    """Which parts of the navigation are marked, and how."""
    page = Page(visitor.get(path).content.decode())
    return {
        link.text: link.attributes["aria-current"]
        for link in page.all("a")
        if "aria-current" in link.attributes and link.text in {"Directory", "Streams", "Sites"}
    }


def test_plan__each_state__says_what_it_waits_for(visitor: Client, experiment_plan: Make) -> None:
    start = timezone.now() + timedelta(days=1)
    item = lifecycle.create(experiment_plan(start=start))
    assert "nobody takes part yet. Put the lines to install into your code" in text(visitor)
    lifecycle.ask(item)
    assert "Ready: nobody takes part yet. It can be switched on." in text(visitor)
    lifecycle.activate(item)
    scheduled = text(visitor)
    assert "Nobody takes part before" in scheduled
    assert "Read the results" not in scheduled
    lifecycle.start(item)
    assert "It runs. Read the results" in text(visitor)
    assert re.search(r"Ends \w", text(visitor))
    lifecycle.stop(item)
    stopped = text(visitor)
    assert "nothing is decided yet. Read the results , then write down" in stopped
    assert "It can be written when" not in stopped
    assert "Ended" in stopped
    assert re.search(r"\bEnds\b", stopped) is None


def test_plan__groups_are_uneven__says_so_and_not_that_all_is_well(
    visitor: Client, own_data: Path, experiment_plan: Make
) -> None:
    lifecycle.activate(lifecycle.create(experiment_plan()))
    with closing(open_catalog(own_data / "lake")) as catalog:
        stored = report(CONTROL, UNEVEN)
        reports.append(reports.ensure_reports_table(catalog), [stored])
    assert "It runs. The groups are not the size they should be" in text(visitor)
    page = Page(visitor.get(E).content.decode())
    (said,) = (e for e in page.all("section") if "It runs." in e.text)
    assert "bad" in said.attributes["class"].split()


@pytest.mark.parametrize("risk", ["low", "medium"])
def test_ready__asked_for_approval__offers_it_and_says_who_must(
    visitor: Client, settings: LazySettings, experiment_plan: Make, risk: str
) -> None:
    settings.ALLOTMENT = replace(settings.ALLOTMENT, approval_from="medium")
    author = Account.objects.create_user("jonas", role="author")
    plan = experiment_plan(risk_level=risk, review_link="https://wiki.example/review")
    item = lifecycle.create(plan, by=author)
    must = "Another person must approve it" if risk == "medium" else "It can be switched on."
    draft = text(visitor)
    assert ("then ask for approval." in draft) is (risk == "medium")
    # What the form cannot mend is no reason to edit.
    assert "cannot be switched on yet" not in draft
    lifecycle.ask(item, by=author)
    assert must in text(visitor)
    assert visitor.post(f"{E}/approve").status_code == 302
    assert "It is approved and can be switched on." in text(visitor)
    words = [b.text.strip() for b in Page(visitor.get(E).content.decode()).all("button")]
    assert "Approve" not in words


def test_configuration__after_a_change_of_description__tells_the_sites_version_from_the_history(
    visitor: Client, experiment_plan: Make
) -> None:
    item = lifecycle.create(experiment_plan())
    lifecycle.edit(item, experiment_plan(description="For people"))
    assert "Sites read it as version 1" in text(visitor, f"{E}/configuration")
    assert "Version 2 ·" in text(visitor, f"{E}/history")


def test_decide__nothing_chosen__said_in_the_words_of_the_page(
    visitor: Client, experiment_plan: Make
) -> None:
    lifecycle.stop(lifecycle.activate(lifecycle.create(experiment_plan())))
    answer = visitor.post(f"{E}/decide", {"decision": "", "reasons": "Better"})
    source = answer.content.decode()
    assert answer.status_code == 422
    assert "Choose what was decided." in source
    assert "Give one of" not in source
    assert "Everybody keeps what control saw." in source


def test_form__what_is_frozen__is_not_optional_and_nothing_means_everybody(
    visitor: Client, experiment_plan: Make
) -> None:
    lifecycle.activate(lifecycle.create(experiment_plan()))
    shown = text(visitor, f"{E}/edit")
    assert "Start frozen" in shown
    assert "Review (optional)" in shown
    assert re.search(r"Only for frozen .{0,200}? everybody Layer", shown)


def test_navigation__below_a_section__the_section_is_marked(
    visitor: Client, experiment_plan: Make
) -> None:
    lifecycle.create(experiment_plan())
    assert current(visitor, "/directory") == {"Directory": "page"}
    assert current(visitor, f"{E}/edit") == {"Directory": "true"}
    assert current(visitor, "/streams/new") == {"Streams": "true"}
    assert current(visitor, "/layers/new") == {"Sites": "true"}
    assert current(visitor, "/account") == {}


def test_foot__nobody_logged_in__does_not_tell_where_events_go(
    client: Client, visitor: Client
) -> None:
    assert "Events go to" in text(visitor, "/")
    page = client.get("/login").content.decode()
    assert "Events go to" not in page
    assert "Configuration" not in page


@pytest.mark.parametrize(("role", "led"), [("operator", True), ("author", False)])
def test_kill_switch__who_may_use_it__is_led_there(
    streams: None, experiment_plan: Make, role: str, led: bool
) -> None:
    person = Account.objects.create_user("grace", role=role)
    own = experiment_plan(owners=("@grace",))
    lifecycle.activate(lifecycle.create(own, by=person), by=person)
    client = Client()
    client.force_login(person)
    for path in ("/", f"{E}/stop"):
        links = {a.attributes.get("href") for a in Page(client.get(path).content.decode()).all("a")}
        assert ("/kill" in links) is led, path


def test_layer_page__part_is_taken__name_cannot_be_typed_over(
    visitor: Client, experiment_plan: Make
) -> None:
    placing.save_layer(Layer(name="desktop"))

    def name_field() -> dict[str, str]:
        page = Page(visitor.get("/layers/of/desktop").content.decode())
        return next(e.attributes for e in page.all("input") if e.attributes.get("id") == "id_name")

    assert "readonly" not in name_field()
    plan = experiment_plan(layer="desktop", layer_share=Decimal("0.5"))
    lifecycle.activate(lifecycle.create(plan))
    assert "readonly" in name_field()


@pytest.mark.django_db(transaction=True)
def test_server_error__table_gone__told_in_the_readers_language_and_styled(
    visitor: Client,
) -> None:
    visitor.raise_request_exception = False
    damage("ALTER TABLE registry_experiment RENAME TO elsewhere")
    with translation.override(None):
        answer = visitor.get("/directory", headers={"accept-language": "de"})
    damage("ALTER TABLE elsewhere RENAME TO registry_experiment")
    page = Page(answer.content.decode())
    assert answer.status_code == 500
    # It has no navigation that somebody would want to skip.
    assert page.faults() == ["no skip link"]
    assert [e.text for e in page.all("h1")] == ["Etwas ist kaputtgegangen"]
    assert [e.attributes["href"] for e in page.all("a")] == ["/"]
    sheets = [e.attributes["href"] for e in page.all("link") if e.attributes["rel"] == "stylesheet"]
    assert len(sheets) == 4
    for sheet in sheets:
        with closing(visitor.get(sheet)) as found:
            assert found.status_code == 200


def test_new__owner__the_only_team_of_who_makes_it_or_the_person(visitor: Client) -> None:
    def owner() -> str:
        page = Page(visitor.get("/experiments/new").content.decode())
        (field,) = (e for e in page.all("input") if e.attributes.get("id") == "id_owners")
        return field.attributes.get("value", "")

    assert owner() == "@ada"
    ada = Account.objects.get(username="ada")
    Team.objects.create(name="Search").members.add(ada)
    assert owner() == "Search"
    Team.objects.create(name="Reading").members.add(ada)
    assert owner() == "@ada"


def test_form__checked_as_somebody_types__advice_is_not_nothing(visitor: Client) -> None:
    answer = visitor.post("/experiments/new", {"check": "live", "name": "New"})
    said = " ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split())
    assert "As it stands, not saved: it could not be switched on yet." in said
    assert "To save a draft" in said


def test_hindrance__draft__leads_to_the_field(visitor: Client, experiment_plan: Make) -> None:
    lifecycle.create(experiment_plan(risk_level="pending"))
    links = {a.attributes.get("href") for a in Page(visitor.get(E).content.decode()).all("a")}
    assert f"{E}/edit#f-risk_level" in links
    edit = Page(visitor.get(f"{E}/edit").content.decode())
    assert any(e.attributes.get("id") == "f-risk_level" for e in edit.elements)
