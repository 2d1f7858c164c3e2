"""Real failures that configuration shows: made through the form and through the management API.

Both ways must name the same rule: at saving, at switching on, or as a finding that is told. What
only files can be wrong in (unknown keys, keys given twice) is in the tests of the check.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.http import HttpResponseBase
from django.test import Client
from tests.contract.check.test_rules_schema import TITLE, own_schema, performer
from tests.registry.form_posts import NEW, posted
from tests.registry.manage_api.conftest import Answer, Program, program

from allotment.registry import lifecycle, placing, schema_catalog
from allotment.registry.models import Account, Site, Stream
from allotment.registry.plan import ExperimentPlan

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
Row = dict[str, Any]
UA = {"enrich_fields_from_http_headers": {"http.request_headers.user-agent": "user-agent"}}
WEB = "product_metrics.web_base"
EDGE = {"producers": {"eventgate": {"use_edge_uniques": True}}}
DOCUMENT: Row = {
    "machine_name": "search-suggestions",
    "name": "Search suggestions",
    "owners": ["Search team"],
    "end": "2027-01-31T09:00:00Z",
    "stream": WEB,
    "attributes": ["page_id", "performer_is_logged_in"],
    "sites": [{"site": "frwiki", "rate": 0.125}],
    "environments": ["production"],
    "risk_level": "low",
    "acknowledged": True,
    "identifier_type": "edge-unique",
    "groups": [{"name": "control"}, {"name": "described", "weight": 2}],
}
STREAM: Row = {
    "name": "product_metrics.search",
    "schema_title": "analytics/product_metrics/web/base",
    "attributes": ["page_id"],
    "settings": {},
}
ITEMS: list[tuple[str, str, Row, Row]] = [
    # (rule, when, what the document says, what the form says)
    (
        "group-named-once",
        "save",
        {"groups": [{"name": "control"}, {"name": "control"}]},
        {"groups-1-name": "control"},
    ),
    (
        "groups-are-enough",
        "save",
        {"groups": [{"name": "control"}]},
        {"groups-TOTAL_FORMS": "1"},
    ),
    (
        "site-listed-once",
        "save",
        {"sites": [{"site": "frwiki", "rate": 0.1}, {"site": "frwiki", "rate": 0.2}]},
        {"sites-1-site": "frwiki", "sites-1-rate": "20"},
    ),
    (
        "site-below-cap",
        "save",
        {"sites": [{"site": "cappedwiki", "rate": 0.125}]},
        {"sites-0-site": "cappedwiki"},
    ),
    ("name-has-form", "save", {"machine_name": "Search!"}, {"machine_name": "Search!"}),
    ("name-is-free", "save", {"machine_name": "TAKEN-name"}, {"machine_name": "TAKEN-name"}),
    (
        "end-after-start",
        "save",
        {"start": "2027-02-01T09:00:00Z"},
        {"start": "2027-02-01T09:00"},
    ),
    (
        "attribute-has-field",
        "save",
        {"stream": "product_metrics.app_base", "attributes": ["mediawiki_skin"]},
        {"stream": "product_metrics.app_base", "attributes": ["mediawiki_skin"]},
    ),
    ("risk-needs-review", "save", {"risk_level": "high"}, {"risk_level": "high"}),
    (
        "risk-fits-what-is-sent",
        "save",
        {"attributes": ["performer_id", "page_id", "performer_name"]},
        {"attributes": ["performer_id", "page_id", "performer_name"]},
    ),
    ("stream-exists", "save", {"stream": "no.such.stream"}, {"stream": "no.such.stream"}),
    (
        "identifier-type-is-known",
        "save",
        {"identifier_type": "shoe-size"},
        {"identifier_type": "shoe-size"},
    ),
    (
        "metric-is-known",
        "save",
        {"primary_metric": "happiness"},
        {"primary_metric": "happiness"},
    ),
    (
        "schema-fits-stream",
        "save",
        {"schema_id": "/other/title/1.0.0"},
        {"schema_id": "/other/title/1.0.0"},
    ),
    ("some-traffic", "on", {"sites": []}, {"sites-0-site": "", "sites-0-rate": ""}),
    ("end-in-future", "on", {"end": "2020-01-31T09:00:00Z"}, {"end": "2020-01-31T09:00"}),
    (
        "identifier-fits-stream",
        "on",
        {"stream": "product_metrics.no_edge"},
        {"stream": "product_metrics.no_edge"},
    ),
    (
        "targeting-attribute-is-sent",
        "on",
        {"targeting": {"page_namespace_id": {"equals": 0}}},
        {
            "targeting-TOTAL_FORMS": "1",
            "targeting-INITIAL_FORMS": "0",
            "targeting-0-attribute": "page_namespace_id",
            "targeting-0-operator": "equals",
            "targeting-0-value": "0",
        },
    ),
    (
        "rate-can-be-drawn",
        "told",
        {
            "groups": [{"name": "control", "weight": 512}, {"name": "other", "weight": 512}],
            "sites": [{"site": "frwiki", "rate": 0.0001}],
        },
        {"groups-0-weight": "512", "groups-1-weight": "512", "sites-0-rate": "0.01"},
    ),
    ("holdout-measures-all", "told", {"holds_out": ["all"]}, {"holds_out": "all"}),
    ("holdout-is-small", "told", {"holds_out": ["all"]}, {"holds_out": "all"}),
    ("within-retention", "told", {"end": "2027-06-30T09:00:00Z"}, {"end": "2027-06-30T09:00"}),
    ("date-is-plausible", "told", {"end": "2035-01-31T09:00:00Z"}, {"end": "2035-01-31T09:00"}),
]
STREAMS: list[tuple[str, Row]] = [
    ("schema-title-is-plain", {"schema_title": f"/{STREAM['schema_title']}"}),
    ("schema-is-known", {"schema_title": "no/such/title"}),
    ("setting-in-its-place", {"settings": {"eventgate": {"use_edge_uniques": True}}}),
    ("setting-is-known", {"settings": {"producers": {"eventgate": {"use_edge_unique": True}}}}),
    ("setting-has-type", {"settings": {"producers": {"eventgate": {"use_edge_uniques": "yes"}}}}),
    ("user-agent-is-reviewed", {"settings": {"producers": {"eventgate": UA}}}),
    (
        "attribute-has-field",
        {
            "schema_title": "analytics/product_metrics/app/base",
            "attributes": ["mediawiki_skin"],
        },
    ),
    ("name-is-free", {"name": "product_metrics.WEB_base"}),
    ("name-has-form", {"name": "short"}),
]


@pytest.fixture
def admin(account: Account, experiment_plan: Callable[..., ExperimentPlan]) -> Program:
    """A program of the same person who sits at the form, in a lab where an edge enrolls."""
    placing.save_site(Site(name="cappedwiki", cap=Decimal("0.1")))
    lifecycle.create(experiment_plan(machine_name="taken-name"))
    Stream.objects.filter(name=WEB).update(settings=EDGE)
    lifecycle.save_stream(
        Stream(name="product_metrics.no_edge", schema_title=STREAM["schema_title"], attributes=[])
    )
    return program(account)


def named(response: HttpResponseBase) -> set[str]:
    """The rules that a page names."""
    text = response.content.decode()  # type: ignore[attr-defined]
    return set(re.findall(r"<code>([a-z]+(?:-[a-z]+)+)</code>", text))


def told(answer: Answer) -> set[str]:
    """The rules that an answer names."""
    return {finding["rule"] for finding in answer.body["findings"]}


@pytest.mark.parametrize(
    ("rule", "when", "document", "form"), ITEMS, ids=[f"{row[0]}-{row[1]}" for row in ITEMS]
)
def test_experiment__broken__same_rule_by_form_and_api(
    visitor: Client, admin: Program, rule: str, when: str, document: Row, form: Row
) -> None:
    asked = admin.post("/experiments", DOCUMENT | document)
    typed = posted(**({"end": "2027-01-31T09:00"} | form))
    if when == "save":
        assert (asked.status, rule in asked.rules) == (422, True), asked.body
        page = visitor.post(NEW, typed)
        assert page.status_code == 422
        assert rule in named(page)
        return
    assert asked.status == 201, asked.body
    path = "/experiments/search-suggestions"
    if when == "on":
        refused = admin.post(f"{path}/activate", {}, etag='"1"')
        assert (refused.status, rule in refused.rules) == (422, True), refused.body
    else:
        assert rule in told(asked)
    checked = visitor.post(NEW, typed | {"machine_name": "search-suggestions-2"})
    assert checked.status_code == 302
    if when == "on":
        refused_page = visitor.post(f"{checked['Location']}/activate")
        assert refused_page.status_code == 422
        assert rule in named(refused_page)
    else:
        assert rule in named(visitor.get(f"{checked['Location']}/edit"))


@pytest.mark.parametrize(("rule", "changes"), STREAMS, ids=[row[0] for row in STREAMS])
def test_stream__broken__same_rule_by_form_and_api(
    visitor: Client, admin: Program, rule: str, changes: Row
) -> None:
    asked = admin.post("/streams", STREAM | changes)
    assert (asked.status, rule in asked.rules) == (422, True), asked.body
    fields = {"destination_event_service": "allotment-intake"} | STREAM | changes
    typed = fields | {"settings": json.dumps(fields["settings"])}
    page = visitor.post("/streams/new", typed)
    assert page.status_code == 422
    assert rule in named(page)


def test_stream__block_taken_away__same_rule_by_form_and_api(
    visitor: Client, admin: Program
) -> None:
    found = admin.get(f"/streams/{WEB}")
    asked = admin.put(f"/streams/{WEB}", found.body | {"settings": {}}, etag=found.headers["ETag"])
    assert asked.rules == ["block-not-lost"]
    page = visitor.post(f"/streams/{WEB}", found.body | {"settings": "{}"})
    assert "block-not-lost" in named(page)


@pytest.fixture
def own_stream(
    tmp_path: Path, settings: LazySettings, request: pytest.FixtureRequest, admin: Program
) -> Iterator[str]:
    """A stream whose schema is not one of those that come with Allotment."""
    folder = tmp_path / "schemas"
    own_schema(folder, **request.param)
    settings.ALLOTMENT = replace(settings.ALLOTMENT, schema_paths=(folder,))
    _forget_schemas()
    name = "product_metrics.own"
    lifecycle.save_stream(Stream(name=name, schema_title=TITLE, attributes=[]))
    yield name
    _forget_schemas()


def _forget_schemas() -> None:
    schema_catalog._looked_at.cache_clear()
    schema_catalog._opened.cache_clear()


@pytest.mark.parametrize(
    ("rule", "own_stream"),
    [
        ("schema-has-membership", {"properties": {"experiments": None}}),
        ("required-field-is-sent", {"properties": {"performer": performer("session_id")}}),
        ("metric-has-field", {"properties": {"action": None}}),
    ],
    indirect=["own_stream"],
)
def test_experiment__on_a_schema_that_lacks_something__same_rule_by_form_and_api(
    visitor: Client, admin: Program, rule: str, own_stream: str
) -> None:
    fields: Row = {
        "stream": own_stream,
        "primary_metric": "click_through_rate",
        "attributes": ["performer_is_logged_in"],
    }
    asked = admin.post("/experiments", DOCUMENT | fields)
    assert asked.status == 201, asked.body
    refused = admin.post("/experiments/search-suggestions/activate", {}, etag='"1"')
    assert (refused.status, rule in refused.rules) == (422, True), refused.body
    typed = posted(machine_name="search-suggestions-2", end="2027-01-31T09:00", **fields)
    made = visitor.post(NEW, typed)
    assert made.status_code == 302
    page = visitor.post(f"{made['Location']}/activate")
    assert page.status_code == 422
    assert rule in named(page)
