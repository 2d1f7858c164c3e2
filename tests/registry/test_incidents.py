"""Known failures of such platforms, made through the form: each is refused by a named rule."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone
from tests.registry.page_reading import Page
from tests.registry.test_forms import posted

from allotment.contract.schemas import shipped_repository
from allotment.registry import checking, lifecycle, schema_catalog, seeding
from allotment.registry.attributes import WEB_TITLE
from allotment.registry.models import Experiment, Stream
from allotment.registry.plan import ExperimentPlan

pytestmark = pytest.mark.django_db
NEW = "/experiments/new"
STREAM = "/streams/product_metrics.web_base"
UA = "http.request_headers.user-agent"
Make = Callable[..., ExperimentPlan]


def stream_form(settings: object = None, **changes: object) -> dict[str, Any]:
    """The base stream's form as it stands; keywords change it."""
    return {
        "name": "product_metrics.web_base",
        "description": "Everything that happens on web pages.",
        "schema_title": WEB_TITLE,
        "destination_event_service": "allotment-intake",
        "attributes": ["mediawiki_database", "performer_is_logged_in"],
        "settings": json.dumps(settings or {}),
        "save": "yes",
    } | changes


def text_of(response: Any) -> str:  # noqa: ANN401 - the client's answer
    page = Page(response.content.decode())
    assert page.faults() == []
    return " ".join(next(e.text for e in page.all("main")).split())


@pytest.mark.parametrize(
    ("given", "rule", "said"),
    [
        (
            {"producers": {"eventgate": {"enrich_fields_from_http_header": {UA: False}}}},
            "setting-is-known",
            "Did you mean enrich_fields_from_http_headers?",
        ),
        (
            {"eventgate": {"enrich_fields_from_http_headers": {UA: False}}},
            "setting-in-its-place",
            "Move it inside producers",
        ),
        (
            {
                "producers": {
                    "eventgate": {
                        "enrich_fields_from_http_headers": {
                            "http.request_headers.user_agent": False
                        }
                    }
                }
            },
            "header-has-field",
            "Did you mean http.request_headers.user-agent?",
        ),
        (
            {"producers": {"eventgate": {"enrich_fields_from_http_headers": {UA: "user-agent"}}}},
            "user-agent-is-reviewed",
            "Link the review that allows it",
        ),
        (
            {"producers": {"eventgate": {"use_edge_uniques": "yes"}}},
            "setting-has-type",
            "Give true or false",
        ),
        (
            {"producers": {"test_kitchen": {"include_gk": True}}},
            "setting-is-known",
            "include_gk",
        ),
    ],
)
def test_stream_form__settings_wrong_in_meaning__refused(
    visitor: Client, given: object, rule: str, said: str
) -> None:
    response = visitor.post(STREAM, stream_form(given))
    assert response.status_code == 422
    assert said in text_of(response)
    assert rule in codes(response)
    assert Stream.objects.get(name="product_metrics.web_base").settings == {}


def codes(response: Any) -> set[str | None]:  # noqa: ANN401 - the client's answer
    """The names of the rules in a form's errors."""
    return {
        error.code
        for found in response.context["form"].errors.as_data().values()
        for error in found
    }


@pytest.mark.parametrize(
    ("title", "rule"),
    [
        (f"/{WEB_TITLE}", "schema-title-is-plain"),
        (f"{WEB_TITLE}/1.3.0", "schema-title-is-plain"),
        ("analytics/no/such", "schema-is-known"),
        ("fragment/analytics/common", "schema-has-table"),
    ],
)
def test_stream_form__title_that_equals_none__refused(
    visitor: Client, title: str, rule: str
) -> None:
    response = visitor.post(
        "/streams/new", stream_form(name="product_metrics.own", schema_title=title)
    )
    assert response.status_code == 422
    assert rule in codes(response)


def test_stream_form__sound_settings__saved(visitor: Client) -> None:
    settings = {"producers": {"eventgate": {"enrich_fields_from_http_headers": {UA: False}}}}
    assert visitor.post(STREAM, stream_form(settings)).status_code == 302
    assert Stream.objects.get(name="product_metrics.web_base").settings == settings


