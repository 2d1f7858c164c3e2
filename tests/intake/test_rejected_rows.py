"""How much one request may leave in the topic `rejected`: real events whole, and no flood."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.intake.conftest import JSON, WEB, Intake, event

from allotment.intake.rejected_rows import FREE_BYTES, TIMES, Room
from allotment.intake.senders import nobody

MOST = 10_000
FLOODS = {
    "numbers": ("1", "not_an_object"),
    "nothing": ("{}", "missing_schema"),
    "no such schema": ('{"$schema":"/a/1.0.0"}', "unknown_schema"),
}


def counted(intake: Intake, reason: str) -> int:
    series = f'events_total{{worker="0",stream="unknown",outcome="{reason}"}} '
    _, _, rest = intake.request("GET", "/metrics").body.decode().partition(series)
    return int(rest.split("\n")[0] or 0)


@pytest.mark.parametrize(("item", "reason"), FLOODS.values(), ids=FLOODS)
def test_flood__most_events_of_a_few_bytes__bounded_rows_that_stand_for_all(
    intake: Intake, item: str, reason: str
) -> None:
    body = f"[{','.join([item] * MOST)}]"
    before = counted(intake, reason)
    reply = intake.request("POST", "/v1/events", body, content_type=JSON)
    assert reply.status == 400
    assert len(reply.json()["error"]) == MOST
    rows = intake.records("rejected")
    size = sum(len(json.dumps(row)) for row in rows)
    assert size < 1.1 * (FREE_BYTES + TIMES * len(body))
    assert {row["reason"] for row in rows} == {reason}
    *whole, rest = rows
    assert len(whole) > 300, "the first of them are kept whole"
    assert {(row["raw"], row["truncated"], row.get("events")) for row in whole} == {
        (item, False, None)
    }
    assert len(whole) + rest["events"] == MOST
    assert (rest["raw"], rest["truncated"]) == ("", True)
    assert rest["size"] == rest["events"] * len(item)
    assert rest["errors"][0].startswith(f"stands for {rest['events']} more events")
    assert rest["errors"][1:] == whole[0]["errors"]
    assert counted(intake, reason) - before == MOST


def test_flood__real_events_among_it__are_kept_whole(intake: Intake) -> None:
    real = [event(action=n, action_context=f"event {n}") for n in range(50)]
    sent: list[object] = [1] * (MOST - 50)
    sent[1::199] = real[: len(sent[1::199])]
    assert intake.send([*sent, *real]).status == 400
    kept = [row for row in intake.records("rejected") if row["reason"] == "invalid"]
    assert all("events" not in row for row in kept)
    assert {json.loads(row["raw"])["action_context"] for row in kept} == {
        f"event {n}" for n in range(50)
    }
    assert len(kept) == 100 - (len(real) - len(sent[1::199]))


def test_large_batch__events_of_a_stream_that_is_missing__each_is_kept_whole(
    intake: Intake,
) -> None:
    """The smallest events of real clients: they must be there when the stream is."""
    least: dict[str, Any] = {"$schema": WEB, "action": "click", "agent": {}, "meta": {}}
    sent = [{**least, "meta": {"stream": f"not.yet.{n}"}} for n in range(MOST)]
    assert intake.send(sent).status == 400
    rows = intake.records("rejected")
    assert len(rows) == MOST
    assert {row["stream"] for row in rows} == {one["meta"]["stream"] for one in sent}
    assert not any(row["truncated"] for row in rows)


def test_large_batch__much_is_wrong_with_each__errors_are_cut_before_events(
    intake: Intake,
) -> None:
    wrong = {f"no_such_field_{n}": n for n in range(30)}
    assert intake.send([{**event(), **wrong} for _ in range(3000)]).status == 400
    rows = intake.records("rejected")
    assert all(json.loads(row["raw"])["no_such_field_29"] == 29 for row in rows)
    assert len(rows[0]["errors"]) == 30
    assert len(rows) == 3000


def test_room__more_than_one_reason__one_row_for_each() -> None:
    room = Room()
    room.count("clicks", "invalid", 10, "first")
    room.count("clicks", "invalid", 20, "second")
    room.count("unknown", "not_an_object", 1, "third")
    rows = [json.loads(row) for row in room.rows("2026-11-22T10:00:00.000Z", nobody)]
    assert [(r["counted_as"], r["reason"], r["events"], r["size"]) for r in rows] == [
        ("clicks", "invalid", 2, 30),
        ("unknown", "not_an_object", 1, 1),
    ]
    assert room.rows("2026-11-22T10:00:00.000Z", nobody) == []
