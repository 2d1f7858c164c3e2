"""Every answer of the intake, over real HTTP, against what is then in the journal."""

from __future__ import annotations

import gzip
import json
import re
import socket
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from tests.intake.answer_shapes import check_answer
from tests.intake.conftest import JSON, WEB, Intake, StandIn, StartIntake, event, wait_until

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
RECEIVED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def test_one_event__valid__201_and_durable_with_the_filled_fields(intake: Intake) -> None:
    reply = intake.send(event(action="click"), X_Request_ID="from-the-edge")

    assert (reply.status, reply.body) == (201, b"")
    (stored,) = intake.records()
    assert stored["action"] == "click"
    assert UUID4.fullmatch(stored["meta"]["id"])
    assert RECEIVED.fullmatch(stored["meta"]["dt"])
    assert stored["meta"]["request_id"] == "from-the-edge"
    sent = event(action="click")
    for name in ("id", "dt", "request_id"):
        del stored["meta"][name]
    assert stored == sent


def test_one_event__fields_set_by_the_client__kept(intake: Intake) -> None:
    meta = {
        "stream": "product_metrics.web_base",
        "id": "mine",
        "dt": "2020-01-01T00:00:00Z",
        "request_id": "",
    }
    assert intake.send(event(meta=meta), X_Request_ID="other").status == 201
    assert intake.records()[0]["meta"] == meta


def test_one_event__no_request_id__one_for_the_whole_request(intake: Intake) -> None:
    assert intake.send([event(), event()]).status == 201
    first, second = intake.records()
    assert UUID4.fullmatch(first["meta"]["request_id"])
    assert first["meta"]["request_id"] == second["meta"]["request_id"]
    assert first["meta"]["id"] != second["meta"]["id"]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/reports+json",
        'Application/JSON; charset="utf-8"',
    ],
)
def test_media_type__allowed__201(intake: Intake, content_type: str) -> None:
    body = json.dumps(event())
    assert intake.request("POST", "/v1/events", body, content_type=content_type).status == 201


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content_type": "application/xml"},
        {"content_type": "application/json; charset=latin1"},
        {"content_type": "application/json", "content_encoding": "br"},
    ],
)
def test_media_type__other__415_and_nothing_stored(intake: Intake, headers: dict[str, str]) -> None:
    reply = intake.request("POST", "/v1/events", json.dumps(event()), **headers)
    assert reply.status == 415
    assert reply.headers["content-type"] == "application/problem+json"
    problem = reply.json()
    assert problem["status"] == 415
    assert (problem["method"], problem["uri"]) == ("POST", "/v1/events")
    assert intake.records() == []


@pytest.mark.parametrize("path", ["/v1/events/", "/V1/EVENTS", "/v1/Events/"])
def test_path__case_and_trailing_slash__do_not_matter(intake: Intake, path: str) -> None:
    assert intake.send(event(), path).status == 201


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data, wbits=-15)),
        ("identity", bytes),
        ("GZIP", gzip.compress),
    ],
)
def test_encoding__packed_body__unpacked(
    intake: Intake, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    body = pack(json.dumps([event()] * 3).encode())
    reply = intake.request("POST", "/v1/events", body, content_type=JSON, content_encoding=encoding)
    assert reply.status == 201
    assert len(intake.records()) == 3


@pytest.mark.parametrize("body", [b"no gzip at all", gzip.compress(b"[1, 2, 3]", mtime=0)[:-9]])
def test_encoding__damaged__400(intake: Intake, body: bytes) -> None:
    reply = intake.request("POST", "/v1/events", body, content_type=JSON, content_encoding="gzip")
    assert (reply.status, reply.json()["type"]) == (400, "damaged_body")


@pytest.mark.parametrize("packed", [False, True])
def test_body__one_byte_above_the_limit__413(start_intake: StartIntake, packed: bool) -> None:
    intake = start_intake(ALLOTMENT_MAX_BODY_BYTES="5000")
    wait_until(intake.ready, "ready")
    fits = json.dumps(event()).encode().ljust(5000)
    for body, status in ((fits, 201), (fits + b" ", 413), (fits * 400, 413)):
        headers = {"content_encoding": "gzip"} if packed else {}
        sent = gzip.compress(body) if packed else body
        reply = intake.request("POST", "/v1/events", sent, content_type=JSON, **headers)
        assert reply.status == status
    assert reply.json()["type"] == "body_too_large"
    assert "5000 bytes" in reply.json()["detail"]


def test_body__chunked_without_length__read_and_limited(start_intake: StartIntake) -> None:
    intake = start_intake(ALLOTMENT_MAX_BODY_BYTES="5000")
    wait_until(intake.ready, "ready")

    def chunked(body: bytes) -> bytes:
        head = (
            b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        )
        parts = [body[at : at + 700] for at in range(0, len(body), 700)]
        data = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        with socket.create_connection(("127.0.0.1", intake.port), timeout=10) as raw:
            raw.sendall(head + data)
            return raw.recv(65536).split(b"\r\n", 1)[0]

    assert chunked(json.dumps(event()).encode()) == b"HTTP/1.1 201 Created"
    assert chunked(json.dumps([event()] * 20).encode()).startswith(b"HTTP/1.1 413")
    assert len(intake.records()) == 1


@pytest.mark.parametrize("body", ["", "   ", "{}", "[]", " [ ] "])
def test_body__no_event__400(intake: Intake, body: str) -> None:
    reply = intake.request("POST", "/v1/events", body, content_type=JSON)
    assert (reply.status, reply.json()["type"]) == (400, "empty_body")
    assert intake.records("rejected") == []


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"a":1}x',
        b"null",
        b"5",
        b'"text"',
        b"NaN",
        b"[" * 2000 + b"]" * 2000,
        b'{"a":"\\ud800","b":Infinity}',
        b'["\\ud800",' + b"[" * 2000 + b"]" * 2001,
        b"\xff\xfe{",
    ],
)
def test_body__malformed__400_and_kept_with_its_reason(intake: Intake, body: bytes) -> None:
    reply = intake.request("POST", "/v1/events", body, content_type=JSON)
    assert (reply.status, reply.json()["type"]) == (400, "malformed_json")
    (kept,) = intake.records("rejected")
    assert kept["reason"] == "malformed_json"
    assert kept["raw"] == body.decode("utf-8", "replace")
    assert kept["errors"] == [reply.json()["detail"]]


