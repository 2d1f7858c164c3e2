"""Intake and sink killed at random under load: what was acknowledged is in the lake once."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

import httpx
from tests.end_to_end.lab import Lab, until

KILLS = 20


class Part:
    """One part of the lab in a process group of its own, started again whenever it is killed."""

    def __init__(self, lab: Lab, name: str) -> None:
        self._lab, self._name = lab, name
        self._process = self._spawn()

    def kill(self) -> None:
        """kill -9 the part and its workers, and start it again."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = self._spawn()

    def stop(self) -> None:
        """Let it end in order."""
        self._process.terminate()
        assert self._process.wait(60) is not None

    def _spawn(self) -> subprocess.Popen[bytes]:
        with (self._lab.data.parent / f"{self._name}.txt").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "allotment", self._name],
                env=self._lab.environ(),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def send_until(stop: threading.Event, lab: Lab, acknowledged: list[str]) -> None:
    """Post small batches; a batch counts once it was answered 201."""
    with httpx.Client(timeout=5) as client:
        while not stop.is_set():
            ids = [str(uuid4()) for _ in range(10)]
            now = datetime.now(UTC).isoformat()
            events = [
                {
                    "$schema": "/analytics/product_metrics/web/base/1.3.0",
                    "meta": {"stream": "product_metrics.web_base", "id": i},
                    "dt": now,
                    "action": "click",
                    "agent": {},
                }
                for i in ids
            ]
            try:
                answer = client.post(lab.intake, json=events)
            except httpx.TransportError:
                stop.wait(0.02)  # it is being started again
                continue
            if answer.status_code == httpx.codes.CREATED:
                acknowledged += ids
            else:
                assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
                stop.wait(0.02)


def test_intake_and_sink__killed_20_times_under_load__lose_and_double_nothing(
    make_lab: Callable[..., Lab],
) -> None:
    lab = make_lab()
    lab.run("prepare", "--empty")
    parts = {name: Part(lab, name) for name in ("registry", "intake", "sink")}
    ready = f"http://127.0.0.1:{lab.intake_port}/readyz"
    stop = threading.Event()
    acknowledged: list[str] = []
    senders = [
        threading.Thread(target=send_until, args=(stop, lab, acknowledged)) for _ in range(2)
    ]
    try:
        until(lambda: answers(ready), 60, "the intake is ready")
        for sender in senders:
            sender.start()
        dice = random.Random(20)
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.1, 1.0))
            parts[dice.choice(["intake", "sink"])].kill()
            wait_for_more(acknowledged)
        stop.set()
        for sender in senders:
            sender.join()
        expected = set(acknowledged)
        assert len(expected) > 100 * KILLS

        def lake() -> Counter[str]:
            rows = lab.sql("select meta.id as id from event.product_metrics_web_base")
            return Counter(row["id"] for row in rows)

        until(lambda: expected <= set(lake()), 60, "every acknowledged event is in the lake")
        doubled = [i for i, count in lake().items() if count > 1]
        assert doubled == []
    finally:
        stop.set()
        for part in reversed(parts.values()):
            part.stop()


def wait_for_more(acknowledged: list[str]) -> None:
    """Until events are taken again."""
    before = len(acknowledged)
    until(lambda: len(acknowledged) > before, 30, "events are taken again")


def answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
