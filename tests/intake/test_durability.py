"""What was answered 201 is on disk, whatever happens to the disk or the process."""

from __future__ import annotations

import http.client
import json
import random
import resource
import threading
import time
from collections import Counter
from functools import partial

import orjson
from tests.intake.conftest import JSON, TOPIC, Intake, StartIntake, event, wait_until

from allotment.journal.protocol import Partition
from allotment.journal.segments import SegmentReader

ROUNDS = 6


def test_disk__full__503_nothing_acknowledged_and_back_when_there_is_room(
    start_intake: StartIntake,
) -> None:
    intake = start_intake(file_limit=60_000)
    wait_until(intake.ready, "ready")
    accepted = 0
    while (reply := intake.send([event(element_id=str(accepted))])).status == 201:
        accepted += 1
        assert accepted < 1000
    assert accepted > 10
    assert reply.status == 503
    assert int(reply.headers["retry-after"]) > 0
    assert reply.json()["type"] == "unavailable"
    for sent in (event(), event(action=5)):
        assert intake.send(sent).status == 503
    assert intake.request("POST", "/v1/events", "{", content_type=JSON).status == 503
    ready = intake.request("GET", "/readyz")
    assert ready.status == 503
    assert "File too large" in ready.json()["reasons"][0]
    assert intake.request("GET", "/healthz").status == 200
    assert [e["element_id"] for e in intake.records()] == [str(n) for n in range(accepted)]
    assert intake.records("rejected") == []

    intake.limit_files(resource.RLIM_INFINITY)
    wait_until(intake.ready, "ready again")
    assert intake.send(event(element_id="after")).status == 201
    assert intake.records()[-1]["element_id"] == "after"
    assert len(intake.records()) == accepted + 1


class Sender(threading.Thread):
    """Sends batches on one connection until the intake goes away; notes what it answered."""

    def __init__(self, intake: Intake, name: str) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[str] = []
        self._port = intake.port
        self._label = name

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        number = 0
        try:
            while True:
                ids = [f"{self._label}.{number + place}" for place in range(3)]
                number += 3
                batch = [
                    event(meta={"stream": "product_metrics.web_base", "id": name}) for name in ids
                ]
                connection.request("POST", "/v1/events", json.dumps(batch), {"content-type": JSON})
                answer = connection.getresponse()
                answer.read()
                if answer.status == 201:
                    self.acknowledged += ids
        except (OSError, http.client.HTTPException):
            connection.close()


def answered(senders: list[Sender]) -> bool:
    return any(sender.acknowledged for sender in senders)


def test_kill__under_load__every_201_is_in_the_journal_exactly_once(
    start_intake: StartIntake,
) -> None:
    dice = random.Random(4711)
    acknowledged: list[str] = []
    for turn in range(ROUNDS):
        intake = start_intake()
        wait_until(intake.ready, "ready")
        senders = [Sender(intake, f"{turn}.{n}") for n in range(8)]
        for sender in senders:
            sender.start()
        wait_until(partial(answered, senders), "an answer")
        # The moment is meant to be random: nothing is waited for here.
        time.sleep(dice.random() * 0.2)
        intake.kill()
        for sender in senders:
            sender.join(60)
            assert not sender.is_alive()
            acknowledged += sender.acknowledged
    last = start_intake()  # recovers what the last kill left
    wait_until(last.ready, "ready")
    last.stop()

    reader = SegmentReader(last.data / "journal")
    lines = reader.read(Partition(TOPIC, 0), 0, 1 << 30).data.splitlines()
    found = Counter(orjson.loads(line)["meta"]["id"] for line in lines)
    assert len(acknowledged) > ROUNDS * 10
    assert [name for name in acknowledged if found[name] != 1] == []
    assert [name for name, times in found.items() if times != 1] == []