def test_body__byte_order_mark_and_bad_utf8__accepted_as_replacement(intake: Intake) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(event(action="a?b")).encode().replace(b"a?b", b"a\xffb")
    assert intake.request("POST", "/v1/events", body, content_type=JSON).status == 201
    assert intake.records()[0]["action"] == "a\ufffdb"


def error(intake: Intake, sent: object) -> str:
    reply = intake.send(sent)
    assert reply.status == 400
    found = reply.json()
    assert found["invalid"] == []
    (element,) = found["error"]
    assert element["status"] == "error"
    message: str = element["context"]["message"]
    return message


def web(**meta: object) -> dict[str, Any]:
    return event(meta=meta)


@pytest.mark.parametrize(
    ("sent", "reason", "words"),
    [
        ({"a": 1}, "missing_schema", "Field(s) $schema were missing"),
        ([5], "not_an_object", "Field(s) $schema were missing"),
        ([[]], "not_an_object", "$schema"),
        (event(**{"$schema": None}), "missing_schema", "$schema"),
        (event(**{"$schema": ["x"]}), "unknown_schema", "must be a text"),
        (event(**{"$schema": "/no/such/1.0.0"}), "unknown_schema", "/no/such/1.0.0"),
        (event(**{"$schema": WEB[:-5] + "current"}), "unknown_schema", "major.minor.patch"),
        (event(**{"$schema": "/../../etc/1.0.0"}), "unknown_schema", "/../../etc/1.0.0"),
        (event(**{"$schema": "http://127.0.0.1:1/x"}), "unknown_schema", "http://"),
        (web(), "missing_stream", "meta.stream were missing"),
        (web(stream=5), "missing_stream", "meta.stream"),
        (event(meta=[]), "missing_stream", "meta.stream"),
        (web(stream="nope"), "unknown_stream", "nope is not configured"),
        (web(stream="card-clicks"), "instrument_stream", "stream product_metrics.web_base"),
        (
            web(stream="product_metrics.app_base"),
            "schema_mismatch",
            "schema title must be analytics/product_metrics/app/base",
        ),
    ],
)
def test_event__cannot_be_checked__error_400_and_kept(
    intake: Intake, sent: object, reason: str, words: str
) -> None:
    assert words in error(intake, sent)
    (kept,) = intake.records("rejected")
    assert kept["reason"] == reason
    assert RECEIVED.fullmatch(kept["received"])
    assert words in kept["errors"][0]
    assert intake.records() == []


def test_event__wrong_type__400_with_ajv_errors_and_kept_whole(intake: Intake) -> None:
    reply = intake.send(event(action=5))
    assert reply.status == 400
    found = reply.json()
    assert list(found) == ["invalid"]
    (element,) = found["invalid"]
    assert element["status"] == "invalid"
    assert element["event"]["action"] == 5
    assert element["event"]["meta"]["id"], "the echo shows what was filled in"
    assert element["context"]["errorsText"] == "'.action' should be string"
    assert element["context"]["errors"] == [
        {
            "keyword": "type",
            "dataPath": ".action",
            "schemaPath": "#/properties/action/type",
            "params": {"type": "string"},
            "message": "should be string",
        }
    ]
    (kept,) = intake.records("rejected")
    assert (kept["reason"], kept["stream"], kept["schema"]) == (
        "invalid",
        "product_metrics.web_base",
        WEB,
    )
    assert kept["errors"] == ["'.action' should be string"]
    assert json.loads(kept["raw"]) == element["event"]


