"""What the intake does under load, at its end, and where it fails itself."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from tests.intake.conftest import (
    JSON,
    Intake,
    StandIn,
    StartIntake,
    event,
    wait_until,
)
from tests.intake.raw_http import Raw, Running, get, listening, post
from tests.intake.test_durability import Sender, answered
from tests.intake.test_metrics import measured, samples

from allotment.intake import receiver
from allotment.intake.app import IntakeApp
from allotment.intake.connection import Reply
from allotment.intake.request import Request
from allotment.settings import from_environ

EVENT = json.dumps(event()).encode()


@contextmanager
def app_running(
    data: Path, registry: StandIn, body_bytes: int = 4 << 20
) -> Iterator[tuple[Running, IntakeApp]]:
    """A whole worker in this process, for a look inside."""
    apps: list[IntakeApp] = []
    settings = from_environ({"ALLOTMENT_DATA": str(data), "ALLOTMENT_REGISTRY_URL": registry.url})

    def handle(request: Request, reply: Reply) -> None:
        apps[0].handle(request, reply)

    with listening(handle, body_bytes=body_bytes) as running:
        running.call(lambda: apps.append(IntakeApp(settings)))
        app = apps[0]
        wait_until(lambda: app._source.state.known, "the configuration is there")
        yield running, app
        running.call(lambda: app.close(5))


def ids(intake: Intake) -> Counter[str]:
    return Counter(found["meta"]["id"] for found in intake.records())


def test_stop__under_load__every_201_is_durable_and_no_answer_is_cut(
    start_intake: StartIntake,
) -> None:
    for _ in range(3):
        intake = start_intake()
        wait_until(intake.ready, "ready")
        senders = [Sender(intake, f"{intake.port}.{n}") for n in range(8)]
        for sender in senders:
            sender.start()
        wait_until(partial(answered, senders), "an answer")
        assert intake.stop() == ""
        assert intake.process.returncode == 0
        found = ids(intake)
        for sender in senders:
            sender.join(20)
            assert [name for name in sender.acknowledged if found[name] != 1] == []


def test_stop__hasty_requests_wait__all_worked_off(start_intake: StartIntake) -> None:
    intake = start_intake()
    wait_until(intake.ready, "ready")
    batch = json.dumps([event()] * 9_000)
    path = "/v1/events?hasty=true"
    assert intake.request("POST", path, batch, content_type=JSON).status == 202
    assert intake.stop() == ""
    assert len(intake.records()) == 9_000


def test_hasty__more_than_may_wait__503_and_in_time_taken_again(
    tmp_path: Path, registry: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiver, "HASTY_BYTES", 200_000)
    batch = json.dumps([event()] * 100).encode()
    with app_running(tmp_path, registry, body_bytes=1 << 20) as (running, app):
        raws = [Raw(running.port) for _ in range(20)]
        for raw in raws:
            raw.send(post(batch, "/v1/events?hasty=1"))
        statuses = Counter(raw.status() for raw in raws)
        assert set(statuses) == {202, 503}
        wait_until(lambda: app._receiver.hasty_bytes == 0, "the queue is worked off")
        raws[0].send(post(batch, "/v1/events?hasty=1"))
        assert raws[0].status() == 202
        for raw in raws:
            raw.socket.close()


def test_large_body__beside_small_ones__they_are_answered_meanwhile(intake: Intake) -> None:
    batch = json.dumps([event()] * 9_000).encode()
    assert len(batch) < 4 << 20
    order: list[str] = []
    with Raw(intake.port) as large, Raw(intake.port) as small:
        large.send(post(batch)[:-1])
        small.send(post(EVENT))
        assert small.status() == 201

        def wait_for_large() -> None:
            assert large.status() == 201
            order.append("large")

        waiting = threading.Thread(target=wait_for_large)
        large.send(batch[-1:])
        waiting.start()
        while "large" not in order:
            small.send(post(EVENT))
            assert small.status() == 201
            order.append("small")
        waiting.join()
    assert order.index("large") >= 2  # in one piece, one at most would have been sent before
    assert len(intake.records()) == 9_000 + 1 + order.count("small")


def test_large_body__in_slices__one_request_id_and_the_answer_of_the_whole(
    intake: Intake,
) -> None:
    batch = [event(action=5 if n % 100 == 0 else "click", element_id=str(n)) for n in range(1000)]
    reply = intake.send(batch)
    assert reply.status == 207
    assert [e["event"]["element_id"] for e in reply.json()["invalid"]] == [
        str(n) for n in range(0, 1000, 100)
    ]
    stored = intake.records()
    assert [e["element_id"] for e in stored] == [str(n) for n in range(1000) if n % 100]
    assert len({e["meta"]["request_id"] for e in stored}) == 1


def fail(*_: object, **__: object) -> None:
    raise ZeroDivisionError("a defect")


def test_defect__in_the_work__500_told_once_counted_and_nothing_kept(
    tmp_path: Path,
    registry: StandIn,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    large = json.dumps([event()] * 200).encode()
    with app_running(tmp_path, registry, body_bytes=1 << 20) as (running, app):
        # A double, since no defect is known that a request could bring about.
        monkeypatch.setattr(app._pipeline, "process", fail)
        with Raw(running.port) as raw:
            for body in (EVENT, EVENT, large):
                raw.send(post(body))
                status, _, answer = raw.answer()
                assert (status, json.loads(answer)["type"]) == (500, "internal_error")
            raw.send(post(EVENT, "/v1/events?hasty=1"))
            assert raw.status() == 202
            monkeypatch.undo()
            raw.send(post(EVENT) + get("/metrics"))
            assert raw.status() == 201
            found = samples(raw.answer()[2].decode())
        assert running.listener.memory.held == 0
    assert found['requests_total{status="500"}'] == 3
    assert found["hasty_lost_total"] == 1
    told = [record for record in caplog.records if record.name == "allotment.intake.receiver"]
    assert len(told) == 1
    assert told[0].exc_info


def test_defect__in_a_page__500_and_the_connection_lives_on(
    tmp_path: Path, registry: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app_running(tmp_path, registry) as (running, app):
        monkeypatch.setattr(app._routes, "_info", fail)
        with Raw(running.port) as raw:
            raw.send(get("/_info") + get("/healthz"))
            assert [raw.status(), raw.status()] == [500, 200]


def test_metrics__no_request_at_all__its_answer_counted(start_intake: StartIntake) -> None:
    intake = start_intake()
    wait_until(intake.ready, "ready")
    with Raw(intake.port) as raw:
        raw.send(b"nonsense\r\n\r\n")
        assert raw.status() == 400
    assert measured(intake)['requests_total{status="400"}'] == 1


def test_readyz__told_to_stop__503_while_what_is_under_way_ends(
    tmp_path: Path, registry: StandIn
) -> None:
    with app_running(tmp_path, registry) as (running, app), Raw(running.port) as raw:
        raw.send(get("/readyz"))
        assert raw.status() == 200
        running.call(app.stop)
        raw.send(get("/readyz"))
        status, _, body = raw.answer()
        assert status == 503
        assert json.loads(body)["reasons"] == ["the intake is stopping"]
