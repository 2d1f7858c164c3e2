"""The forms as a browser without script meets them: post, errors, rows, and what is kept."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.http import HttpResponseBase
from django.test import Client
from tests.registry.form_posts import EDIT, NEW, errors, posted
from tests.registry.page_reading import Page

from allotment.contract.schemas import SchemaRepository
from allotment.registry import lifecycle
from allotment.registry import plan as plans
from allotment.registry.attributes import WEB_TITLE
from allotment.registry.models import Experiment, Instrument, Stream
from allotment.registry.plan import ExperimentPlan, GroupPlan

pytestmark = pytest.mark.django_db


def test_new__good_form__stored_as_draft(visitor: Client) -> None:
    response = visitor.post(NEW, posted())
    assert response.status_code == 302
    assert response["Location"] == "/experiments/search-suggestions"
    item = Experiment.objects.get()
    plan = plans.of_experiment(item)
    assert (item.active, item.activated) == (False, None)
    assert plan.owners == ("Search team", "Web team")
    assert plan.groups == (
        GroupPlan(name="control", description="Titles only", weight=1),
        GroupPlan(name="described", weight=2),
    )
    assert plan.sites == (("frwiki", Decimal("0.125")),)
    assert plan.schema_id == SchemaRepository(()).latest(WEB_TITLE).uri
    assert plan.end.isoformat() == "2035-01-31T09:00:00+00:00"
    assert "It is switched off" in visitor.get(response["Location"]).content.decode()


def test_new__zone_cookie__times_are_read_in_that_zone(visitor: Client) -> None:
    visitor.cookies["tz"] = "Europe/Berlin"
    assert "Europe/Berlin" in visitor.get(NEW).content.decode()
    visitor.post(NEW, posted())
    assert Experiment.objects.get().end.isoformat() == "2035-01-31T08:00:00+00:00"


@pytest.mark.parametrize(
    ("changes", "field", "text"),
    [
        ({"name": ""}, "id_name", "Write what people call it."),
        ({"machine_name": "short"}, "id_machine_name", "Choose a name such as"),
        ({"machine_name": "product_metrics.web_base"}, "id_machine_name", "is the name of another"),
        ({"owners": ""}, "id_owners", "Name a team, or @account"),
        ({"identifier_type": None}, "id_identifier_type", "there is no usual answer"),
        ({"identifier_type": "device"}, "id_identifier_type", "not one of the available"),
        ({"groups-1-name": ""}, "groups", "This one has 1"),
        ({"groups-1-name": "control"}, "groups", "stands in 2 rows"),
        ({"groups-1-weight": "0"}, "id_groups-1-weight", "greater"),
        ({"groups-1-weight": "1.5"}, "id_groups-1-weight", "Enter a whole number"),
        (
            {"groups-1-name": "", "groups-1-description": "x"},
            "id_groups-1-name",
            "Give the group a",
        ),
        ({"sites-1-site": "frwiki", "sites-1-rate": "20"}, "sites", "12.5% and at 20%"),
        ({"sites-0-rate": ""}, "id_sites-0-rate", "Give the share"),
        ({"sites-0-rate": "101"}, "id_sites-0-rate", "less"),
        ({"sites-0-rate": "NaN"}, "id_sites-0-rate", "Enter a number"),
        ({"default_rate": "-1"}, "id_default_rate", "greater than or equal to 0"),
        ({"stream": "no.such.stream"}, "id_stream", "not one of the available"),
        ({"schema_id": "/wrong/title/1.0.0"}, "id_schema_id", "leave it empty"),
        (
            {"schema_id": "/analytics/product_metrics/web/base/9.9.9"},
            "id_schema_id",
            "leave it empty",
        ),
        ({"attributes": ["agent_ua_string"]}, "id_attributes", "not one of the available"),
        (
            {"stream": "product_metrics.app_base", "attributes": ["mediawiki_skin"]},
            "id_attributes",
            "no field for mediawiki_skin",
        ),
        ({"risk_level": "high"}, "id_review_link", "no review is linked"),
        ({"acknowledged": None}, "id_acknowledged", "Tick the box if it does"),
        ({"end": ""}, "id_end", "Choose the day"),
        ({"end": "soon"}, "id_end", "valid date"),
        ({"start": "2035-02-01T09:00"}, "id_end", "Choose an end that is later"),
    ],
)
def test_new__one_fault__said_under_its_field_and_nothing_stored(
    visitor: Client, changes: dict[str, Any], field: str, text: str
) -> None:
    response = visitor.post(NEW, posted(**changes))
    found = errors(response)
    assert text in found[field]
    assert list(found) == [field]
    assert not Experiment.objects.exists()


def test_new__refused_by_a_rule__rule_named_beside_and_typed_text_kept(visitor: Client) -> None:
    response = visitor.post(NEW, posted(machine_name="short", description="Kept as typed"))
    text = response.content.decode()
    assert "Rule <code>name-has-form</code>" in text
    assert 'href="#f-machine_name"' in text
    assert "Kept as typed" in text
    control = next(e for e in Page(text).all("input") if e.attributes.get("name") == "machine_name")
    assert control.attributes["aria-invalid"] == "true"
    assert "id_machine_name_error" in control.attributes["aria-describedby"].split()


@pytest.mark.parametrize(("added", "prefix"), [("groups", "groups"), ("sites", "sites")])
def test_add__row__one_more_and_everything_kept_unjudged(
    visitor: Client, added: str, prefix: str
) -> None:
    """Without a script; and half a form is no error yet."""
    response = visitor.post(
        NEW, posted(name="", machine_name="sho", end="soon", add=added, save=None)
    )
    assert response.status_code == 200
    page = Page(response.content.decode())
    assert page.faults() == []
    values = page.values()
    assert values[f"{prefix}-TOTAL_FORMS"] == ["3"]
    assert values[f"{prefix}-2-{'name' if added == 'groups' else 'site'}"] == [""]
    assert values.get("groups-2-weight", ["1"]) == ["1"]
    assert values["machine_name"] == ["sho"]
    assert values["groups-1-name"] == ["described"]
    assert values["groups-1-weight"] == ["2"]
    assert values["sites-0-rate"] == ["12.5"]
    assert values["attributes"] == ["page_id", "performer_is_logged_in"]
    assert values["identifier_type"] == ["edge-unique"]
    assert not any("aria-invalid" in e.attributes for e in page.elements)
    assert not Experiment.objects.exists()


def advised(response: HttpResponseBase) -> bool:
    """Whether the check beside the form advises to give some traffic."""
    text = response.content.decode()  # type: ignore[attr-defined]
    assert Page(text).faults() == []
    return "Advice: nobody would take part" in text and "Rule <code>some-traffic</code>" in text


def test_new__no_traffic__advised_until_some_is_given(visitor: Client) -> None:
    assert advised(visitor.get(NEW))
    nowhere = {"sites-0-site": "", "sites-0-rate": "", "add": "sites", "save": None}
    assert advised(visitor.post(NEW, posted(**nowhere)))
    assert not advised(visitor.post(NEW, posted(**nowhere, default_rate="1")))
    assert not advised(visitor.post(NEW, posted(add="sites", save=None)))
    assert not advised(visitor.post(NEW, posted(default_rate="many", **nowhere)))


def test_activate__no_traffic__refused_by_name_until_some_is_given(visitor: Client) -> None:
    """A draft that would enrol nobody may be saved; it may not be switched on."""
    nowhere = {"sites-0-site": "", "sites-0-rate": "", "default_rate": "0"}
    page = visitor.post(NEW, posted(**nowhere))["Location"]
    assert "Nobody would take part" in visitor.get(page).content.decode()
    response = visitor.post(f"{page}/activate")
    assert response.status_code == 422
    text = response.content.decode()
    assert "some-traffic" in text
    assert "Give at least one site a share" in text
    assert not Experiment.objects.get().active
    edit = visitor.get(EDIT).content.decode()
    assert "Refused: nobody would take part" in edit
    assert "Advice: nobody" not in edit
    values = Page(edit).values() | {"default_rate": "100"}
    assert visitor.post(EDIT, values).status_code == 302
    assert visitor.post(f"{page}/activate").status_code == 302
    assert Experiment.objects.get().active


@pytest.mark.parametrize(
    ("changes", "summary", "is_open"),
    [
        ({}, "Description, purpose, task", False),
        ({"description": "It has one"}, "Description, purpose, task", True),
        ({"attributes": []}, "Schema, attributes", False),
        ({"schema_id": "/wrong/title/1.0.0"}, "Schema, attributes", True),
        ({"minimum_effect": "2", "planned_size": "1000"}, "Planned size", True),
        ({}, "Planned size", False),
        ({}, "Only some people", False),
        (
            {
                "targeting-TOTAL_FORMS": "1",
                "targeting-INITIAL_FORMS": "0",
                "targeting-0-attribute": "mediawiki_skin",
            },
            "Only some people",
            True,
        ),
    ],
)
def test_form__folded_part__open_where_it_holds_something_or_is_wrong(
    visitor: Client, changes: dict[str, Any], summary: str, is_open: bool
) -> None:
    response = visitor.post(NEW, posted(**({"name": ""} | changes)))
    folded = Page(response.content.decode()).all("details")
    (found,) = [e for e in folded if summary in e.text]
    assert ("open" in found.attributes) is is_open


def test_new__form_as_the_page_gives_it__enter_saves(visitor: Client) -> None:
    """The first button in a form is the one that the Enter key presses."""
    for path in (NEW, "/instruments/new"):
        page = Page(visitor.get(path).content.decode())
        start = next(
            i
            for i, e in enumerate(page.elements)
            if e.tag == "form" and "form" in e.attributes.get("class", "").split()
        )
        first = next(e for e in page.elements[start:] if e.tag == "button")
        assert first.attributes["name"] == "save"


def test_edit__form_as_the_page_gives_it__changes_nothing(
    visitor: Client, experiment_plan: Callable[..., ExperimentPlan]
) -> None:
    item = lifecycle.activate(
        lifecycle.create(
            experiment_plan(
                description="Two\nlines",
                attributes=("page_id",),
                sites=(("frwiki", Decimal("0.00000001")), ("dewiki", Decimal(1))),
            )
        )
    )
    before = plans.of(item)
    for zone in ("UTC", "America/St_Johns"):
        visitor.cookies["tz"] = zone
        values = Page(visitor.get(EDIT).content.decode()).values()
        assert visitor.post(EDIT, values).status_code == 302
        item = Experiment.objects.get()
        assert plans.of(item) == before
        assert item.active
        assert item.version == 1


def test_edit__running__traffic_raised_and_stays_on(
    visitor: Client, experiment_plan: Callable[..., ExperimentPlan]
) -> None:
    lifecycle.activate(lifecycle.create(experiment_plan()))
    values = Page(visitor.get(EDIT).content.decode()).values()
    response = visitor.post(EDIT, values | {"sites-0-rate": "20", "reason": "More weekends"})
    assert response.status_code == 302
    item = Experiment.objects.get()
    assert item.active
    assert [row.rate for row in item.sites.all()] == [Decimal("0.2"), Decimal("0.1")]
    history = visitor.get("/experiments/search-suggestions/history").content.decode()
    assert "Traffic on frwiki" in history
    assert "More weekends" in history


@pytest.mark.parametrize(
    ("changes", "rule", "field"),
    [
        ({"sites-0-rate": "5"}, "traffic-only-rises", "sites"),
        ({"sites-0-site": "", "sites-0-rate": ""}, "traffic-only-rises", "sites"),
        ({"machine_name": "another-name"}, "live-is-frozen", "id_machine_name"),
        ({"identifier_type": "mw-user"}, "live-is-frozen", "id_identifier_type"),
        ({"groups-1-weight": "5"}, "live-is-frozen", "groups"),
        ({"groups-1-name": "renamed"}, "live-is-frozen", "groups"),
        ({"end": "2020-01-01T00:00"}, "end-in-future", "id_end"),
    ],
)
def test_edit__running__frozen_things_refused_by_name(
    visitor: Client,
    experiment_plan: Callable[..., ExperimentPlan],
    changes: dict[str, str],
    rule: str,
    field: str,
) -> None:
    item = lifecycle.activate(lifecycle.create(experiment_plan()))
    before = plans.of(item)
    values = Page(visitor.get(EDIT).content.decode()).values()
    response = visitor.post(EDIT, values | changes)
    assert field in errors(response)
    assert f"Rule <code>{rule}</code>" in response.content.decode()
    item = Experiment.objects.get()
    assert plans.of(item) == before
    assert item.active


def instrument_form(**changes: object) -> dict[str, Any]:
    fields = posted(machine_name="menu-clicks-desktop", name="Menu clicks", sample_unit="pageview")
    return {n: v for n, v in fields.items() if not n.startswith("groups")} | changes


def test_new_instrument__good_form__stored(visitor: Client) -> None:
    response = visitor.post("/instruments/new", instrument_form(default_rate="50"))
    assert response["Location"] == "/instruments/menu-clicks-desktop"
    plan = plans.of_instrument(Instrument.objects.get())
    assert (plan.sample_unit, plan.default_rate) == ("pageview", Decimal("0.5"))
    assert plan.sites == (("frwiki", Decimal("0.125")),)


def test_new_instrument__no_unit__said(visitor: Client) -> None:
    found = errors(visitor.post("/instruments/new", instrument_form(sample_unit="")))
    assert list(found) == ["id_sample_unit"]


def stream_form(**changes: object) -> dict[str, Any]:
    return {
        "name": "product_metrics.search",
        "schema_title": "analytics/product_metrics/web/base",
        "destination_event_service": "allotment-intake",
        "attributes": ["page_id"],
        "settings": '{"canary_events_enabled": true}',
    } | changes


def test_new_stream__good_form__stored_and_served(visitor: Client) -> None:
    assert visitor.post("/streams/new", stream_form()).status_code == 302
    stream = Stream.objects.get(name="product_metrics.search")
    assert stream.settings == {"canary_events_enabled": True}
    served = Client().get("/w/api.php?action=streamconfigs&format=json").json()["streams"]
    assert served["product_metrics.search"]["canary_events_enabled"] is True


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "short"}, "id_name"),
        ({"name": "product_metrics.WEB_base"}, "id_name"),
        ({"schema_title": "no/such/title"}, "id_schema_title"),
        ({"settings": "{"}, "id_settings"),
        ({"settings": "[]"}, "id_settings"),
        ({"settings": '{"stream": "other"}'}, "id_settings"),
        ({"settings": '{"producers": 1}'}, "id_settings"),
        (
            {"settings": '{"producers": {"metrics_platform_client": {"stream_name": "x"}}}'},
            "id_settings",
        ),
        (
            {
                "schema_title": "analytics/product_metrics/app/base",
                "attributes": ["mediawiki_skin"],
            },
            "id_attributes",
        ),
    ],
)
def test_new_stream__one_fault__said_under_its_field(
    visitor: Client, changes: dict[str, Any], field: str
) -> None:
    assert list(errors(visitor.post("/streams/new", stream_form(**changes)))) == [field]
    assert not Stream.objects.filter(name="product_metrics.search").exists()


def test_edit_stream__schema_of_a_running_item__stays(
    visitor: Client, experiment_plan: Callable[..., ExperimentPlan]
) -> None:
    path = "/streams/product_metrics.web_base"
    other = stream_form(schema_title="analytics/product_metrics/app/base")
    lifecycle.create(experiment_plan())
    assert visitor.post(path, other).status_code == 302
    assert visitor.post(path, stream_form()).status_code == 302
    lifecycle.activate(Experiment.objects.get())
    found = errors(visitor.post(path, other))
    assert "search-suggestions sends events of" in found["id_schema_title"]


def test_edit_stream__posted_name__is_not_taken(visitor: Client) -> None:
    path = "/streams/product_metrics.web_base"
    assert visitor.post(path, stream_form(name="another.name.here")).status_code == 302
    assert Stream.objects.get(name="product_metrics.web_base").attributes == ["page_id"]
    assert not Stream.objects.filter(name="another.name.here").exists()
