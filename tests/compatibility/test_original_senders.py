"""What the clients of the original system send, taken by a real intake as they send it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.analysis.synthetic import EXPERIMENT, put
from tests.intake.conftest import STREAMS, TOPIC, Intake, stand_in_registry, wait_until

from allotment.analysis.experiment import parse_experiment
from allotment.analysis.metrics import CLICK_THROUGH_RATE
from allotment.analysis.moments import measure
from allotment.lake.query import connect

BEACON = "text/plain;charset=UTF-8"
JSON = "application/json"
EDGE_ID = "AbCdEfGhIjKlMnOpQrSt_-"
EDGE = f"everyone-exp-1=treatment/{EDGE_ID};another-exp-2=control/zyxwvutsrqponmlkjihgf0;"
WEB = "product_metrics.web_base"
APP = "product_metrics.app_base"


def interaction(version: str = "1.5.0", **more: object) -> dict[str, Any]:
    """An event of the generic client, of its own stream configuration."""
    return {
        "$schema": f"/analytics/product_metrics/web/base/{version}",
        "action": "click",
        "action_source": "s",
        "meta": {"stream": WEB, "domain": "en.wikipedia.org"},
        "dt": "2026-11-22T02:55:09.429Z",
        "agent": {"client_platform": "mediawiki_js", "client_platform_family": "desktop_browser"},
        "mediawiki": {"skin": "minerva"},
        "performer": {"pageview_id": "229f38c6884a91fe4703"},
        "sample": {"unit": "session", "rate": 1},
        **more,
    }


def of_experiment(subject_id: str, **changes: object) -> dict[str, Any]:
    """An event of the newer client, with the record of its one experiment."""
    record = {
        "enrolled": "everyone-exp-1",
        "assigned": "treatment",
        "subject_id": subject_id,
        "sampling_unit": "edge-unique",
        "phase_index": 0,
        "version": "7",
        "coordinator": "default",
        "other_assigned": {"loggedin-exp-1": "control"},
        **changes,
    }
    made = interaction("2.1.0", action="hello", experiment=record, page={"id": 1})
    return {name: value for name, value in made.items() if name != "sample"}


@dataclass(frozen=True)
class Sender:
    """How a client sends: where to, as what, with which headers."""

    body: object
    content_type: str = BEACON
    path: str = "/v1/events?hasty=true"
    headers: dict[str, str] = field(default_factory=dict)
    status: int = 202
    topic: str = TOPIC


LOGGED_IN = of_experiment(
    "ab" * 32, enrolled="loggedin-exp-1", assigned="control", sampling_unit="mw-user"
)
OLD_RECORD = {
    "enrolled": ["exp-a", "exp-b"],
    "assigned": {"exp-a": "control", "exp-b": "blue"},
    "subject_ids": {"exp-a": "ab" * 32, "exp-b": "cd" * 32},
    "sampling_units": {"exp-a": "mw-user", "exp-b": "mw-user"},
    "coordinator": {"exp-a": "xLab", "exp-b": "forced"},
}
APP_EVENT = {
    "$schema": "/analytics/product_metrics/app/base/1.3.0",
    "action": "view",
    "agent": {
        "app_install_id": "03e66bf8-7c4e-4b5c-8f6b-6f3a4b9c2d1e",
        "app_flavor": "dev",
        "app_theme": "dark",
        "app_version": 982734,
        "app_version_name": "2.7.50470-dev-2024-02-14",
        "client_platform": "android",
        "client_platform_family": "app",
        "device_family": "Samsung",
        "device_language": "en",
        "release_status": "dev",
    },
    "dt": "2026-11-22T02:55:09.429Z",
    "meta": {"stream": APP, "domain": "en.wikipedia.org"},
    "performer": {"session_id": "0123456789abcdef0123", "language_primary": "en"},
}
ON_BEHALF: dict[str, Any] = {"http": {"request_headers": {"user-agent": "Mozilla/5.0"}}}
SENDERS = {
    "generic, in a page": Sender([interaction(), interaction("1.3.0")]),
    "generic, in Node": Sender(interaction(), JSON),
    "event logging, in a page": Sender(interaction()),
    "event logging, on a server": Sender(
        [interaction(**ON_BEHALF)], JSON, "/v1/events", status=201
    ),
    "features and variants": Sender(interaction("1.3.0", experiments=OLD_RECORD)),
    "experiment of everyone": Sender(
        [of_experiment("awaiting")],
        path="/evt-103e/v2/events?hasty=true",
        headers={"X-Experiment-Enrollments": EDGE},
    ),
    "experiment of accounts": Sender([LOGGED_IN]),
    "experiment, on a server": Sender([LOGGED_IN | ON_BEHALF], JSON, "/v1/events", status=201),
    "instrument": Sender(
        [interaction("2.1.0", instrument_name="web-ui", funnel_event_sequence_position=1)],
        path="/ins-502b/v2/events?hasty=true",
    ),
    "app for Android": Sender(
        [APP_EVENT, APP_EVENT | {"$schema": "/analytics/product_metrics/app/base/1.2.2"}],
        JSON,
        headers={"Accept": JSON, "User-Agent": "Metrics Platform Client/Java 2.8"},
        topic="product_metrics_app_base",
    ),
}


@pytest.fixture(scope="module")
def intake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Intake]:
    with stand_in_registry() as registry:
        asks = {"producers": {"eventgate": {"use_edge_uniques": True}}}
        registry.serve({**STREAMS, WEB: {**STREAMS[WEB], **asks}}, "8")
        found = Intake(tmp_path_factory.mktemp("intake") / "data", registry.url)
        wait_until(found.ready, "the intake is ready")
        yield found
        found.stop()


@pytest.mark.parametrize("name", SENDERS)
def test_events__as_an_original_client_sends_them__are_stored(name: str, intake: Intake) -> None:
    sender = SENDERS[name]
    intake.mark()
    text = json.dumps(sender.body, separators=(",", ":"))
    named = {key.replace("-", "_"): value for key, value in sender.headers.items()}
    reply = intake.request("POST", sender.path, text, content_type=sender.content_type, **named)
    assert reply.status == sender.status, reply.body
    sent = sender.body if isinstance(sender.body, list) else [sender.body]
    wait_until(
        lambda: len(intake.records(sender.topic)) + len(intake.records("rejected")) >= len(sent),
        "they are in the journal",
    )
    assert intake.records("rejected") == []
    for event, stored in zip(sent, intake.records(sender.topic), strict=True):
        meta = {key: stored["meta"].pop(key) for key in ("dt", "id", "request_id")}
        assert all(meta.values()), "the intake fills in what these clients leave to it"
        if "experiment" in event:
            check_membership(event["experiment"], stored)
        assert stored == {name: value for name, value in event.items() if name != "experiment"}


def test_events_of_one_experiment__from_the_intake_to_the_lake__are_analyzed(
    intake: Intake, tmp_path: Path
) -> None:
    intake.mark()
    for group, subject in (("control", "ab" * 32), ("treatment", "cd" * 32)):
        for action in ("impression", "click")[: 1 + (group == "treatment")]:
            own = of_experiment(subject, assigned=group) | {"action": action}
            assert intake.send([own]).status == 201
    put(tmp_path, intake.records())
    experiment = parse_experiment(
        {
            **EXPERIMENT,
            "name": "everyone-exp-1",
            "groups": ["control", "treatment"],
            "start": "2020-01-01T00:00:00Z",
            "end": "2100-01-01T00:00:00Z",
        }
    )
    with closing(connect(tmp_path)) as lake:
        found = measure(lake, experiment, CLICK_THROUGH_RATE)
    counts = {
        name: (group.subjects, group.denominator_sum, group.numerator_sum)
        for name, group in found.groups.items()
    }
    assert counts == {"control": (1, 1, 0), "treatment": (1, 1, 1)}


def check_membership(one: dict[str, Any], stored: dict[str, Any]) -> None:
    """The record of one experiment has its subject id, and stands in that of many, too."""
    subject = EDGE_ID if one["subject_id"] == "awaiting" else one["subject_id"]
    assert stored.pop("experiment") == {**one, "subject_id": subject}
    name = one["enrolled"]
    assert stored.pop("experiments") == {
        "enrolled": [name],
        "assigned": {name: one["assigned"]},
        "subject_ids": {name: subject},
        "sampling_units": {name: one["sampling_unit"]},
        "coordinators": {name: "default"},
        "versions": {name: one["version"]},
    }
