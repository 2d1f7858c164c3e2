"""The PHP client beside the Python one: same registry, same visitor, same events on the wire."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.free_ports import free_port
from tests.intake.conftest import Intake as RealIntake
from tests.intake.conftest import StandIn, stand_in_registry
from tests.required_tools import require_tool
from tests.sdk import stand_ins

from allotment.allocation import parse_overrides
from allotment.sdk import Client, parse_enrollments
from allotment.sdk.page import page_variables

DRIVER = Path(__file__).parents[2] / "clients/php/tests/visitor_driver.php"
AT = datetime.fromisoformat("2026-11-22T09:30:00.123456+01:00")
SESSION = "0123456789abcdef0123"
STREAM, SCHEMA = stand_ins.WEB_BASE, stand_ins.WEB_SCHEMA
Call = tuple[str, list[Any]]


@pytest.fixture
def registry() -> Iterator[stand_ins.Registry]:
    with stand_ins.registry_server() as found:
        yield found


@pytest.fixture
def intake() -> Iterator[stand_ins.Intake]:
    with stand_ins.intake_server() as found:
        yield found


class Site:
    """A site in PHP: each `serve` is one request, in a process of its own."""

    def __init__(self, registry_url: str, intake_url: str, folder: Path) -> None:
        self._given = {
            "registry": registry_url,
            "intake": intake_url,
            "cache": str(folder / "made/allotment.json"),
        }
        self.cache = folder / "made/allotment.json"

    def serve(self, calls: list[Call] | None = None, **given: object) -> list[Any]:
        """What each call gave, and at the end how the client did."""
        asked = {**self._given, **given, "calls": calls or []}
        done = subprocess.run(
            [
                require_tool("php"),
                "-d",
                "error_reporting=-1",
                "-d",
                "display_errors=1",
                str(DRIVER),
            ],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        lines = done.stdout.splitlines()
        ended = [line for line in lines if line == "the answer has ended"]
        assert len(ended) <= 1
        assert not ended or lines.index(ended[0]) == len(calls or []), "ended before the page did"
        return [json.loads(line) for line in lines if line not in ended]


@pytest.fixture
def site(registry: stand_ins.Registry, intake: stand_ins.Intake, tmp_path: Path) -> Site:
    return Site(registry.url, intake.url, tmp_path)


def in_python(client: Client, calls: list[Call], given: dict[str, Any]) -> list[Any]:
    """The same request by the Python SDK."""
    visitor = client.visitor(
        **{
            **given,
            "overrides": parse_overrides(given.get("overrides", "")),
            "edge": parse_enrollments(given.get("edge", "")),
        },
    )

    def prefix(text: str) -> list[tuple[str, str | None]]:
        found = visitor.get_experiments_by_prefix(text)
        return [(experiment.name, experiment.assigned_group) for experiment in found]

    does: dict[str, Callable[..., object]] = {
        "interaction": partial(visitor.submit_interaction, at=AT),
        "click": partial(visitor.submit_click, at=AT),
        "submit": partial(visitor.submit, at=AT),
        "prefix": prefix,
        "experiment": lambda name, *given: visitor.get_experiment(name).send(*given, at=AT),
        "exposure": lambda name: visitor.get_experiment(name).send_exposure(),
        "instrument": lambda name, *given: visitor.get_instrument(name).send(*given, at=AT),
        "why": lambda name: visitor.get_experiment(name).reason,
        "group": visitor.get_experiment_bucket_value,
        "page": lambda: page_variables(visitor, client.browser_intake_url, client.site),
        "refused": lambda: client.refused,
    }
    return [json.loads(json.dumps(does[name](*arguments))) for name, arguments in calls]


def asked_of_python(
    registry: stand_ins.Registry, intake: stand_ins.Intake, calls: list[Call], given: dict[str, Any]
) -> list[Any]:
    """The same by a client of its own; its events have arrived when it answers."""
    given = dict(given)
    with Client(
        registry_url=registry.url,
        intake_url=intake.url,
        site="demowiki",
        domain="demo.example",
        subject_key=given.pop("subject_key", None),
    ) as client:
        assert client.configuration.wait(10)
        return in_python(client, calls, given)


def comparable(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what is random in each language, or is the clock's."""
    found = json.loads(json.dumps(events))
    for event in found:
        assert len(event["meta"].pop("id")) == 36
        assert event["dt"].endswith("Z")
        if event["action"] == "experiment_exposure":
            del event["dt"]
        if "pageview_id" in event.get("performer", {}):
            assert len(event["performer"]["pageview_id"]) == 20
            del event["performer"]["pageview_id"]
    return sorted(found, key=lambda event: json.dumps(event, sort_keys=True))