def test_stream_form__whole_block_taken_away__refused_until_it_is_meant(visitor: Client) -> None:
    settings = {"producers": {"eventgate": {"enrich_fields_from_http_headers": {UA: False}}}}
    visitor.post(STREAM, stream_form(settings))
    response = visitor.post(STREAM, stream_form({}))
    assert codes(response) == {"block-not-lost"}
    assert "It is meant: take it away" in text_of(response)
    assert visitor.post(STREAM, stream_form({}, meant="on")).status_code == 302


def test_stream_form__all_attributes_taken_away__refused(visitor: Client) -> None:
    assert codes(visitor.post(STREAM, stream_form(attributes=[]))) == {"block-not-lost"}


def activated(visitor: Client, plan: ExperimentPlan) -> Any:  # noqa: ANN401 - as the client types it
    """The answer to switching a plan on, once it is stored."""
    lifecycle.create(plan)
    return visitor.post(f"/experiments/{plan.machine_name}/activate")


def refused(visitor: Client, plan: ExperimentPlan, rule: str) -> str:
    """What the page says where a rule refuses that a plan is switched on."""
    response = activated(visitor, plan)
    assert response.status_code == 422
    text = text_of(response)
    assert f"Rule {rule}" in text
    assert not Experiment.objects.get().active
    return text


def test_activate__stream_without_ids_of_the_edge__refused(
    visitor: Client, experiment_plan: Make
) -> None:
    edge = {"producers": {"eventgate": {"use_edge_uniques": True}}}
    Stream.objects.create(name="product_metrics.edge", schema_title=WEB_TITLE, settings=edge)
    text = refused(visitor, experiment_plan(), "identifier-fits-stream")
    assert "choose product_metrics.edge" in text


def test_activate__stream_that_collects_the_user_agent__refused(
    visitor: Client, experiment_plan: Make
) -> None:
    settings = {"producers": {"eventgate": {"enrich_fields_from_http_headers": {UA: True}}}}
    Stream.objects.filter(name="product_metrics.web_base").update(settings=settings)
    refused(visitor, experiment_plan(), "user-agent-is-reviewed")


def test_activate__stream_with_a_sample__refused_at_the_stream(
    visitor: Client, experiment_plan: Make
) -> None:
    assert activated(visitor, experiment_plan()).status_code == 302
    response = visitor.post(STREAM, stream_form({"sample": {"unit": "session", "rate": 0.1}}))
    assert codes(response) == {"stream-takes-all-of-an-experiment"}


def test_activate__metric_that_is_gone__refused(visitor: Client, experiment_plan: Make) -> None:
    refused(visitor, experiment_plan(primary_metric="click_trough_rate"), "metric-is-known")


def test_activate__schema_of_another_title__refused(visitor: Client, experiment_plan: Make) -> None:
    schema = "/analytics/product_metrics/app/base/1.3.0"
    refused(visitor, experiment_plan(schema_id=schema), "schema-fits-stream")


@pytest.fixture
def own_schemas(settings: LazySettings, tmp_path: Path) -> Iterator[Path]:
    """A schema repository beside the shipped one."""
    folder = tmp_path / "schemas"
    paths = (shipped_repository(), folder)
    settings.ALLOTMENT = replace(settings.ALLOTMENT, schema_paths=paths)
    folder.mkdir()
    schema_catalog.repository.cache_clear()
    yield folder
    schema_catalog.repository.cache_clear()


def write_schema(folder: Path, *, required: str = "", membership: bool = True) -> None:
    """A title of its own, on a stream of its own."""
    text = {"type": "string", "maxLength": 255}
    group = {"type": "object", "properties": {"enrolled": text, "assigned": text}}
    body = {
        "title": "analytics/own",
        "$id": "/analytics/own/1.0.0",
        "type": "object",
        "additionalProperties": False,
        "required": ["$schema", "meta", "performer"],
        "properties": {
            "$schema": text,
            "action": text,
            "meta": {
                "type": "object",
                "properties": {
                    "stream": text,
                    "dt": {"type": "string", "format": "date-time", "maxLength": 64},
                },
            },
            "performer": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "is_logged_in": {"type": "boolean"},
                    **({required: text} if required else {}),
                },
                "required": [required] if required else [],
            },
            **({"experiments": group} if membership else {}),
        },
    }
    (folder / "analytics/own").mkdir(parents=True)
    (folder / "analytics/own/1.0.0.yaml").write_text(json.dumps(body))
    Stream.objects.create(name="product_metrics.own", schema_title="analytics/own")


