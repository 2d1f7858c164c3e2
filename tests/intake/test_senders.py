"""The client library that a request names, and what a rejected event's record says of it."""

from __future__ import annotations

from uuid import UUID

import pytest
from tests.intake.conftest import JSON, Intake, event

from allotment.intake.senders import NOBODY, Sender, sender


@pytest.mark.parametrize(
    ("header", "query", "found"),
    [
        ("python/0.1.0", "", Sender("python", "0.1.0")),
        (None, "hasty=true&sdk=js/0.1.0", Sender("js", "0.1.0")),
        (None, "sdk=js%2F1.0.0-rc.1%2B7", Sender("js", "1.0.0-rc.1+7")),
        ("python/1", "sdk=js/2", Sender("python", "1")),
        ("python", "", NOBODY),
        (None, "sdk=js", NOBODY),
        (None, "", NOBODY),
        ("x" * 41 + "/1", "", NOBODY),
        ('a"}/1', "", NOBODY),
    ],
)
def test_sender__header_or_parameter__is_read(
    header: str | None, query: str, found: Sender
) -> None:
    assert sender({"x-allotment-sdk": header}.get, query) == found


def test_rejected__of_a_known_library__record_names_it_and_how_it_was_counted(
    intake: Intake,
) -> None:
    sent = [event(action=5), event(meta={"stream": "nope" * 100})]
    assert intake.send(sent, "/v1/events?sdk=js/0.1.0").status == 400
    assert intake.send(5, X_Allotment_SDK="python/0.1.0").status == 400
    invalid, astray, malformed = intake.records("rejected")
    assert (invalid["sdk"], invalid["sdk_version"]) == ("js", "0.1.0")
    assert (malformed["sdk"], malformed["sdk_version"]) == ("python", "0.1.0")
    counted = [record["counted_as"] for record in (invalid, astray, malformed)]
    assert counted == ["product_metrics.web_base", "unknown", "unknown"]
    assert astray["stream"] == ("nope" * 100)[:255]
    assert len({UUID(record["id"]) for record in (invalid, astray, malformed)}) == 3


def test_rejected__size__is_the_whole_one_and_says_what_is_cut(intake: Intake) -> None:
    body = b'{"a": "' + b"x" * 70_000
    intake.request("POST", "/v1/events", body, content_type=JSON)
    intake.send(5)
    large, small = intake.records("rejected")
    assert (large["size"], large["truncated"], len(large["raw"])) == (len(body), True, 65_536)
    assert (small["size"], small["truncated"], small["raw"]) == (1, False, "5")