EXPERIMENTS: list[dict[str, Any]] = [
    stand_ins.EXPERIMENT,
    {
        **stand_ins.EXPERIMENT,
        "name": "0",
        "user_identifier_type": "mw-user",
        "groups": ["0", "00"],
        "weights": [1, 3],
        "contextual_attributes": [
            "page_id",
            "page_title",
            "performer_groups",
            "performer_pageview_id",
        ],
        "version": 7,
    },
    {**stand_ins.EXPERIMENT, "name": "by-session", "user_identifier_type": "session"},
    {
        **stand_ins.EXPERIMENT,
        "name": "targeted",
        "targeting": {
            "page_namespace_id": {"in": [0, 2]},
            "performer_is_logged_in": {"equals": True},
        },
    },
    {**stand_ins.EXPERIMENT, "name": "nobody", "sample_rate": {"default": 0}},
    {**stand_ins.EXPERIMENT, "name": "broken", "groups": []},
    {**stand_ins.EXPERIMENT, "name": "no-stream", "stream_name": "nowhere"},
    {**stand_ins.EXPERIMENT, "name": "no-schema", "schema_id": None, "version": None},
]
INSTRUMENTS: list[dict[str, Any]] = [
    stand_ins.INSTRUMENT,
    {**stand_ins.INSTRUMENT, "name": "ended", "end": "2021-01-01T00:00:00Z"},
    {**stand_ins.INSTRUMENT, "name": "to-come", "start": "2099-01-01T00:00:00Z"},
    {**stand_ins.INSTRUMENT, "name": "quiet", "sample_rate": {"default": 1, "0": ["demowiki"]}},
    {**stand_ins.INSTRUMENT, "name": "tenth", "sample_unit": "pageview", "schema_id": "/w/2.0.0"},
    {**stand_ins.INSTRUMENT, "name": "1", "sample_rate": {"default": "0.01"}},
    {**stand_ins.INSTRUMENT, "name": "by-device", "sample_unit": "device"},
]
BARE = {
    "bare": {"schema_title": "bare"},
    "half": {"sample": {"unit": "session", "rate": "0.5", "more": 1}},
    "odd": {"sample": {"unit": "session", "rate": "50%"}},
    "whole": {"sample": None},
}
"""Streams that are not meant for client libraries."""
VISITORS: list[dict[str, Any]] = [
    {},
    {"user_id": "0", "browser_id": "a1", "session_id": SESSION},
    {"user_id": "", "browser_id": "", "session_id": ""},
    {"browser_id": "b2", "overrides": "0:00;unknown:x;nobody:control"},
    {"user_id": "42", "edge": "related-articles-card=card;no-stream=other;by-session=control;"},
    {
        "subject_key": "sixteen bytes, é",
        "user_id": "42",
        "browser_id": "c3",
        "session_id": SESSION,
        "context": {
            "page": {
                "id": 7,
                "namespace_id": 0.0,
                "title": "Zoë's <page> 😀",
                "is_redirect": False,
            },
            "performer": {"groups": ["sysop"], "edit_count": 0, "name": None},
            "agent": {"client_platform_family": "desktop_browser"},
        },
    },
]
CALLS: list[Call] = [
    ("group", ["0"]),
    ("group", ["targeted"]),
    *(("why", [item["name"]]) for item in EXPERIMENTS),
    ("why", ["unknown"]),
    ("interaction", [STREAM, SCHEMA, "search"]),
    (
        "interaction",
        [
            STREAM,
            SCHEMA,
            "click",
            {
                "action": "other",
                "dt": "x",
                "meta": {"domain": "x", "request_id": "kept"},
                "page": {"title": "given", "id": None},
                "sample": {"unit": "pageview", "rate": 1},
                "experiments": {"enrolled": ["forged"]},
                "mediawiki": {"skin": "vector", "database": "other"},
                "action_context": '{"a": 1}',
            },
        ],
    ),
    ("interaction", ["demo-article-clicks", SCHEMA, "click"]),
    ("interaction", ["nowhere", SCHEMA, "click"]),
    ("interaction", [STREAM, SCHEMA, ""]),
    ("click", [STREAM]),
    ("click", ["half"]),
    ("click", ["odd"]),
    ("click", ["whole"]),
    ("click", ["demo-article-clicks", {"action": "other", "element_id": "x"}]),
    ("click", ["nowhere"]),
    ("submit", [STREAM, {"action": "made"}]),
    ("submit", [STREAM, {"$schema": ""}]),
    ("submit", ["nowhere", {"$schema": SCHEMA}]),
    ("submit", ["demo-article-clicks", {"$schema": SCHEMA, "action": "made"}]),
    ("submit", ["bare", {"$schema": "/bare/1.0.0", "action": "bare", "experiments": {"a": "b"}}]),
    (
        "submit",
        [
            STREAM,
            {
                "$schema": SCHEMA,
                "action": "made",
                "dt": "x",
                "meta": {"id": "x", "domain": "x", "stream": "x", "request_id": "kept"},
                "experiments": {"enrolled": ["forged"]},
                "performer": {"is_logged_in": None},
                "page": {"title": "given"},
            },
        ],
    ),
    ("prefix", ["by"]),
    ("prefix", [""]),
    ("prefix", ["n"]),
    ("experiment", ["by-session", "more", {}, ["page_title", "page_nothing", "performer_groups"]]),
    ("instrument", ["demo-article-clicks", "more", {}, ["page_title", "performer_session_id"]]),
    ("experiment", ["0", "impression", {"instrument_name": "forged", "page": {"id": 8}}]),
    ("experiment", ["by-session", "impression"]),
    ("experiment", ["no-stream", "impression"]),
    ("experiment", ["no-schema", "impression"]),
    ("experiment", ["unknown", "impression"]),
    ("experiment", ["broken", "impression"]),
    ("exposure", ["related-articles-card"]),
    ("instrument", ["demo-article-clicks", "impression", {"element_friendly_name": "links"}]),
    ("instrument", ["demo-article-clicks", "click", {"funnel_event_sequence_position": 9}]),
    ("instrument", ["unknown", "click"]),
    *(("instrument", [item["name"], "click"]) for item in INSTRUMENTS),
    ("page", []),
    ("refused", []),
]  # fmt: skip


