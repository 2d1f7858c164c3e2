"""The stream configuration: last good copy, refused answers, age."""

from __future__ import annotations

import time
from pathlib import Path

import orjson
import pytest
from tests.intake.conftest import STREAMS, StandIn, StartIntake, event, wait_until

from allotment.intake.stream_source import StreamSource


def source(registry: StandIn, tmp_path: Path) -> StreamSource:
    return StreamSource(registry.url, tmp_path / "cache" / "streams.json", 60)


def test_refresh__good_answer__in_force_and_on_disk(registry: StandIn, tmp_path: Path) -> None:
    found = source(registry, tmp_path)
    assert not found.state.known
    found.refresh()
    assert set(found.state.streams) == set(STREAMS)
    assert (found.state.version, found.last_error) == ("7", None)

    registry.status = 500
    again = source(registry, tmp_path)
    assert set(again.state.streams) == set(STREAMS)
    assert again.state.version == "7"
    assert again.state.confirmed == found.state.confirmed
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["streams.json"]


def test_refresh__unchanged__304_confirms_without_a_body(registry: StandIn, tmp_path: Path) -> None:
    found = source(registry, tmp_path)
    found.refresh()
    first = found.state
    found.refresh()
    assert registry.not_modified == 1
    assert found.state.streams is first.streams
    assert found.state.confirmed is not None
    assert first.confirmed is not None
    assert found.state.confirmed > first.confirmed
    assert found.last_error is None


def test_refresh__304_with_another_version__it_is_taken_and_on_disk(
    registry: StandIn, tmp_path: Path
) -> None:
    found = source(registry, tmp_path)
    found.refresh()
    streams = found.state.streams
    registry.version = "9"
    found.refresh()
    assert registry.not_modified == 1
    assert (found.state.version, found.state.streams) == ("9", streams)
    assert source(registry, tmp_path).state.version == "9"
    registry.version = ""
    found.refresh()
    assert (registry.not_modified, found.state.version) == (2, "9")


def test_intake__version_rises_without_another_body__ready_shows_it(
    start_intake: StartIntake, registry: StandIn
) -> None:
    intake = start_intake()
    wait_until(intake.ready, "ready")
    registry.version = "12"

    def shown() -> object:
        return intake.request("GET", "/readyz").json()["stream_configuration"]["version"]

    wait_until(lambda: shown() == "12", "the version of the 304 is shown")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 200),
        (b"<html>", 200),
        (b"null", 200),
        (b"[]", 200),
        (b"{}", 200),
        (b'{"error":{"code":"x"}}', 200),
        (b'{"streams":[]}', 200),
        (b'{"streams":{}}', 200),
        (b'{"streams":{"x":5}}', 200),
        (b'{"streams":{}}', 404),
        (b"{}", 503),
    ],
)
def test_refresh__bad_answer__the_held_one_stays(
    registry: StandIn, tmp_path: Path, body: bytes, status: int
) -> None:
    found = source(registry, tmp_path)
    found.refresh()
    held = found.state
    registry.body, registry.status, registry.version = body, status, "8"

    found.refresh()
    assert found.state is held
    assert found.last_error is not None
    assert registry.url in found.last_error
    assert orjson.loads((tmp_path / "cache" / "streams.json").read_bytes())["version"] == "7"


def test_refresh__one_bad_entry__others_in_force_and_problem_named(
    registry: StandIn, tmp_path: Path
) -> None:
    registry.serve({**STREAMS, "broken": {}}, "8")
    found = source(registry, tmp_path)
    found.refresh()
    assert set(found.state.streams) == set(STREAMS)
    assert "'broken'" in found.state.problems[0]


def test_refresh__empty_from_the_start__is_a_configuration(
    registry: StandIn, tmp_path: Path
) -> None:
    registry.serve({}, "1")
    found = source(registry, tmp_path)
    found.refresh()
    assert found.state.known
    assert found.state.streams == {}


@pytest.mark.parametrize("copy", [b"", b"{", b"[]", b'{"document":5}', b'{"confirmed":"x"}'])
def test_cache__damaged__as_if_there_were_none(
    registry: StandIn, tmp_path: Path, copy: bytes
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "streams.json").write_bytes(copy)
    assert not source(registry, tmp_path).state.known


def test_age__grows_until_confirmed(registry: StandIn, tmp_path: Path) -> None:
    found = source(registry, tmp_path)
    assert found.state.age(time.time()) is None
    found.refresh()
    assert found.state.confirmed is not None
    assert found.state.age(found.state.confirmed + 90) == pytest.approx(90)


def test_intake__registry_never_seen__503_until_it_comes(
    start_intake: StartIntake, registry: StandIn
) -> None:
    registry.status = 500
    intake = start_intake()
    wait_until(lambda: registry.asked > 0, "the registry is asked")

    ready = intake.request("GET", "/readyz")
    assert ready.status == 503
    assert "no stream configuration" in ready.json()["reasons"][0]
    assert intake.request("GET", "/healthz").status == 200
    reply = intake.send(event())
    assert reply.status == 503
    assert int(reply.headers["retry-after"]) > 0
    assert intake.send(event(), "/v1/events?hasty=true").status == 503

    registry.status = 200
    wait_until(lambda: intake.send(event()).status == 201, "the intake takes events")
    assert len(intake.records()) == 1


def test_intake__registry_away_at_start__works_from_the_last_good_copy(
    start_intake: StartIntake, registry: StandIn
) -> None:
    first = start_intake()
    wait_until(first.ready, "ready")
    first.stop()
    registry.status = 500

    second = start_intake()
    asked = registry.asked
    wait_until(lambda: registry.asked > asked + 1, "the registry was asked in vain")
    ready = second.request("GET", "/readyz")
    assert ready.status == 200
    shown = ready.json()["stream_configuration"]
    assert shown["version"] == "7"
    assert shown["age_seconds"] > 0
    assert "500" in shown["last_error"]
    assert second.send(event()).status == 201
