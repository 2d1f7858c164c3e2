"""Replays against a real intake, a real journal and a real lake."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from tests.intake.conftest import JSON, STREAMS, event, wait_until
from tests.replay.rejected_parts import LATE, SECRET, RejectedLab, rejected_lab
from tests.replay.replay_process import start

from allotment.contract.masking import MASK
from allotment.contract.mending import parse_change
from allotment.lake.catalog import open_catalog
from allotment.lake.query import run_sql
from allotment.lake.rejected import Rejection
from allotment.lake.replays import Record, Replay, RivalError, State, arrived
from allotment.lake.sealed import unseal
from allotment.replay.letters import Mend, ReplayError
from allotment.replay.replaying import Fate, Lab, Report, replay

SETTLE_SECONDS = 0.2
PLACES = 16
"""A replay of two events on two pages passes so many; see `replay_process.py`."""


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[RejectedLab]:
    with rejected_lab(tmp_path) as found:
        yield found


def sent(lab: Lab, chosen: Sequence[Rejection], mend: Mend, settle_seconds: float = 0.0) -> Report:
    """What one replay of one page reports, with the trouble at its end."""
    found = Report()
    for report in replay(lab, [chosen], mend, who="me", settle_seconds=settle_seconds):
        found.fates |= report.fates
        found.trouble = found.trouble or report.trouble
    return found


def again(parts: RejectedLab, mend: Mend | None = None, *, dry_run: bool = False) -> Report:
    if dry_run:
        (found,) = replay(parts.lab, [parts.rejections()], Mend(), who="me", dry_run=True)
        return found
    return sent(parts.lab, parts.rejections(), mend or Mend(), SETTLE_SECONDS)


def fates(report: Report) -> Counter[Fate]:
    return Counter(fate for fate, _ in report.fates.values())


def sealed(parts: RejectedLab) -> int:
    names = [r.id or "" for r in parts.rejections()]
    with closing(open_catalog(parts.data / "lake")) as catalog:
        return len(unseal(catalog, names))


def test_replay__stream_was_mended__events_arrive_as_they_were_sent(parts: RejectedLab) -> None:
    parts.astray(3)
    parts.move()
    before = {r.id: r.received for r in parts.rejections()}
    assert sealed(parts) == 3
    assert fates(again(parts)) == {Fate.REFUSED: 3}, "nothing is mended yet"
    assert len(parts.rejections()) == 3, "what would be refused is not sent"
    parts.mend_streams()
    assert fates(again(parts, dry_run=True)) == {Fate.CHECKED: 3}
    assert parts.stored() == []
    report = again(parts)
    assert fates(report) == {Fate.SENT: 3}
    columns = "page.id, meta.stream, meta.dt, experiments.subject_ids"
    rows = parts.stored(columns)
    assert [row[0] for row in rows] == [0, 1, 2]
    assert {row[1] for row in rows} == {LATE}
    assert {row[2] for row in rows} <= set(before.values()), "the time of receipt is the first one"
    assert [row[3] for row in rows] == [{"a": SECRET}] * 3, "with its true ids"
    assert sealed(parts) == 0
    assert fates(again(parts)) == {Fate.ALREADY: 3}
    assert len(parts.stored()) == 3


def test_replay__nothing_moved_yet__journal_alone_is_enough(parts: RejectedLab) -> None:
    parts.intake.send(event(action=5))
    assert fates(again(parts, Mend(changes=(parse_change('action="click"'),)))) == {Fate.SENT: 1}
    assert len(parts.stored()) == 1


def test_replay__id_of_the_event__is_kept_or_derived_from_the_rejection(
    parts: RejectedLab,
) -> None:
    sent = [event(meta={"stream": LATE, "id": "mine"}), event(**{"$schema": None})]
    parts.intake.send(sent)
    parts.mend_streams()
    schema = event()["$schema"]
    mend = Mend(changes=(parse_change(f'$schema="{schema}"'),))
    assert fates(again(parts, mend)) == {Fate.SENT: 2}
    first = {row[0] for row in parts.stored()}
    assert len(first) == 2
    assert "mine" in first
    recorded = run_sql(
        parts.data / "lake", "select event_id, who, mended from event.replays where state = 'done'"
    )[1]
    assert {row[0] for row in recorded} == first
    assert {row[1:] for row in recorded} == {("me", f'set {{"$schema":"{schema}"}}')}


def test_replay__one_event_that_was_refused_twice__arrives_once(parts: RejectedLab) -> None:
    for _ in range(2):
        parts.intake.send(event(meta={"stream": LATE, "id": "mine"}))
    parts.mend_streams()
    assert fates(again(parts)) == {Fate.SENT: 1, Fate.ALREADY: 1}
    assert parts.stored() == [("mine",)]


def test_replay__event_came_by_another_way_meanwhile__is_not_sent(parts: RejectedLab) -> None:
    sent = event(meta={"stream": LATE, "id": "mine", "dt": "2026-11-22T10:00:00.000Z"})
    parts.intake.send(sent)
    parts.mend_streams()
    assert parts.intake.send(sent).status == 201
    assert fates(again(parts)) == {Fate.ALREADY: 1}
    assert parts.stored() == [("mine",)]


def test_replay__one_id_in_two_streams__both_are_events_of_their_own(parts: RejectedLab) -> None:
    """As the sink has it, which knows an event by its stream and its id."""
    other = {**STREAMS["product_metrics.web_base"], "stream": "other"}
    late = {**STREAMS["product_metrics.web_base"], "stream": LATE}
    dt = "2026-11-22T10:00:00.000Z"
    for stream in (LATE, "other"):
        parts.intake.send(event(meta={"stream": stream, "id": "mine", "dt": dt}))
    parts.registry.serve({**STREAMS, "other": other, LATE: late}, "8")
    wait_until(
        lambda: "other" in parts.intake.request("GET", "/v1/stream-configs").json(),
        "the intake has the new streams",
    )
    there = event(meta={"stream": "product_metrics.web_base", "id": "mine", "dt": dt})
    assert parts.intake.send(there).status == 201
    in_three = [("mine", s) for s in (LATE, "other", "product_metrics.web_base")]
    report = again(parts)
    assert fates(report) == {Fate.SENT: 2}
    assert sorted(parts.stored("meta.id, meta.stream")) == in_three
    with closing(open_catalog(parts.data / "lake")) as catalog:
        lake, names = parts.data / "lake", list(report.fates)
        known = [one.replay for one in Record(catalog, lake, "me").of(names).values()]
        one = known[0]
        strange = replace(one, stream="strange")
        older = replace(one, stream=None)  # recorded before streams were
        there_now = arrived(catalog, parts.lab.lake_dir, parts.lab.journal_dir, [*known, strange])
        assert there_now == {found.key for found in known}
        assert arrived(catalog, parts.lab.lake_dir, parts.lab.journal_dir, [older]) == {older.key}


def test_replay__moved_into_the_stream_of_its_twin__is_the_same_event(parts: RejectedLab) -> None:
    for stream in (LATE, "other"):
        parts.intake.send(event(meta={"stream": stream, "id": "mine"}))
    other, late = parts.rejections()
    parts.mend_streams()
    assert fates(sent(parts.lab, [late], Mend())) == {Fate.SENT: 1}
    mend = Mend(changes=(parse_change(f'meta.stream="{LATE}"'),))
    assert fates(sent(parts.lab, [other], mend)) == {Fate.ALREADY: 1}


def test_replay__what_the_masks_hid_has_gone__stays_rejected_until_it_is_set(
    parts: RejectedLab,
) -> None:
    parts.astray(1)
    parts.mend_streams()
    (report,) = again(parts).fates.values()
    assert report[0] is Fate.REFUSED, "the sink has not moved what is sealed"
    assert "experiments.subject_ids.a holds a mask" in report[1]
    mend = Mend(changes=(parse_change('experiments.subject_ids.a="known"'),))
    assert fates(again(parts, mend)) == {Fate.SENT: 1}
    assert parts.stored("experiments.subject_ids") == [({"a": "known"},)]
    ((mended,),) = run_sql(parts.data / "lake", "select distinct mended from event.replays")[1]
    assert "known" not in mended
    assert MASK in mended


def test_replay__whole_event_given__for_a_body_that_was_no_json(parts: RejectedLab) -> None:
    parts.intake.request("POST", "/v1/events", '{"action": ', content_type=JSON)
    (found,) = again(parts).fates.values()
    assert found == (Fate.REFUSED, "it is no JSON object; give the whole mended event by --file")
    assert fates(again(parts, Mend(whole=event()))) == {Fate.SENT: 1}
    assert len(parts.stored()) == 1


def test_replay__row_that_stands_for_many__stays_and_says_so(parts: RejectedLab) -> None:
    assert parts.intake.send([1] * 3000).status == 400
    (one,) = (r for r in parts.rejections() if r.events is not None)
    ((fate, why),) = sent(parts.lab, [one], Mend()).fates.values()
    assert fate is Fate.REFUSED
    assert why.startswith(f"it stands for {one.events} events that were counted and not kept")


def test_replay__no_row_can_hold_it__stays_until_it_is_mended(parts: RejectedLab) -> None:
    assert parts.intake.send(event(dt="0000-01-01T00:00:00Z")).status == 201
    assert parts.stored() == []
    (found,) = again(parts).fates.values()
    assert found == (
        Fate.REFUSED,
        "no row of the lake can hold it: dt is a time outside the years 1 to 9999 (UTC)",
    )
    mend = Mend(changes=(parse_change('dt="2026-01-01T00:00:00Z"'),))
    assert fates(again(parts, mend)) == {Fate.SENT: 1}
    assert len(parts.stored()) == 1


def test_replay__intake_refuses_after_all__kept_anew_and_can_be_tried_again(
    parts: RejectedLab, tmp_path: Path
) -> None:
    # The replay knows a schema that the intake does not: only the intake refuses.
    title = "only/here"
    (tmp_path / "schemas" / title).mkdir(parents=True)
    (tmp_path / "schemas" / title / "1.0.0.yaml").write_text(
        f"title: {title}\n$id: /{title}/1.0.0\ntype: object\nproperties:\n"
        "  meta: {type: object, properties: {id: {type: string}, stream: {type: string},"
        " dt: {type: string, format: date-time}}}\n"
    )
    parts.intake.send({"$schema": f"/{title}/1.0.0", "meta": {"stream": "s"}})
    parts.registry.serve({"s": {"stream": "s", "schema_title": title}}, "9")
    until = time.monotonic() + 60
    while "s" not in parts.intake.request("GET", "/v1/stream-configs").json():
        assert time.monotonic() < until
        time.sleep(0.02)
    lab = parts.lab
    lab = type(lab)(
        lake_dir=lab.lake_dir,
        journal_dir=lab.journal_dir,
        schema_paths=(tmp_path / "schemas",),
        intake_url=lab.intake_url,
        masking_key=lab.masking_key,
    )
    (first,) = parts.rejections()
    report = sent(lab, [first], Mend())
    ((fate, why),) = report.fates.values()
    assert fate is Fate.REFUSED
    assert "Failed loading schema" in why
    newest, oldest = parts.rejections()
    assert (newest.sdk, oldest.id) == ("replay", first.id)
    assert fates(sent(lab, [first], Mend())) == {Fate.REFUSED: 1}


def test_replay__intake_is_gone__says_so_and_nothing_is_recorded(parts: RejectedLab) -> None:
    parts.astray(1)
    parts.move()
    parts.intake.kill()
    with pytest.raises(ReplayError, match="does not tell its streams"):
        again(parts)


def test_replay__killed_at_each_step__each_event_arrives_exactly_once(parts: RejectedLab) -> None:
    parts.astray(2 * (PLACES + 1))
    parts.move()
    parts.mend_streams()
    names = [r.id or "" for r in parts.rejections()]
    *pairs, last = zip(names[::2], names[1::2], strict=True)
    for step, pair in enumerate(pairs):
        killed, _ = start(parts.lab, pair, step, page=1)
        killed.join(60)
        assert killed.exitcode == -signal.SIGKILL, f"place {step}"
        if step % 4 == 1:
            parts.move()
    _, said = start(parts.lab, last, page=1)
    assert said.recv() == PLACES, "there are other places to be killed at"
    assert fates(again(parts)).keys() <= {Fate.SENT, Fate.ALREADY}
    assert [row[0] for row in parts.stored("page.id")] == list(range(len(names)))
    assert set(parts.accepted().values()) == {1}
    assert sealed(parts) == 0
    assert fates(again(parts)) == {Fate.ALREADY: len(names)}


@contextmanager
def guarded(parts: RejectedLab, name: str) -> Iterator[None]:
    """The catalog keeps a table as it is: to who commits, it looks as if another always had."""
    with closing(sqlite3.connect(parts.data / "lake" / "catalog.sqlite3")) as database:
        database.execute(
            "CREATE TRIGGER guard BEFORE UPDATE ON iceberg_tables"
            f" WHEN OLD.table_namespace = '{name}' BEGIN SELECT RAISE(IGNORE); END"
        )
        database.commit()
        yield
        database.execute("DROP TRIGGER guard")
        database.commit()


def test_replay__what_masks_hid_cannot_be_deleted__says_so_and_the_next_one_does_it(
    parts: RejectedLab,
) -> None:
    parts.astray(2)
    parts.move()
    parts.mend_streams()
    with guarded(parts, "sealed"):
        report = again(parts)
    assert fates(report) == {Fate.SENT: 2}
    assert report.trouble.startswith("what their masks hid could not be deleted, since others")
    assert sealed(parts) == 2
    assert list(replay(parts.lab, [], Mend(), who="me")) == []
    assert sealed(parts) == 0


def test_replay__command_while_nothing_can_be_deleted__one_sentence_and_exit_code_1(
    parts: RejectedLab,
) -> None:
    parts.astray(1)
    parts.move()
    parts.mend_streams()
    ask = ("replay", "--reason", "unknown_stream", "--yes")
    with guarded(parts, "sealed"):
        found = parts.command(*ask)
    assert found.code == 1
    assert "1 sent\nwhat their masks hid could not be deleted" in found.said
    assert found.said.endswith("Run the command again: it looks first for what has arrived.\n")
    assert parts.command(*ask) == (0, "no rejected event to send\n")
    assert sealed(parts) == 0


def test_replay__one_rejection_named_twice__is_sent_once(parts: RejectedLab) -> None:
    parts.intake.send(event(meta={"stream": LATE}))
    parts.mend_streams()
    (one,) = parts.rejections()
    assert fates(sent(parts.lab, [one, one], Mend())) == {Fate.SENT: 1}
    assert set(parts.accepted().values()) == {1}


def test_replay__twins_on_two_pages__arrive_once_and_both_are_through(parts: RejectedLab) -> None:
    for _ in range(2):
        parts.intake.send(event(meta={"stream": LATE, "id": "mine"}))
    parts.mend_streams()
    chosen = [[one] for one in parts.rejections()]
    reports = list(replay(parts.lab, chosen, Mend(), who="me", settle_seconds=0))
    assert [fates(report) for report in reports] == [{Fate.SENT: 1}, {Fate.ALREADY: 1}]
    assert parts.stored() == [("mine",)]
    assert parts.rejections(unsent=True) == []


def test_replay__killed_at_random_moments__each_event_arrives_exactly_once(
    parts: RejectedLab,
) -> None:
    for _ in range(3):
        parts.astray(200)
    parts.move()
    parts.mend_streams()
    chance = random.Random(5)
    kills = 0
    for _ in range(5):
        process, _ = start(parts.lab, ("",))
        process.join(chance.uniform(0.2, 0.9))
        if process.is_alive():
            process.kill()
            kills += 1
        process.join(60)
        if chance.random() < 0.5:
            parts.move()
    assert kills
    again(parts)
    assert len(parts.stored()) == 600
    assert len(parts.accepted()) == 600
    assert set(parts.accepted().values()) == {1}


def test_replay__two_at_once__one_sends_and_the_other_is_told(parts: RejectedLab) -> None:
    parts.astray(120)
    parts.move()
    parts.mend_streams()
    pair = [start(parts.lab, ("",)) for _ in range(2)]
    said = [pipe.recv() for _, pipe in pair]
    refused = [text for text in said if isinstance(text, str)]
    assert all("another replay runs" in text for text in refused), said
    assert len(refused) < 2
    again(parts)
    assert [row[0] for row in parts.stored("page.id")] == list(range(120))
    assert set(parts.accepted().values()) == {1}


def test_record__two_that_no_lock_parts__the_second_is_refused(parts: RejectedLab) -> None:
    parts.astray(1)
    parts.move()
    (found,) = parts.rejections()
    one = Replay(rejection=found.id or "", event_id="e", topic="t", dt=found.received)
    with closing(open_catalog(parts.data / "lake")) as catalog:
        lake = parts.data / "lake"
        first, second = Record(catalog, lake, "a"), Record(catalog, lake, "b")
        first.add([one], State.BEGUN)
        with pytest.raises(RivalError, match="somebody else replays"):
            second.add([one], State.BEGUN)
        third = Record(catalog, lake, "c")
        assert third.of([one.rejection])[one.rejection].state is State.BEGUN
        assert third.of([one.rejection])[one.rejection].who == "a"


def test_rejected__raw__never_holds_what_a_replay_sends(parts: RejectedLab) -> None:
    parts.astray(1)
    (found,) = parts.rejections()
    assert json.loads(found.raw)["experiments"]["subject_ids"]["a"].startswith(MASK)