@pytest.mark.parametrize("given", VISITORS, ids=lambda given: ",".join(given) or "nobody")
def test_php_client__same_request_as_python__sends_the_same_events(
    site: Site, registry: stand_ins.Registry, intake: stand_ins.Intake, given: dict[str, Any]
) -> None:
    registry.experiments, registry.instruments = EXPERIMENTS, INSTRUMENTS
    registry.streams |= BARE
    site.serve()  # the first request finds no configuration and fetches it
    given_php = site.serve(CALLS, **given)[:-1]
    events_php, intake.events = intake.events, []
    given_python = asked_of_python(registry, intake, CALLS, given)
    assert given_php == given_python
    assert comparable(events_php) == comparable(intake.events)
    assert events_php


def test_php_client__first_request__waits_for_nothing_and_the_second_is_enrolled(
    site: Site, registry: stand_ins.Registry
) -> None:
    group: list[Call] = [("group", ["related-articles-card"])]
    first, state = site.serve(group, browser_id="a1")
    assert first is None
    assert state["configuration"]["age_seconds"] >= 0
    second, state = site.serve(group, browser_id="a1")
    assert second in {"control", "card"}
    assert state["configuration"]["version"] == 1
    assert len(registry.requests) == 3, "the second request found it fresh"


def test_php_client__registry_that_fails__keeps_the_last_good_copy_and_says_so(
    site: Site, registry: stand_ins.Registry
) -> None:
    group: list[Call] = [("group", ["related-articles-card"])]
    site.serve()
    for change in (
        {"status": 500},
        {"status": 200, "raw": b"<html>"},
        {"raw": None, "version": None},
    ):
        for name, value in change.items():
            setattr(registry, name, value)
        if change.get("version", 1) is None:
            registry.experiments = registry.instruments = []
            registry.streams = {}
        site.serve(refresh_seconds=0.0)
        found, state = site.serve(group, browser_id="a1")
        assert found is not None
        assert len(state["configuration"]["problems"]) == 3, state
    registry.version = 2  # now the registry signs that there is nothing
    site.serve(refresh_seconds=0.0)
    found, state = site.serve(group, browser_id="a1")
    assert found is None
    assert state["configuration"]["problems"] == []


