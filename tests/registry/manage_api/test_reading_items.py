"""Reading items through the management API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from tests.registry.manage_api.conftest import Program

from allotment.registry import lifecycle
from allotment.registry import plan as plans
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import Experiment
from allotment.registry.plan import ExperimentPlan

pytestmark = pytest.mark.django_db
EXPERIMENT = "/experiments/search-suggestions"


def test_experiment__draft__shows_its_plan_and_revision(
    admin: Program, items: tuple[AnyItem, AnyItem]
) -> None:
    found = admin.get(EXPERIMENT)
    assert found.status == 200
    assert found.headers["ETag"] == '"1"'
    assert found.headers["Cache-Control"] == "no-store"
    body = found.body
    assert (body["kind"], body["state"], body["possible"][0]) == ("experiment", "draft", "ask")
    assert body["plan"]["sites"] == [
        {"site": "frwiki", "rate": 0.1},
        {"site": "dewiki", "rate": 0.1},
    ]
    assert body["plan"]["groups"][1] == {"name": "described", "description": "", "weight": 2}


def test_experiment__damaged_row__says_so_and_hides_nothing_else(
    admin: Program, items: tuple[AnyItem, AnyItem]
) -> None:
    Experiment.objects.update(targeting=["nonsense"])
    body = admin.get("/experiments").body
    assert body["items"][0]["plan"] is None
    assert "targeting" in body["items"][0]["fault"]
    assert admin.get(f"{EXPERIMENT}/findings").status == 409


def test_experiments__filters_and_pages__counted_in_a_stable_order(
    admin: Program, experiment_plan: Callable[..., ExperimentPlan]
) -> None:
    for number in range(5):
        name = f"search-number-{number}"
        lifecycle.create(experiment_plan(machine_name=name, name=f"Number {4 - number}"))
    first = admin.get("/experiments?size=2").body
    assert (first["total"], first["pages"], first["size"]) == (5, 3, 2)
    assert [row["machine_name"][-1] for row in first["items"]] == ["0", "1"]
    last = admin.get("/experiments?size=2&page=3&sort=name").body
    assert [row["machine_name"][-1] for row in last["items"]] == ["0"]
    assert admin.get("/experiments?page=9").body["items"] == []
    for query, count in {
        "status=draft": 5,
        "status=running": 0,
        "q=number-3": 1,
        "team=Search+team": 5,
        "team=Nobody": 0,
        "site=frwiki": 5,
        "site=enwiki": 0,
        "template=true": 0,
    }.items():
        assert admin.get(f"/experiments?{query}").body["total"] == count, query
    assert admin.get("/experiments?size=501").status == 422


def test_history__two_states__what_changed_between_them(
    admin: Program, items: tuple[AnyItem, AnyItem]
) -> None:
    item = items[0]
    plan = replace(plans.of(item), sites=(("frwiki", Decimal("0.2")), ("dewiki", Decimal("0.1"))))
    lifecycle.edit(item, plan, reason="More power")
    found = admin.get(f"{EXPERIMENT}/history").body["versions"]
    assert [(v["revision"], v["verb"], v["reason"]) for v in found] == [
        (2, "edit", "More power"),
        (1, "create", ""),
    ]
    change = {
        "sign": "~",
        "label": "Traffic on frwiki",
        "was": "10%",
        "now": "20%",
        "means": "Raising traffic moves nobody from one group to another.",
    }
    assert found[0]["changes"] == [change]
    assert admin.get(f"{EXPERIMENT}/diff?before=1&after=2").body["changes"] == [change]
    assert admin.get(f"{EXPERIMENT}/history/1").body["record"]["sites"]["frwiki"] == "0.1"
    assert admin.get(f"{EXPERIMENT}/history/3").status == 404


def test_findings__traffic_without_sites__named_rule(
    admin: Program, items: tuple[AnyItem, AnyItem]
) -> None:
    Experiment.objects.update(risk_level="low", stream=items[0].stream)
    Experiment.objects.get().sites.all().delete()
    found = admin.get(f"{EXPERIMENT}/findings").body["findings"]
    assert "some-traffic" in {finding["rule"] for finding in found}


def test_results__none_yet__null_and_unknown_phase_not_found(
    admin: Program, items: tuple[AnyItem, AnyItem]
) -> None:
    assert admin.get(f"{EXPERIMENT}/results").body["report"] is None
    assert admin.get(f"{EXPERIMENT}/results?phase=1").status == 404


def test_requests__that_cannot_be_served__are_problems(
    admin: Program, programs: dict[str, Program], items: tuple[AnyItem, AnyItem]
) -> None:
    for path, method, status in (
        ("/experiments/nothing-of-this-name", "get", 404),
        ("/nowhere", "get", 404),
        ("/", "get", 404),
        (EXPERIMENT, "trace", 405),
        ("/experiments/%00", "get", 400),
        ("/experiments?q=%00", "get", 400),
    ):
        found = admin.ask(method, path)
        assert (found.status, found.headers["Content-Type"]) == (
            status,
            "application/problem+json",
        ), path
        assert found.body["status"] == status
        assert found.body["detail"]
    refused = programs["nobody"].get(EXPERIMENT)
    assert refused.status == 401
    assert refused.headers["WWW-Authenticate"].startswith("Bearer")
    assert Program("alt_0123").get(EXPERIMENT).status == 401