def test_event__rejected_and_huge__raw_is_capped(intake: Intake) -> None:
    assert intake.send(event(action="é" * 100_000)).status == 400
    (kept,) = intake.records("rejected")
    assert 65_000 < len(kept["raw"].encode()) <= 65_540


def test_batch__mixed__207_lists_the_bad_and_keeps_the_good(intake: Intake) -> None:
    batch = [event(action="one"), event(action=5), web(stream="nope"), event(action="two"), 7]
    reply = intake.send(batch)
    assert reply.status == 207
    found = reply.json()
    assert [e["event"]["action"] for e in found["invalid"]] == [5]
    unknown, seven = (e["event"] for e in found["error"])
    assert unknown["meta"]["stream"] == "nope"
    assert seven == 7
    assert [e["action"] for e in intake.records()] == ["one", "two"]
    reasons = [e["reason"] for e in intake.records("rejected")]
    assert reasons == ["invalid", "unknown_stream", "not_an_object"]


def test_batch__all_bad_of_both_kinds__400(intake: Intake) -> None:
    reply = intake.send([event(action=5), 7])
    check_answer(reply)
    found = reply.json()
    assert (len(found["invalid"]), len(found["error"])) == (1, 1)
    assert found["type"] == "events_refused"
    assert found["detail"].startswith("none of 2 events was accepted, see invalid and error; ")


NO_SCHEMA = {key: value for key, value in event().items() if key != "$schema"}


@pytest.mark.parametrize(
    ("sent", "code", "detail"),
    [
        (NO_SCHEMA, "missing_schema", "Field(s) $schema were missing from event"),
        (event(**{"$schema": "/no/such/1.0.0"}), "unknown_schema", "Failed loading schema at /no/"),
        (event(**{"$schema": 5}), "unknown_schema", "$schema must be a text such as"),
        (event(meta={"stream": "nope"}), "unknown_stream", "event of schema at /analytics/"),
        (event(**{"$schema": f"/{'x' * 9000}/1.0.0"}), "unknown_schema", "Failed loading schema"),
    ],
    ids=["no schema", "unknown schema", "schema is no text", "unknown stream", "long name"],
)
def test_request__all_of_it_refused_for_one_reason__problem_that_names_it_with_the_lists(
    intake: Intake, sent: dict[str, Any], code: str, detail: str
) -> None:
    for body, count in ((sent, 1), ([sent, sent], 2)):
        reply = intake.send(body)
        check_answer(reply)
        assert reply.headers["content-type"] == "application/problem+json"
        found = reply.json()
        assert (found["status"], found["type"], found["title"]) == (400, code, "Bad Request")
        assert (found["method"], found["uri"]) == ("POST", "/v1/events")
        assert detail in found["detail"]
        assert found["invalid"] == []
        assert [e["status"] for e in found["error"]] == ["error"] * count
        assert all(e["context"]["message"].startswith(detail) for e in found["error"])


def test_request__all_of_it_breaks_its_schema__the_list_alone_as_ever(intake: Intake) -> None:
    reply = intake.send([event(action=5)])
    check_answer(reply)
    assert reply.headers["content-type"] == "application/json"
    assert list(reply.json()) == ["invalid"]


def test_request__some_accepted__lists_and_no_problem(intake: Intake) -> None:
    reply = intake.send([event(), NO_SCHEMA])
    check_answer(reply)
    assert (reply.status, reply.headers["content-type"]) == (207, "application/json")
    assert list(reply.json()) == ["invalid", "error"]


def test_batch__two_schemas__each_in_its_topic(intake: Intake) -> None:
    app = event(
        **{"$schema": "/analytics/product_metrics/app/base/1.3.0"},
        meta={"stream": "product_metrics.app_base"},
    )
    assert intake.send([event(), app, event()]).status == 201
    assert len(intake.records()) == 2
    assert len(intake.records("product_metrics_app_base")) == 1


@pytest.mark.parametrize("query", ["hasty=true", "hasty=1", "a=b&hasty=yes", "hasty=TRUE"])
def test_hasty__any_yes__202_and_processed_after(intake: Intake, query: str) -> None:
    reply = intake.send([event(), event(action=5)], f"/v1/events?{query}")
    assert (reply.status, reply.body) == (202, b"")
    wait_until(lambda: len(intake.records()) == 1, "the good one is in the journal")
    wait_until(lambda: len(intake.records("rejected")) == 1, "the bad one is kept")


