"""What every answer to `POST /v1/events` looks like, as docs/reference/intake.md says."""

from __future__ import annotations

from typing import Any

from tests.intake.conftest import Reply

PROBLEMS = {
    400: {"malformed_json", "empty_body", "damaged_body"},
    413: {"body_too_large", "too_many_events"},
    415: {"unsupported_media_type", "unsupported_content_encoding"},
    503: {"unavailable"},
}
NOT_COUNTED = {"empty_body", "damaged_body", "body_too_large", "too_many_events"}
"""Types of problems of which nothing is kept and no event is counted."""
_MEMBERS = ["status", "type", "title", "detail", "method", "uri"]
_WITHOUT_BODY = {201, 202}
_LISTS = {207, 400}
_REASONS = {
    *("events_refused", "not_an_object", "missing_schema", "missing_stream", "unknown_schema"),
    *("no_table", "unknown_stream", "instrument_stream", "schema_mismatch", "enrollment_missing"),
    *("enrollment_mismatch", "nested_too_deeply", "too_many_days", "impossible_day"),
}
"""Types of problems that list events."""


def check_answer(reply: Reply) -> None:
    """Fail unless status, headers and body are of one documented shape."""
    assert reply.headers["access-control-allow-origin"] == "*"
    if reply.status in _WITHOUT_BODY:
        assert reply.body == b""
        return
    kind = reply.headers["content-type"]
    assert reply.headers["x-content-type-options"] == "nosniff"
    if kind == "application/json":
        assert reply.status in _LISTS, reply
        found = reply.json()
        _check_lists(reply.status, found)
        assert reply.status == 207 or list(found) == ["invalid"], "else it is a problem"
    elif "error" in reply.json():
        found = reply.json()
        assert kind == "application/problem+json"
        assert reply.status == found["status"] == 400
        assert list(found) == [*_MEMBERS, "invalid", "error"]
        assert found["type"] in _REASONS
        assert found["error"]
        assert len(found["detail"]) < 1000
        _check_lists(400, {name: found[name] for name in ("invalid", "error")})
    else:
        assert kind == "application/problem+json", reply
        _check_problem(reply)


def problem_type(reply: Reply) -> str | None:
    """The `type` of a problem document that lists no events; None for any other answer."""
    if reply.headers.get("content-type") != "application/problem+json":
        return None
    found = reply.json()
    return None if "error" in found else str(found["type"])


def not_accepted(reply: Reply) -> int:
    """How many events the lists of an answer name."""
    if reply.status not in _LISTS:
        return 0
    found = reply.json()
    return sum(len(found.get(name, ())) for name in ("invalid", "error"))


def _check_problem(reply: Reply) -> None:
    found = reply.json()
    assert list(found) == _MEMBERS
    assert found["status"] == reply.status
    assert found["type"] in PROBLEMS[reply.status], found
    assert found["method"] == "POST"
    assert all(type(value) is str and value for name, value in found.items() if name != "status")
    assert len(reply.body) < 2000
    if reply.status == 503:
        assert int(reply.headers["retry-after"]) > 0


def _check_lists(status: int, found: dict[str, list[dict[str, Any]]]) -> None:
    assert list(found) in (["invalid"], ["invalid", "error"])
    assert found["invalid"] or found.get("error")
    if status == 207:
        assert "error" in found
    for name, elements in found.items():
        for element in elements:
            assert list(element) == ["status", "event", "context"]
            assert element["status"] == name
            (_check_errors if name == "invalid" else _check_message)(element["context"])


def _check_message(context: dict[str, Any]) -> None:
    assert list(context) == ["message"]
    assert type(context["message"]) is str
    assert context["message"]


def _check_errors(context: dict[str, Any]) -> None:
    assert list(context) == ["errors", "errorsText"]
    texts = []
    for error in context["errors"]:
        assert list(error) == ["keyword", "dataPath", "schemaPath", "params", "message"]
        assert type(error["params"]) is dict
        assert error["schemaPath"].startswith("#/")
        texts.append(f"'{error['dataPath']}' {error['message']}")
    assert texts
    assert context["errorsText"] == ", ".join(texts)
