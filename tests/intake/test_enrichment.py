"""Fields from request headers, over real HTTP: only what the stream asks for, never a person."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.intake.conftest import STREAMS, WEB, Intake, StandIn, StartIntake, event, wait_until

WEB_STREAM = "product_metrics.web_base"
Asking = Callable[[object], Intake]
AGENT = "http.request_headers.user-agent"


@pytest.fixture
def asking(start_intake: StartIntake, registry: StandIn) -> Asking:
    """Starts an intake whose web stream fills fields from headers."""

    def start(fields: object) -> Intake:
        eventgate = {"enrich_fields_from_http_headers": fields}
        stream = {**STREAMS[WEB_STREAM], "producers": {"eventgate": eventgate}}
        registry.serve({**STREAMS, WEB_STREAM: stream}, "8")
        intake = start_intake()
        wait_until(intake.ready, "ready")
        return intake

    return start


def stored(intake: Intake, sent: dict[str, Any], **headers: str) -> dict[str, Any]:
    intake.mark()
    reply = intake.send(sent, **headers)
    assert reply.status == 201, reply.body
    (found,) = intake.records()
    return found


def test_header__stream_asks_for_nothing__user_agent_not_kept(intake: Intake) -> None:
    assert "http" not in stored(intake, event(), User_Agent="browser")


def test_header__stream_asks__filled_where_absent_and_cut(asking: Asking) -> None:
    intake = asking({AGENT: "User-Agent", "element_id": "x-element", "funnel_name": "x-none"})
    found = stored(intake, event(), User_Agent="b" * 500, X_Element="e" * 500)
    assert found["http"]["request_headers"] == {"user-agent": "b" * 400}
    assert found["element_id"] == "e" * 64, "no longer than its schema allows"
    assert "funnel_name" not in found
    mine = event(http={"request_headers": {"user-agent": "mine"}}, element_id="mine")
    found = stored(intake, mine, User_Agent="browser", X_Element="edge")
    assert (found["http"], found["element_id"]) == (mine["http"], "mine")
    found = stored(intake, event(http={"method": "GET"}), User_Agent="browser")
    assert found["http"] == {"method": "GET", "request_headers": {"user-agent": "browser"}}
    assert "http" not in stored(intake, event(), User_Agent="")


@pytest.mark.parametrize("wanted", [False, None, 1, [], {}])
def test_header__no_name_given__not_filled(asking: Asking, wanted: object) -> None:
    found = stored(asking({AGENT: wanted}), event(), User_Agent="browser")
    assert "http" not in found
    assert found["meta"]["request_id"]


@pytest.mark.parametrize("fields", [[], "x", 5, {"": "user-agent"}, {"a..b": "user-agent"}])
def test_header__setting_of_another_form__events_taken_as_ever(
    asking: Asking, fields: object
) -> None:
    assert stored(asking(fields), event(), User_Agent="browser")["action"]


def test_header__address_or_secret__never_kept(asking: Asking) -> None:
    headers = "http.request_headers"
    names = ["X-Forwarded-For", "x-client-ip", "Cookie", "Authorization", "Forwarded"]
    intake = asking(
        {
            **{f"{headers}.h{number}": name for number, name in enumerate(names)},
            "http.client_ip": "x-safe",
            f"{headers}.x-real-ip": "x-safe",
        }
    )
    found = stored(intake, event(), X_Safe="192.0.2.1", **dict.fromkeys(names, "192.0.2.7"))
    assert "http" not in found


def test_header__field_that_holds_no_text_or_is_unknown__event_still_valid(asking: Asking) -> None:
    intake = asking({"page.id": "x-n", "no.such": "x-n", "page": "x-n", "sample.unit.x": "x-n"})
    found = stored(intake, event(), X_N="nine")
    assert "no" not in found
    assert "id" not in found.get("page", {})


def test_header__request_id_elsewhere_or_off__that_header_or_none(asking: Asking) -> None:
    intake = asking({"meta.request_id": "x-trace"})
    found = stored(intake, event(), X_Trace="traced", X_Request_Id="usual")
    assert found["meta"]["request_id"] == "traced"
    assert "request_id" not in stored(intake, event(), X_Request_Id="usual")["meta"]


def test_header__request_id_off__not_filled_from_the_first_event_on(asking: Asking) -> None:
    found = stored(asking({"meta.request_id": False}), event(), X_Request_Id="usual")
    assert "request_id" not in found["meta"]


def test_header__not_utf8__costs_no_event(asking: Asking) -> None:
    assert stored(asking({AGENT: "user-agent"}), event(), User_Agent="caf\xe9")["action"]


@pytest.mark.parametrize("part", ["request_headers", "response_headers"])
@pytest.mark.parametrize(
    "name", ["Cookie", "set-cookie", "AUTHORIZATION", "X-Experiment-Enrollments", "X-Real-IP"]
)
def test_event__holds_a_secret_header__kept_without(intake: Intake, part: str, name: str) -> None:
    found = stored(intake, event(http={part: {name: "secret", "accept": "*/*"}}))
    assert found["http"] == {part: {"accept": "*/*"}}


ADDRESS = f"/v1/events?schema_uri={WEB}&stream={WEB_STREAM}"


def test_address__names_schema_and_stream__given_to_events_that_lack_them(intake: Intake) -> None:
    report = {"action": "report", "agent": {}}
    reply = intake.send([report, {**report, "meta": {"domain": "example.org"}}], ADDRESS)
    assert reply.status == 201, reply.body
    for found in intake.records()[-2:]:
        assert (found["$schema"], found["meta"]["stream"]) == (WEB, WEB_STREAM)


@pytest.mark.parametrize(
    ("own", "reason"),
    [
        ({"$schema": None}, "missing_schema"),
        ({"$schema": "/x/1.0.0"}, "unknown_schema"),
        ({"meta": {"stream": ""}}, "missing_stream"),
        ({"meta": {"stream": "elsewhere"}}, "unknown_stream"),
        ({"meta": None}, "missing_stream"),
    ],
)
def test_address__event_says_something_itself__counts_alone(
    intake: Intake, own: dict[str, Any], reason: str
) -> None:
    reply = intake.send({"action": "report", "agent": {}, **own}, ADDRESS)
    assert reply.status == 400
    assert reply.json()["type"] == reason


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (f"schema_uri={WEB}", "missing_stream"),
        (f"stream={WEB_STREAM}", "missing_schema"),
        (f"schema_uri=&stream={WEB_STREAM}", "missing_schema"),
        (f"my_stream={WEB_STREAM}&schema_uri={WEB}", "missing_stream"),
    ],
)
def test_address__names_one_alone__the_other_is_missing(
    intake: Intake, query: str, reason: str
) -> None:
    reply = intake.send([{"action": "report", "agent": {}}, 5], f"/v1/events?{query}")
    assert (reply.status, reply.json()["type"]) == (400, "events_refused")
    assert {line["reason"] for line in intake.records("rejected")[-2:]} == {
        reason,
        "not_an_object",
    }
