"""Schemas that come, change and go while the intake runs."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.intake.conftest import STREAMS, StandIn, StartIntake, wait_until

from allotment.contract.schemas import SchemaRepository, shipped_repository
from allotment.intake.outcome import RefusalError
from allotment.intake.plans import PlanSource

META = "  meta: {type: object, properties: {stream: {type: string}, dt: {type: string, format: "


def release(
    root: Path, title: str, version: str, more: str = "", *, dated: bool = True, age: float = 60
) -> Path:
    """Write a version whose file was last changed so many seconds ago."""
    file = root / title / f"{version}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    meta = META + ("date-time}}}\n" if dated else "uri-reference}}}\n")
    file.write_text(
        f"title: {title}\n$id: /{title}/{version}\ntype: object\nproperties:\n"
        f"  $schema: {{type: string}}\n{meta}{more}"
    )
    os.utime(file, (time.time() - age,) * 2)
    return file


@pytest.fixture
def plans(tmp_path: Path) -> PlanSource:
    release(tmp_path, "a", "1.0.0")
    return PlanSource(SchemaRepository([tmp_path]))


def test_refresh__new_title__known_without_a_start(tmp_path: Path, plans: PlanSource) -> None:
    release(tmp_path, "late", "1.0.0")
    with pytest.raises(RefusalError, match="no such title"):
        plans.find("/late/1.0.0")
    assert plans.refresh()
    assert plans.find("/late/1.0.0").topic == "late"
    assert not plans.refresh()


def test_refresh__nothing_new__plans_are_the_same_objects(
    tmp_path: Path, plans: PlanSource
) -> None:
    held = plans.find("/a/1.0.0")
    release(tmp_path, "a", "1.1.0")
    assert plans.refresh()
    assert plans.plans["/a/1.0.0"] is held


def test_latest__new_version__taken_at_the_next_refresh(tmp_path: Path, plans: PlanSource) -> None:
    assert plans.find("/a/latest").uri == "/a/1.0.0"
    release(tmp_path, "a", "2.0.0")
    assert plans.plans["/a/latest"].uri == "/a/1.0.0"
    plans.refresh()
    assert plans.plans["/a/latest"].uri == "/a/2.0.0"
    assert plans.plans["/a/latest"].is_latest


@pytest.mark.parametrize("uri", ["a/latest", "/latest", "latest", "/a/latest/", "/b/latest", "//"])
def test_latest__of_nothing__refused(plans: PlanSource, uri: str) -> None:
    with pytest.raises(RefusalError, match="Failed loading schema"):
        plans.find(uri)


def test_refresh__broken_newest__older_ones_go_on_and_problem_told(
    tmp_path: Path, plans: PlanSource, caplog: pytest.LogCaptureFixture
) -> None:
    plans.find("/a/latest")
    broken = release(tmp_path, "a", "1.1.0", "required: 5\n")
    plans.refresh()
    assert plans.plans["/a/latest"].uri == "/a/1.0.0"
    assert plans.find("/a/1.0.0").topic == "a"
    (problem,) = plans.problems
    assert problem.startswith(f"{broken}: /required: ")
    plans.refresh()
    plans.examine()
    assert [record.message for record in caplog.records] == [f"schema problem: {problem}"]
    with pytest.raises(RefusalError, match="cannot be used"):
        plans.find("/a/1.1.0")

    release(tmp_path, "a", "1.1.0", age=30)
    plans.refresh()
    assert list(plans.problems) == []
    assert plans.plans["/a/latest"].uri == "/a/1.1.0"


def test_refresh__newest_without_receive_time__title_keeps_its_table(
    tmp_path: Path, plans: PlanSource
) -> None:
    release(tmp_path, "a", "1.1.0", dated=False)
    plans.refresh()
    assert plans.find("/a/1.0.0").topic == "a"


def test_refresh__title_of_a_taken_table__refused_and_told(
    tmp_path: Path, plans: PlanSource
) -> None:
    release(tmp_path, "analytics/a", "1.0.0")
    plans.refresh()
    assert plans.find("/a/1.0.0").topic == "a"
    (problem,) = plans.problems
    assert "'a' and 'analytics/a' would share the table" in problem
    with pytest.raises(RefusalError, match="would share the table"):
        plans.find("/analytics/a/1.0.0")


def test_examine__broken_file_that_nobody_asked_for__told(tmp_path: Path) -> None:
    release(tmp_path, "a", "1.0.0", "  x: {type: string, maxLength: 5, pattern: '(?=a)b'}\n")
    release(tmp_path, "a", "1.1.0")
    plans = PlanSource(SchemaRepository([tmp_path]))
    assert list(plans.problems) == []
    plans.examine()
    (problem,) = plans.problems
    assert "/properties/x/pattern: the pattern '(?=a)b' has no form that" in problem


def streams() -> dict[str, Any]:
    return {**STREAMS, "s": {"stream": "s", "schema_title": "new/title"}}


def sent(uri: str, **fields: object) -> dict[str, Any]:
    return {"$schema": uri, "meta": {"stream": "s"}, **fields}


def taken(send: Callable[[], int]) -> None:
    wait_until(lambda: send() == 201, "events of the new version are taken")


def test_intake__new_versions_under_load__taken_within_seconds_and_no_request_fails(
    start_intake: StartIntake, registry: StandIn, tmp_path: Path
) -> None:
    registry.serve(streams(), "8")
    folder = tmp_path / "schemas"
    release(folder, "other", "1.0.0")
    intake = start_intake(ALLOTMENT_SCHEMAS=f"{folder}:{shipped_repository()}")
    wait_until(intake.ready, "the intake is ready")
    assert intake.send(sent("/new/title/1.0.0")).status == 400

    statuses: list[int] = []
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            statuses.append(intake.send(sent("/new/title/1.0.0")).status)

    release(folder, "new/title", "1.0.0", "additionalProperties: false\n", age=0)
    taken(lambda: intake.send(sent("/new/title/latest")).status)
    loader = threading.Thread(target=load)
    loader.start()
    try:
        broken = folder / "new/title/1.0.1.yaml"
        broken.write_text("{")
        release(folder, "new/title", "1.1.0", "  extra: {type: string}\n", age=0)
        taken(lambda: intake.send(sent("/new/title/1.1.0", extra="x")).status)
    finally:
        stop.set()
        loader.join()
    assert set(statuses) == {201}
    intake.mark()
    assert intake.send(sent("/new/title/latest")).status == 201
    (kept,) = intake.records("new_title")
    assert kept["$schema"] == "/new/title/1.1.0"

    def told() -> list[str]:
        found: list[str] = intake.request("GET", "/readyz").json()["schemas"]["problems"]
        return found

    wait_until(told, "the broken file is told")
    assert str(broken) in told()[0]
    assert intake.ready()
    measured = intake.request("GET", "/metrics").body
    assert re.search(rb"^allotment_intake_schema_problems(\{.*\})? 1$", measured, re.MULTILINE)
    printed = intake.stop()
    assert printed.count(str(broken)) == 1
