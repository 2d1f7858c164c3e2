"""What is kept of rejected events: masks in the record, the originals sealed beside it."""

from __future__ import annotations

import json
import stat

import pytest
from tests.intake.conftest import JSON, Intake, event

from allotment.contract.addresses import ADDRESS
from allotment.contract.masking import MASK, Masker
from allotment.intake.outcome import Outcome, RefusalError

AGENT = "Mozilla/5.0 (X11; Linux x86_64)"
PRIVATE = {
    "experiments": {"subject_ids": {"a": "s3cret", "b": "awaiting"}},
    "http": {"request_headers": {"User-Agent": AGENT, "x-trace": "1"}},
    "action": 5,
}


def test_rejected__with_ids_and_agents__masked_and_sealed_under_its_id(intake: Intake) -> None:
    reply = intake.send([event(**PRIVATE), event(**PRIVATE), event(action=5)])
    shown = [element["event"] for element in reply.json()["invalid"]]
    assert shown[0]["experiments"]["subject_ids"]["a"] == "s3cret", "the sender sees its own"
    first, second, plain = intake.records("rejected")
    raw = json.loads(first["raw"])
    assert raw["experiments"]["subject_ids"]["a"].startswith(MASK)
    assert raw["experiments"]["subject_ids"]["b"] == "awaiting"
    assert raw["http"]["request_headers"]["x-trace"] == "1"
    assert json.loads(second["raw"])["experiments"] == raw["experiments"], "equality is visible"
    assert not {"s3cret", AGENT} & set(json.dumps([first, second, plain]).split('"'))
    sealed = intake.records("sealed")
    assert [line["id"] for line in sealed] == [first["id"], second["id"]]
    assert sealed[0]["received"] == first["received"]
    assert sealed[0]["values"] == {
        "/experiments/subject_ids/a": '"s3cret"',
        "/http/request_headers/User-Agent": json.dumps(AGENT),
    }


def test_rejected__body_that_is_no_json__masked_and_nothing_sealed(intake: Intake) -> None:
    body = '{"subject_id": "s3cret", "http": {"client_ip": "192.0.2.1"}, "from": 192.0.2.7'
    assert intake.request("POST", "/v1/events", body, content_type=JSON).status == 400
    (kept,) = intake.records("rejected")
    assert "s3cret" not in kept["raw"]
    assert "192.0.2" not in kept["raw"]
    assert kept["raw"].count(ADDRESS) == 2
    assert kept["size"] == len(body)
    assert intake.records("sealed") == []


def test_rejected__larger_than_the_cap__masked_cut_and_nothing_sealed(intake: Intake) -> None:
    intake.send(event(action=5, action_context="x" * 70_000, subject_id="s3cret"))
    intake.send(event(subject_id="s3cret", x="y" * 70_000, action=5))
    for kept in intake.records("rejected"):
        assert kept["truncated"]
        assert kept["size"] > 70_000
        assert len(kept["raw"].encode()) <= 65_536
        assert "s3cret" not in kept["raw"]
    assert intake.records("sealed") == []


def test_rejected__nested_too_deeply__kept_with_its_masks(intake: Intake) -> None:
    deep = '{"subject_id": "s3cret", "a": ' * 400 + "1" + "}" * 400
    assert intake.request("POST", "/v1/events", deep, content_type=JSON).status == 400
    (kept,) = intake.records("rejected")
    assert kept["raw"].count('"subject_id"') == 400
    assert "s3cret" not in kept["raw"]


def test_rejected__error_texts__hold_no_value(intake: Intake) -> None:
    sent = event(**{"$schema": "/x?subject_id=s3cret"})
    intake.send(sent)
    (kept,) = intake.records("rejected")
    assert "s3cret" not in json.dumps(kept["errors"])


@pytest.mark.parametrize(
    "assigned",
    [{"k" * 3_000_000: 5}, {f"{'k' * 700}{n}": 5 for n in range(900)}],
    ids=["one long name", "many names"],
)
def test_rejected__error_texts_longer_than_the_cap__cut(
    intake: Intake, assigned: dict[str, int]
) -> None:
    assert intake.send(event(experiments={"assigned": assigned})).status == 400
    (kept,) = intake.records("rejected")
    assert kept["errors"][0].startswith("'.experiments.assigned")
    assert sum(map(len, kept["errors"])) == 65_536


@pytest.mark.parametrize("levels", [*range(246, 258), 900, 1020])
def test_rejected__about_as_deep_as_can_be_written__400_and_kept(
    intake: Intake, levels: int
) -> None:
    deep = '{"a":' * levels + "1" + "}" * levels
    assert intake.request("POST", "/v1/events", deep, content_type=JSON).status == 400
    (kept,) = intake.records("rejected")
    assert kept["raw"] in {deep, ""}
    assert kept["raw"] == deep or levels > 900


def test_sealed__on_its_way_to_the_lake__is_for_the_labs_user_alone(intake: Intake) -> None:
    intake.send(event(**PRIVATE))
    folder = intake.data / "journal" / "sealed"
    assert list(folder.rglob("*.ndjson"))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_outcome__events_of_every_fate__tally_by_topic_stream_and_minute() -> None:
    outcome = Outcome("2026-11-22T10:00:00.000Z", Masker(b"key"), {"clicks"})
    at = ["2026-11-22T09:59:00Z", "2026-11-22T09:59:30Z", "2026-11-22T11:00:00+01:00"]
    for stream, time, topic in [
        ("clicks", at[0], "one"),
        ("clicks", at[1], "one"),
        ("clicks", at[2], "one"),
        ("views", at[2], "two"),
    ]:
        outcome.accept(topic, stream, time, b"{}")
    outcome.refuse({"meta": {"stream": "made up"}}, RefusalError("unknown_stream", "why"))
    outcome.settle()
    assert outcome.tally == {
        "one": {
            ("clicks", "2026-11-22T09:59", "accepted"): 2,
            ("clicks", "2026-11-22T10:00", "accepted"): 1,
        },
        "two": {("views", "2026-11-22T10:00", "accepted"): 1},
        "rejected": {("unknown", "2026-11-22T10:00", "unknown_stream"): 1},
    }
    assert outcome.lost(["one", "rejected"]) == {
        ("clicks", "2026-11-22T09:59", "lost"): 2,
        ("clicks", "2026-11-22T10:00", "lost"): 1,
        ("unknown", "2026-11-22T10:00", "lost"): 1,
    }
