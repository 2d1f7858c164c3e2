"""Over HTTP only: a planted effect is found, and where there is none, none is found."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.clients import js_package
from tests.end_to_end.lab import VISIBLE_SECONDS, Lab, logged_in, post, until
from tests.required_tools import require_tool

from allotment.allocation import allocate, parse_experiment
from allotment_demo.synthetic_readers import Counts, Plan, send_plan

SUBJECTS = 5000
CONTROL_RATE = 0.20
TREATMENT_RATE = 0.25


def fields(name: str) -> dict[str, Any]:
    """The experiment form as a browser posts it."""
    end = datetime.now(UTC) + timedelta(days=14)
    return {
        "name": name,
        "machine_name": name,
        "owners": "Measuring team",
        "hypothesis": "The other wording makes more readers click.",
        "identifier_type": "edge-unique",
        "stream": "product_metrics.web_base",
        "default_rate": "100",
        "environments": "production",
        "risk_level": "low",
        "acknowledged": "on",
        "end": end.strftime("%Y-%m-%dT%H:%M"),
        "groups-TOTAL_FORMS": "2",
        "groups-INITIAL_FORMS": "0",
        "groups-0-name": "control",
        "groups-0-weight": "1",
        "groups-1-name": "treatment",
        "groups-1-weight": "1",
        "sites-TOTAL_FORMS": "0",
        "sites-INITIAL_FORMS": "0",
    }


@pytest.fixture(scope="module")
def lab(make_lab: Callable[..., Lab]) -> Iterator[Lab]:
    lab = make_lab()
    lab.start("--empty", "--dev-login")
    with logged_in(lab) as session:
        for name in ("planted-lift", "nothing-planted"):
            saved = post(session, "/experiments/new", fields(name))
            assert saved.url.path == f"/experiments/{name}", saved.text
            switched_on = post(session, f"/experiments/{name}/activate")
            assert "Running" in switched_on.text
    yield lab
    lab.stop()


def run(lab: Lab, name: str, treatment_rate: float) -> tuple[Counts, dict[str, Any]]:
    """Send the subjects and analyze once every event of theirs is in the lake."""
    plan = Plan(
        experiment=name,
        click_rates={"control": CONTROL_RATE, "treatment": treatment_rate},
        readers=SUBJECTS,
        prefix=name,
    )
    counts = send_plan(lab.registry, lab.intake, plan)

    def all_visible() -> bool:
        query = (
            "select count(*) as n from event.product_metrics_web_base"
            f" where instrument_name = '{name}'"
        )
        return bool(lab.sql(query)[0]["n"] == counts.accepted)

    until(all_visible, VISIBLE_SECONDS, "every accepted event is in the lake")
    return counts, json.loads(lab.run("analyze", name, "--format", "json"))


def test_planted_lift__5000_subjects__interval_covers_it(lab: Lab) -> None:
    counts, report = run(lab, "planted-lift", TREATMENT_RATE)
    assert counts.enrolled == SUBJECTS
    assert {g["name"]: g["subjects"] for g in report["groups"]} == dict(counts.groups)
    assert {g["name"]: g["clicks"] for g in report["groups"]} == dict(counts.clicks)
    difference = report["comparisons"][0]["difference"]
    assert difference["low"] < TREATMENT_RATE - CONTROL_RATE < difference["high"]
    assert difference["low"] > 0
    assert report["srm"]["healthy"] is True


def test_nothing_planted__5000_subjects__shows_no_effect(lab: Lab) -> None:
    counts, report = run(lab, "nothing-planted", CONTROL_RATE)
    assert counts.enrolled == SUBJECTS
    difference = report["comparisons"][0]["difference"]
    assert difference["low"] < 0 < difference["high"]


def test_analyst__without_being_asked__shows_the_result_on_the_page(lab: Lab) -> None:
    with logged_in(lab) as session:

        def shown() -> bool:
            page = session.get("/experiments/planted-lift/results").text
            return f"{SUBJECTS:,}" in page or "95%" in page

        until(shown, 90, "the results page has a report")


def test_analyze__given_the_data_folder_alone__finds_the_lab(lab: Lab) -> None:
    bare = {k: v for k, v in os.environ.items() if not k.startswith("ALLOTMENT_")}
    command = ["analyze", "planted-lift", "--data", str(lab.data)]
    found = subprocess.run(
        [sys.executable, "-m", "allotment", *command],
        env=bare,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.startswith("planted-lift: keep running")
    assert found.stderr == ""


def test_site_in_node__registry_and_intake_that_are_real__enrolls_by_the_law(
    lab: Lab, tmp_path: Path
) -> None:
    js_package.with_tools()
    js_package.bundle_node_into(tmp_path)
    done = subprocess.run(
        [require_tool("node"), "lab_driver.mjs", lab.registry, lab.intake],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    groups, state = map(json.loads, done.stdout.splitlines())
    assert (state["delivery"]["accepted"], state["configuration"]["problems"]) == (1, []), state
    served = httpx.get(f"{lab.registry}/api/v1/experiments").json()
    experiments = {item["name"]: parse_experiment(item) for item in served}
    assert groups.keys() == experiments.keys() == {"planted-lift", "nothing-planted"}
    for name, found in groups.items():
        for subject, group in found.items():
            expected = allocate(
                experiments[name], subject, site="demowiki", now=datetime.now(UTC)
            ).group
            assert group == expected
    query = "select count(*) as n from event.product_metrics_web_base where action = 'from-node'"
    until(lambda: lab.sql(query)[0]["n"] == 1, VISIBLE_SECONDS, "the event is in the lake")


def test_password__forgotten__is_made_anew_and_must_be_changed(lab: Lab) -> None:
    made = lab.run("password").strip()
    with httpx.Client(base_url=lab.registry, follow_redirects=True, timeout=60) as session:
        answer = post(session, "/login", {"username": "admin", "password": made})
        assert answer.url.path == "/password"
    with pytest.raises(AssertionError, match="no account is called 'nobody'"):
        lab.run("password", "nobody")


def test_up__stopped_and_started_again__goes_on_where_it_was(lab: Lab) -> None:
    before = lab.sql("select count(*) as n from event.product_metrics_web_base")
    assert lab.stop() == 0
    lab.start("--empty", "--dev-login")
    assert "one-time password" not in lab.console
    names = [e["name"] for e in httpx.get(f"{lab.registry}/api/v1/experiments").json()]
    assert sorted(names) == ["nothing-planted", "planted-lift"]
    assert lab.sql("select count(*) as n from event.product_metrics_web_base") == before
