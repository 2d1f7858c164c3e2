"""Subject ids that the edge puts in place of `awaiting`: each bad record costs its own event."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.intake.conftest import STREAMS, Intake, StandIn, StartIntake, event, wait_until
from tests.vector_files import read_vectors

from allotment.contract.schemas import shipped_repository
from allotment.intake.enrollments import (
    HEADER,
    Enrollment,
    complete_membership,
    fill_subject_ids,
    parse_enrollments,
)
from allotment.intake.outcome import RefusalError

WEB_STREAM = "product_metrics.web_base"
ID = "AbCdEfGhIjKlMnOpQrSt_-"
SINGLE = """
title: single
$id: /single/1.0.0
$schema: https://json-schema.org/draft-07/schema#
type: object
additionalProperties: false
required: [$schema, meta]
properties:
  $schema: {type: string}
  meta:
    type: object
    properties: {stream: {type: string}, id: {type: string}, dt: {type: string, format: date-time}}
  experiment:
    type: object
    additionalProperties: false
    properties:
      enrolled: {type: string}
      assigned: {type: string}
      subject_id: {type: string}
"""


@pytest.fixture
def edge(start_intake: StartIntake, registry: StandIn, tmp_path: Path) -> Intake:
    """An intake that fills ids in for `web` and `single`, and for no other stream."""
    (tmp_path / "schemas/single").mkdir(parents=True)
    (tmp_path / "schemas/single/1.0.0.yaml").write_text(SINGLE)
    asks = {"producers": {"eventgate": {"use_edge_uniques": True}}}
    single = {"schema_title": "single"}
    streams = {WEB_STREAM: {**STREAMS[WEB_STREAM], **asks}, "single": {**single, **asks}}
    registry.serve({**streams, "plain": single}, "8")
    intake = start_intake(ALLOTMENT_SCHEMAS=f"{shipped_repository()}:{tmp_path / 'schemas'}")
    wait_until(intake.ready, "ready")
    return intake


def single(stream: str = "single", **record: object) -> dict[str, Any]:
    return {"$schema": "/single/1.0.0", "meta": {"stream": stream}, "experiment": record}


def awaiting(name: str, group: str) -> dict[str, Any]:
    return single(enrolled=name, assigned=group, subject_id="awaiting")


def many(assigned: dict[str, str], ids: dict[str, str]) -> dict[str, Any]:
    record = {"enrolled": list(assigned), "assigned": assigned, "subject_ids": ids}
    return event(experiments=record)


def reasons(intake: Intake) -> list[str]:
    return [record["reason"] for record in intake.records("rejected")]


def test_parse_enrollments__vectors__agree() -> None:
    cases = read_vectors("enrollments.json")["cases"]
    assert len(cases) == 800
    for case in cases:
        expected = {name: Enrollment(**found) for name, found in case["subject_ids"].items()}
        assert parse_enrollments(case["header"]) == expected, case


def test_one_experiment__name_and_group_match__id_of_the_edge(edge: Intake) -> None:
    header = f"other-one=control/zzzz;first-test=control/{ID};"
    sent = awaiting("first-test", "control")
    assert edge.send(sent, X_Experiment_Enrollments=header).status == 201
    assert edge.records("single")[0]["experiment"]["subject_id"] == ID


def test_batch__bad_records_among_good_ones__cost_only_their_own_event(edge: Intake) -> None:
    header = f"broken;=;first-test=control/{ID};no-id-here=control;twice-told=a/1;twice-told=a/2"
    batch = [
        awaiting("first-test", "control"),
        awaiting("first-test", "treatment"),
        awaiting("never-seen", "control"),
        awaiting("no-id-here", "control"),
        awaiting("twice-told", "a"),
        single(assigned="control", subject_id="awaiting"),
        single(enrolled="first-test", assigned="control", subject_id="mine"),
        single(),
        single(stream="plain", enrolled="never-seen", assigned="a", subject_id="awaiting"),
    ]
    reply = edge.send(batch, X_Experiment_Enrollments=header)
    assert reply.status == 207
    ids = [line["experiment"].get("subject_id") for line in edge.records("single")]
    assert ids == [ID, "mine", None, "awaiting"]
    missing, mismatch = "enrollment_missing", "enrollment_mismatch"
    assert reasons(edge) == [mismatch, missing, missing, missing, mismatch]
    assert "in group control" in reply.json()["error"][0]["context"]["message"]
    assert ID not in reply.body.decode()


def test_batch__no_header__only_what_awaits_is_refused(edge: Intake) -> None:
    reply = edge.send([awaiting("first-test", "control"), event()])
    assert reply.status == 207
    assert reasons(edge) == ["enrollment_missing"]
    assert len(edge.records()) == 1


def test_many_experiments__some_await__those_are_filled(edge: Intake) -> None:
    assigned = {"first-test": "a", "second-test": "b", "third-test": "c"}
    ids = {"first-test": "awaiting", "second-test": "mine", "third-test": "awaiting"}
    header = "first-test=a/1;third-test=c/3"
    assert edge.send(many(assigned, ids), X_Experiment_Enrollments=header).status == 201
    found = edge.records()[0]["experiments"]["subject_ids"]
    assert found == {"first-test": "1", "second-test": "mine", "third-test": "3"}


def test_many_experiments__one_without_an_item__event_refused_as_it_was(edge: Intake) -> None:
    sent = many(
        {"first-test": "a", "third-test": "c"},
        dict.fromkeys(("first-test", "third-test"), "awaiting"),
    )
    reply = edge.send(sent, X_Experiment_Enrollments="first-test=a/1")
    assert reply.status == 400
    assert reasons(edge) == ["enrollment_missing"]
    kept = json.loads(edge.records("rejected")[0]["raw"])
    assert kept["experiments"] == sent["experiments"]


@pytest.mark.parametrize("record", [5, [], None, {"subject_ids": 5}, {"subject_ids": {"a": 1}}])
def test_records__of_another_form__left_to_the_schema(edge: Intake, record: object) -> None:
    assert edge.send(event(experiments=record)).status == 400
    assert reasons(edge) == ["invalid"]


def test_parse__items_with_blanks_and_damage__the_readable_ones() -> None:
    header = (
        " first-test=a/1 ; short=a/1;x;;second-test=b/2;third-test=c/awaiting;fourth-test=a/b/c"
    )
    assert parse_enrollments(header) == {
        "first-test": Enrollment("a", "1"),
        "second-test": Enrollment("b", "2"),
    }


@given(st.text(), st.from_regex(r"[a-z]{8}=[a-z]/[a-z]{3}", fullmatch=True))
def test_parse__any_text_beside_a_good_item__item_is_read(noise: str, item: str) -> None:
    name = item[:8]
    found = parse_enrollments(f"{noise};{item}")
    assert name in found or f"{name}=" in noise or item.endswith("awaiting")


ONE = {
    "enrolled": "first-test",
    "assigned": "b",
    "subject_id": ID,
    "sampling_unit": "edge-unique",
    "coordinator": "xLab",
    "version": "7",
    "phase_index": 1,
    "other_assigned": {"second-test": "a"},
}
MANY = {
    "enrolled": ["first-test"],
    "assigned": {"first-test": "b"},
    "subject_ids": {"first-test": ID},
    "sampling_units": {"first-test": "edge-unique"},
    "coordinators": {"first-test": "default"},
    "versions": {"first-test": "7"},
}


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ({"experiment": ONE}, MANY),
        (
            {"experiment": {**ONE, "coordinator": "forced"}},
            {**MANY, "coordinators": {"first-test": "forced"}},
        ),
        (
            {"experiment": {"enrolled": "x", "assigned": "y"}},
            {"enrolled": ["x"], "assigned": {"x": "y"}},
        ),
        ({"experiment": ONE, "experiments": {}}, {}),
        ({"experiment": {**ONE, "assigned": None}}, None),
        ({"experiment": {**ONE, "enrolled": ["first-test"]}}, None),
        ({"experiment": "first-test"}, None),
        ({}, None),
    ],
)
def test_complete_membership__one_alone__is_written_as_many(
    sent: dict[str, Any], found: object
) -> None:
    event = json.loads(json.dumps(sent))
    complete_membership(event)
    assert event.pop("experiments", None) == found
    sent.pop("experiments", None)
    assert event == sent


def test_schema_without_many__event_of_one__stays_as_it_was(edge: Intake) -> None:
    assert edge.send(single(enrolled="first-test", assigned="a", subject_id="mine")).status == 201
    assert "experiments" not in edge.records("single")[0]


def test_fill__refused__event_unchanged() -> None:
    sent = awaiting("first-test", "a") | {
        "experiments": {"assigned": {}, "subject_ids": {"second-test": "awaiting"}}
    }
    before = json.dumps(sent)
    with pytest.raises(RefusalError):
        fill_subject_ids(sent, {HEADER: "first-test=a/1"}.get)
    assert json.dumps(sent) == before