def test_php_client__registry_and_intake_that_are_not_there__never_break_the_page(
    tmp_path: Path,
) -> None:
    port = free_port()
    site = Site(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port}/v1/events", tmp_path)
    found, state = site.serve([("group", ["x"])], browser_id="a1")
    assert found is None
    assert len(state["configuration"]["problems"]) == 3


def test_php_client__intake_that_hangs_up_once__sends_again_once(
    site: Site, intake: stand_ins.Intake
) -> None:
    site.serve()
    click: list[Call] = [("interaction", [STREAM, SCHEMA, "click"])]
    intake.script = [(0, b"")]
    state = site.serve(click, compress=True)[-1]
    assert state["delivery"]["accepted"] == len(intake.events) == 1
    assert (intake.asked, intake.encodings) == (2, ["gzip"])
    intake.script = [(503, b""), (503, b"")]
    state = site.serve(click)[-1]
    assert state["delivery"]["dropped"] == {"unreachable": 1}
    assert "status 503" in state["delivery"]["last_problem"]
    refused = {"invalid": [{"context": {"errorsText": "'.action' is bad"}}]}
    intake.script = [(400, json.dumps(refused).encode())]
    state = site.serve(click)[-1]
    assert state["delivery"]["rejected"] == 1
    assert state["delivery"]["last_problem"] == "status 400: '.action' is bad"


@pytest.fixture(scope="module")
def real_intake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RealIntake, StandIn]]:
    with stand_in_registry() as registry:
        found = RealIntake(tmp_path_factory.mktemp("intake") / "data", registry.url)
        try:
            stand_ins.wait_until(found.ready, "the intake is ready")
            yield found, registry
        finally:
            found.stop()


def test_php_client__real_intake__takes_its_events(
    real_intake: tuple[RealIntake, StandIn], registry: stand_ins.Registry, tmp_path: Path
) -> None:
    intake, _ = real_intake
    site = Site(registry.url, f"http://127.0.0.1:{intake.port}/v1/events", tmp_path)
    site.serve()
    calls: list[Call] = [
        ("interaction", [STREAM, SCHEMA, "search"]),
        ("exposure", ["related-articles-card"]),
        ("instrument", ["demo-article-clicks", "click"]),
    ]
    state = site.serve(calls, browser_id="a1", session_id=SESSION, context={"page": {"id": 7}})[-1]
    assert state["delivery"]["accepted"] == 3, state
    found = intake.records()
    assert [event["action"] for event in found] == ["search", "experiment_exposure", "click"]
    assert found[1]["experiments"]["assigned"].keys() == {"related-articles-card"}
    assert found[2]["page"] == {"id": 7}