@pytest.mark.parametrize("query", ["hasty=false", "hasty=0", "hasty=", "hasty", "Hasty=true"])
def test_hasty__no__answered_in_full(intake: Intake, query: str) -> None:
    assert intake.send(event(action=5), f"/v1/events?{query}").status == 400
    assert intake.send(event(), f"/v1/events?{query}").status == 201


def test_hasty__body_cannot_be_read__still_told(intake: Intake) -> None:
    reply = intake.request("POST", "/v1/events?hasty=true", "{", content_type=JSON)
    assert reply.status == 400


def test_cors__preflight_and_answers__any_origin(intake: Intake) -> None:
    reply = intake.request(
        "OPTIONS",
        "/v1/events",
        origin="https://wiki.example",
        access_control_request_method="POST",
        access_control_request_headers="content-type",
    )
    assert reply.status == 204
    assert reply.headers["access-control-allow-origin"] == "*"
    assert "POST" in reply.headers["access-control-allow-methods"]
    assert "content-type" in reply.headers["access-control-allow-headers"]
    for sent in (event(), event(action=5)):
        assert intake.send(sent).headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_method__other__405(intake: Intake, method: str) -> None:
    reply = intake.request(method, "/v1/events")
    assert reply.status == 405
    assert reply.headers["allow"] == "POST, OPTIONS"


@pytest.mark.parametrize("path", ["/", "/nothing", "/v1/events/more", "/v3/events"])
def test_path__unknown__404(intake: Intake, path: str) -> None:
    assert intake.request("GET", path).status == 404
    assert intake.send(event(), path).status == 404


def test_addresses__sent_by_a_client__never_stored(intake: Intake) -> None:
    http = {
        "client_ip": "192.0.2.77",
        "method": "GET",
        "request_headers": {
            "X-Client-IP": "192.0.2.77",
            "x-forwarded-for": "192.0.2.77",
            "CF-Connecting-IP": "192.0.2.77",
            "true-client-ip": "192.0.2.77",
            "x-cluster-client-ip": "192.0.2.77",
            "a": "b",
        },
    }
    assert intake.send([event(http=http), event(http=http, action=5)]).status == 207
    assert intake.records()[0]["http"] == {"method": "GET", "request_headers": {"a": "b"}}
    assert "192.0.2.77" not in str(intake.records("rejected"))


def test_time__in_an_old_loose_form__stored_as_rfc_3339(intake: Intake) -> None:
    assert intake.send(event(dt="2026-01-15 09:30:00+0100")).status == 201
    assert intake.records()[0]["dt"] == "2026-01-15T09:30:00+01:00"


def test_nesting__deeper_than_can_be_written__error_and_the_others_live(intake: Intake) -> None:
    deep = '{"x":' * 300 + "1" + "}" * 300
    body = json.dumps([event(), event(meta={"stream": "product_metrics.web_base", "x": "DEEP"})])
    reply = intake.request("POST", "/v1/events", body.replace('"DEEP"', deep), content_type=JSON)
    assert reply.status == 207
    assert "deep" in reply.json()["error"][0]["context"]["message"]
    (kept,) = intake.records("rejected")
    assert kept["reason"] == "nested_too_deeply"
    assert len(intake.records()) == 1


def test_healthz__running__ok(intake: Intake) -> None:
    reply = intake.request("GET", "/healthz")
    assert (reply.status, reply.json()) == (200, {"status": "ok"})


def test_info__running__names_itself_and_its_configuration(intake: Intake) -> None:
    found = intake.request("GET", "/_info").json()
    assert found["name"] == "allotment-intake"
    assert found["stream_configuration"]["version"] == "7"
    assert found["stream_configuration"]["streams"] == 3
    assert 0 <= found["stream_configuration"]["age_seconds"] < 5


def test_stream_configs__served__as_received(intake: Intake) -> None:
    found = intake.request("GET", "/v1/stream-configs").json()
    assert found["product_metrics.web_base"]["schema_title"] == "analytics/product_metrics/web/base"
    assert set(found) == {"product_metrics.web_base", "product_metrics.app_base", "card-clicks"}


def test_stop__sigterm__silent_and_clean(start_intake: StartIntake) -> None:
    intake = start_intake()
    wait_until(intake.ready, "ready")
    assert intake.send(event()).status == 201
    assert intake.stop() == ""
    assert intake.process.returncode == 0
    assert len(intake.records()) == 1


def test_config__changed_in_the_registry__in_force_without_restart(
    start_intake: StartIntake, registry: StandIn
) -> None:
    intake = start_intake()
    wait_until(intake.ready, "ready")
    fresh = {"fresh.stream": {"schema_title": "analytics/product_metrics/web/base"}}
    assert "not configured" in error(intake, web(stream="fresh.stream"))
    registry.serve(fresh, "8")
    wait_until(
        lambda: intake.send(web(stream="fresh.stream")).status == 201, "the new stream works"
    )