OWN = {
    "stream": "product_metrics.own",
    "schema_title": "analytics/own",
    "schema_id": "/analytics/own/1.0.0",
}


def test_activate__required_attribute_that_no_client_fills__refused(
    visitor: Client, experiment_plan: Make, own_schemas: Path
) -> None:
    write_schema(own_schemas, required="active_browsing_session_token")
    refused(visitor, experiment_plan(**OWN), "required-field-is-sent")


def test_activate__schema_without_membership__refused(
    visitor: Client, experiment_plan: Make, own_schemas: Path
) -> None:
    write_schema(own_schemas, membership=False)
    refused(visitor, experiment_plan(**OWN), "schema-has-membership")


def test_activate__attribute_without_field_in_a_custom_schema__refused(
    visitor: Client, experiment_plan: Make, own_schemas: Path
) -> None:
    write_schema(own_schemas)
    plan = experiment_plan(**OWN, attributes=("performer_is_logged_in", "page_id"))
    assert "no field page.id" in refused(visitor, plan, "attribute-has-field")


def test_activate__custom_schema_that_fits__runs(
    visitor: Client, experiment_plan: Make, own_schemas: Path
) -> None:
    write_schema(own_schemas)
    assert activated(visitor, experiment_plan(**OWN)).status_code == 302


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"groups-1-name": "control"}, "group-named-once"),
        ({"sites-1-site": "frwiki", "sites-1-rate": "20"}, "site-listed-once"),
        ({"machine_name": "product_metrics.web_base"}, "name-is-free"),
        ({"start": "2035-02-01T09:00"}, "end-after-start"),
        ({"risk_level": "high"}, "risk-needs-review"),
    ],
)
def test_item_form__known_slip__refused_when_saved(
    visitor: Client, changes: dict[str, object], rule: str
) -> None:
    response = visitor.post(NEW, posted(**changes))
    assert response.status_code == 422
    assert f"Rule {rule}" in text_of(response)


def test_item_form__check_button__findings_and_nothing_saved(visitor: Client) -> None:
    response = visitor.post(NEW, posted(save=None, check="yes", end="2062-01-31T09:00"))
    assert response.status_code == 200
    assert "Advice: the end is far ahead" in text_of(response)
    assert not Experiment.objects.exists()


def test_item_form__live_check__fragment_also_of_a_form_half_typed(visitor: Client) -> None:
    half = posted(
        save=None,
        check="live",
        name="",
        machine_name="",
        identifier_type=None,
        end="",
        attributes=["performer_edit_count"],
    )
    response = visitor.post(NEW, half)
    assert response.status_code == 200
    text = response.content.decode()
    assert "<html" not in text
    assert "As it stands, not saved" in text
    assert "identifier-type-is-known" not in text
    whole = visitor.post(NEW, posted(save=None, check="live", attributes=["performer_edit_count"]))
    assert "is empty for most" in whole.content.decode()
    assert not Experiment.objects.exists()


def test_item_form__live_check_without_login__asks_to_log_in(streams: None) -> None:
    assert Client().post(NEW, posted(save=None, check="live")).status_code in {302, 403}


def test_edit__live_item_into_what_could_not_start__refused(
    visitor: Client, experiment_plan: Make
) -> None:
    activated(visitor, experiment_plan())
    found = checking.of_lab(timezone.now())[1]
    assert [f.rule for f in found if f.severity == "error"] == []
    item = Experiment.objects.get()
    with pytest.raises(lifecycle.RuleRefusedError) as told:
        lifecycle.edit(item, experiment_plan(primary_metric="gone_metric"))
    assert "metric-is-known" in {r.rule for r in told.value.refusals}


def test_of_lab__demo__nothing_at_all(db: None) -> None:
    seeding.seed_demo()
    configuration, found = checking.of_lab(timezone.now())
    assert [f.sentence for f in found] == []
    assert len(configuration.items) == 2
    assert len(configuration.streams or ()) == 2
