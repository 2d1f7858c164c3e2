"""The contract of the public JSON: shapes, headers, and one bad row that hides nobody."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from tests.registry.damage import damage

from allotment.allocation import parse_experiment
from allotment.registry import lifecycle, served
from allotment.registry.models import Experiment, Stream
from allotment.registry.plan import ExperimentPlan, InstrumentPlan

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
STREAMS = "/w/api.php?action=streamconfigs&format=json"
PATHS = ["/api/v1/experiments", "/api/v1/instruments", STREAMS]
MakeExperiment = Callable[..., ExperimentPlan]
MakeInstrument = Callable[..., InstrumentPlan]


def get(path: str) -> Any:  # noqa: ANN401 - JSON
    response = Client().get(path)
    assert response.status_code == 200, response.content
    assert response["Content-Type"] == "application/json; charset=utf-8"
    return json.loads(response.content)


def test_experiments__active_one__current_form(experiment_plan: MakeExperiment) -> None:
    item = lifecycle.activate(lifecycle.create(experiment_plan()))
    assert item.start is not None
    assert get("/api/v1/experiments") == [
        {
            "name": "search-suggestions",
            "start": item.start.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "end": item.end.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "user_identifier_type": "edge-unique",
            "sample_rate": {"default": 0, "0.1": ["frwiki", "dewiki"]},
            "groups": ["control", "described"],
            "weights": [1, 2],
            "stream_name": "product_metrics.web_base",
            "schema_id": "/analytics/product_metrics/web/base/1.3.0",
            "contextual_attributes": ["performer_is_logged_in"],
            "version": "1",
            "phase_index": 0,
        }
    ]
    parse_experiment(get("/api/v1/experiments")[0])


def test_instruments__active_one__current_form(instrument_plan: MakeInstrument) -> None:
    item = lifecycle.activate(lifecycle.create(instrument_plan()))
    assert item.start is not None
    assert get("/api/v1/instruments") == [
        {
            "name": "desktop-ui-interactions",
            "start": item.start.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "end": item.end.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "sample_unit": "pageview",
            "sample_rate": {"default": 0.5, "0.1": ["frwiki"], "0.01": ["enwiki"]},
            "stream_name": "product_metrics.web_base",
            "schema_title": "analytics/product_metrics/web/base",
            "contextual_attributes": ["page_id", "mediawiki_skin"],
        }
    ]


def test_experiments__draft_future_stopped__only_future_unless_analytics(
    experiment_plan: MakeExperiment,
) -> None:
    future = timezone.now() + timedelta(days=1)
    lifecycle.create(experiment_plan(machine_name="a-draft-of-one"))
    lifecycle.activate(lifecycle.create(experiment_plan(machine_name="future-one", start=future)))
    lifecycle.stop(
        lifecycle.activate(lifecycle.create(experiment_plan(machine_name="stopped-one")))
    )
    assert [e["name"] for e in get("/api/v1/experiments")] == ["future-one"]
    listed = get("/api/v1/experiments?format=analytics")
    assert [(e["name"], e["active"]) for e in listed] == [
        ("future-one", True),
        ("stopped-one", False),
    ]
    assert listed[0]["stopped"] is None
    assert listed[1]["start"] <= listed[1]["stopped"] < listed[1]["end"]
    lifecycle.activate(Experiment.objects.get(machine_name="stopped-one"))
    assert get("/api/v1/experiments?format=analytics")[1]["stopped"] is None


def test_experiments__past_its_end__active_in_analytics_until_switched_off(
    experiment_plan: MakeExperiment,
) -> None:
    item = lifecycle.activate(lifecycle.create(experiment_plan()))
    (plain,) = get("/api/v1/experiments")
    assert "active" not in plain
    Experiment.objects.update(end=timezone.now() - timedelta(hours=1))
    served.forget()
    assert get("/api/v1/experiments") == []
    (ended,) = get("/api/v1/experiments?format=analytics")
    assert ended == {
        **plain,
        "end": ended["end"],
        "active": True,
        "stopped": None,
        "versions": ["1", "1"],
    }
    lifecycle.stop(item)
    (stopped,) = get("/api/v1/experiments?format=analytics")
    assert stopped == {**ended, "active": False, "stopped": stopped["stopped"]}
    assert stopped["stopped"] >= stopped["end"], "so its result is not of one stopped early"


def test_experiments__unknown_format__400_with_what_to_give() -> None:
    response = Client().get("/api/v1/experiments?format=xml")
    assert response.status_code == 400
    assert "'xml'; give config or analytics" in response.json()["error"]["info"]


def test_streams__experiment_and_instrument__merged_in(
    experiment_plan: MakeExperiment, instrument_plan: MakeInstrument
) -> None:
    lifecycle.activate(lifecycle.create(experiment_plan(attributes=("page_id",))))
    lifecycle.activate(lifecycle.create(instrument_plan()))
    found = get(STREAMS)["streams"]
    assert found["product_metrics.web_base"] == {
        "stream": "product_metrics.web_base",
        "schema_title": "analytics/product_metrics/web/base",
        "destination_event_service": "allotment-intake",
        "topics": ["product_metrics.web_base"],
        "producers": {
            "metrics_platform_client": {
                "provide_values": ["mediawiki_database", "performer_is_logged_in", "page_id"]
            }
        },
    }
    assert found["desktop-ui-interactions"] == {
        "stream": "desktop-ui-interactions",
        "schema_title": "analytics/product_metrics/web/base",
        "producers": {
            "metrics_platform_client": {
                "provide_values": ["page_id", "mediawiki_skin"],
                "stream_name": "product_metrics.web_base",
            }
        },
        "sample": {"unit": "pageview", "rate": 0.5},
    }
    assert "product_metrics.app_base" in found


def test_streams__site__its_rate(instrument_plan: MakeInstrument) -> None:
    lifecycle.activate(lifecycle.create(instrument_plan()))
    rates = {
        site: get(f"{STREAMS}&site={site}")["streams"]["desktop-ui-interactions"]["sample"]["rate"]
        for site in ("frwiki", "enwiki", "dewiki")
    }
    assert rates == {"frwiki": 0.1, "enwiki": 0.01, "dewiki": 0.5}


def test_streams__everybody_in_sample__rate_is_the_text_1_to_constraints(
    instrument_plan: MakeInstrument,
) -> None:
    lifecycle.activate(lifecycle.create(instrument_plan(default_rate=Decimal(1))))
    found = get(f"{STREAMS}&constraints=sample[rate]=1")["streams"]
    assert list(found) == ["desktop-ui-interactions"]


def test_streams__future_or_stopped__not_merged(
    experiment_plan: MakeExperiment, instrument_plan: MakeInstrument
) -> None:
    future = timezone.now() + timedelta(days=1)
    lifecycle.activate(lifecycle.create(instrument_plan(start=future)))
    lifecycle.stop(lifecycle.activate(lifecycle.create(experiment_plan(attributes=("page_id",)))))
    found = get(STREAMS)["streams"]
    assert sorted(found) == ["product_metrics.app_base", "product_metrics.web_base"]
    client = found["product_metrics.web_base"]["producers"]["metrics_platform_client"]
    assert "page_id" not in client["provide_values"]


def test_streams__chosen_by_name_and_constraint__only_those() -> None:
    app, web = "product_metrics.app_base", "product_metrics.web_base"
    assert list(get(f"{STREAMS}&streams={app}|no.such.stream")["streams"]) == [app]
    by_title = f"{STREAMS}&constraints=schema_title=analytics/product_metrics/web/base"
    assert list(get(by_title)["streams"]) == [web]
    assert get(f"{STREAMS}&formatversion=2&all_settings=1&streams={web}")["streams"][web]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "action=query",
        "action=streamconfigs&format=xml",
        "action=streamconfigs&formatversion=1",
        "action=streamconfigs&constraints=nonsense",
        "action=streamconfigs&streams=" + "|".join(f"s{i}" for i in range(251)),
    ],
)
def test_streams__unusable_parameters__400_in_json(query: str) -> None:
    response = Client().get(f"/w/api.php?{query}")
    assert response.status_code == 400
    assert response.json()["error"]["code"] in {"badvalue", "toomanyvalues"}


def test_streams__further_settings__passed_on_and_merged() -> None:
    stream = Stream.objects.get(name="product_metrics.web_base")
    stream.settings = {
        "canary_events_enabled": True,
        "producers": {"eventgate": {"use_edge_uniques": True}},
    }
    lifecycle.save_stream(stream)
    found = get(STREAMS)["streams"]["product_metrics.web_base"]
    assert found["canary_events_enabled"] is True
    assert found["producers"]["eventgate"] == {"use_edge_uniques": True}
    assert found["producers"]["metrics_platform_client"]["provide_values"]


@pytest.mark.parametrize("path", PATHS)
def test_answer__headers__version_etag_cache_and_cors(path: str) -> None:
    response = Client().get(path)
    assert response["ETag"].startswith('"')
    assert response["Cache-Control"].startswith("public, max-age=")
    assert int(response["X-Allotment-Config-Version"]) >= 1
    assert response["Access-Control-Allow-Origin"] == "*"
    assert "X-Allotment-Config-Version" in response["Access-Control-Expose-Headers"]
    assert "Set-Cookie" not in response.headers
    assert "Cookie" not in response.headers.get("Vary", "")


@pytest.mark.parametrize("path", PATHS)
def test_answer__unchanged__304_with_version(path: str) -> None:
    first = Client().get(path)
    second = Client().get(path, headers={"if-none-match": first["ETag"]})
    assert (second.status_code, second.content) == (304, b"")
    assert second["ETag"] == first["ETag"]
    assert second["X-Allotment-Config-Version"] == first["X-Allotment-Config-Version"]
    assert second["Access-Control-Allow-Origin"] == "*"


def test_answer__changed__other_etag_and_higher_version(experiment_plan: MakeExperiment) -> None:
    first = Client().get(PATHS[0])
    lifecycle.activate(lifecycle.create(experiment_plan()))
    second = Client().get(PATHS[0], headers={"if-none-match": first["ETag"]})
    assert second.status_code == 200
    numbers = [int(r["X-Allotment-Config-Version"]) for r in (first, second)]
    assert numbers[1] > numbers[0]


@pytest.mark.parametrize("path", PATHS)
def test_answer__other_methods__options_allowed_post_refused(path: str) -> None:
    asked = Client().options(path)
    assert asked.status_code == 204
    assert "If-None-Match" in asked["Access-Control-Allow-Headers"]
    assert Client(enforce_csrf_checks=True).post(path).status_code == 405


CORRUPTIONS = [
    "UPDATE registry_{kind} SET attributes = '{{not json' WHERE machine_name = 'the-bad-one'",
    "UPDATE registry_{kind} SET attributes = '\"a text\"' WHERE machine_name = 'the-bad-one'",
    "UPDATE registry_{kind} SET \"end\" = 'gibberish' WHERE machine_name = 'the-bad-one'",
    "UPDATE registry_{kind} SET start = NULL WHERE machine_name = 'the-bad-one'",
    "UPDATE registry_{kind} SET default_rate = 7 WHERE machine_name = 'the-bad-one'",
    "UPDATE registry_{kind} SET default_rate = 'many' WHERE machine_name = 'the-bad-one'",
    (
        "UPDATE registry_{kind}site SET rate = 'abc' WHERE {kind}_id = (SELECT id FROM "
        "registry_{kind} WHERE machine_name = 'the-bad-one')"
    ),
]


@pytest.mark.parametrize("corruption", CORRUPTIONS)
@pytest.mark.parametrize("kind", ["experiment", "instrument"])
def test_answer__one_corrupt_row__others_are_served(
    kind: str,
    corruption: str,
    experiment_plan: MakeExperiment,
    instrument_plan: MakeInstrument,
) -> None:
    make: Callable[..., Any] = experiment_plan if kind == "experiment" else instrument_plan
    for name in ("a-good-one", "the-bad-one", "z-good-one"):
        lifecycle.activate(lifecycle.create(make(machine_name=name)))
    damage(corruption.format(kind=kind))
    response = Client().get(f"/api/v1/{kind}s")
    assert response.status_code == 200
    assert [row["name"] for row in response.json()] == ["a-good-one", "z-good-one"]
    assert response["X-Allotment-Left-Out"] == "1"
    streams = Client().get(STREAMS)
    assert streams.status_code == 200
    assert "product_metrics.web_base" in streams.json()["streams"]
    if kind == "instrument":
        assert "a-good-one" in streams.json()["streams"]
        assert "the-bad-one" not in streams.json()["streams"]


def test_experiments__groups_lost__left_out(experiment_plan: MakeExperiment) -> None:
    for name in ("a-good-one", "the-bad-one"):
        lifecycle.activate(lifecycle.create(experiment_plan(machine_name=name)))
    damage(
        "DELETE FROM registry_group WHERE experiment_id = "
        "(SELECT id FROM registry_experiment WHERE machine_name = 'the-bad-one')"
    )
    assert [row["name"] for row in get("/api/v1/experiments")] == ["a-good-one"]


def test_streams__one_corrupt_stream__others_are_served() -> None:
    damage("UPDATE registry_stream SET settings = '[]' WHERE name = 'product_metrics.app_base'")
    response = Client().get(STREAMS)
    assert list(response.json()["streams"]) == ["product_metrics.web_base"]
    assert response["X-Allotment-Left-Out"] == "1"


@pytest.mark.django_db(transaction=True)
def test_answer__table_gone__error_and_never_an_empty_list() -> None:
    damage("ALTER TABLE registry_experiment RENAME TO elsewhere")
    client = Client(raise_request_exception=False)
    assert client.get("/api/v1/experiments").status_code == 500
    damage("ALTER TABLE elsewhere RENAME TO registry_experiment")


def test_healthz__database_there__ok() -> None:
    response = Client().get("/healthz")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
