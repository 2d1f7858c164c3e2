"""Attacks on a running intake, each held to bounds of time and memory.

The bounds are `SPENT_SECONDS` of processor time a request, `GROWTH_BYTES` of memory at its peak,
and `BESIDE_SECONDS` for a small valid event that another client sends meanwhile.
"""

from __future__ import annotations

import http.client
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.intake.answer_shapes import check_answer
from tests.intake.conftest import (
    JSON,
    STREAMS,
    Intake,
    Reply,
    event,
    stand_in_registry,
    wait_until,
)

SPENT_SECONDS = 2.0
BESIDE_SECONDS = 5.0
"""On a clock, and not of the process alone: a busy machine has its share in it."""
GROWTH_BYTES = 400 << 20
"""A body of 4 MiB is some 250 MB as Python values where it is all keys."""
KEPT_BYTES = 300 << 20
"""After all of them: what the allocator does not give back."""
LARGEST = 4 << 20
STREAM = "product_metrics.web_base"
EDGE = "edge.stream"
EVIL_HEADER = ";".join(f"experiment-{n:05d}=group/{'x' * 8}" for n in range(600))


@contextmanager
def besieged(data: Path) -> Iterator[Intake]:
    """One process that takes all attacks of a module, and must be well after them."""
    edge = {**STREAMS[STREAM], "stream": EDGE, "producers": {"eventgate": {}}}
    edge["producers"]["eventgate"]["use_edge_uniques"] = True
    with stand_in_registry() as registry:
        registry.serve({**STREAMS, EDGE: edge}, "7")
        found = Intake(data, registry.url)
        wait_until(found.ready, "the intake is ready")
        assert found.send(event()).status == 201
        before = memory(found, "VmRSS")
        yield found
        assert found.process.poll() is None
        assert found.ready()
        assert memory(found, "VmRSS") < before + KEPT_BYTES
        assert found.stop() == "", "it printed something: a fault that nobody foresaw"


def memory(intake: Intake, what: str) -> int:
    """A value of /proc/…/status, in bytes."""
    status = Path(f"/proc/{intake.process.pid}/status").read_text()
    return int(status.partition(f"{what}:")[2].split()[0]) << 10


def spent(intake: Intake) -> float:
    """User and system time of the process so far, in seconds."""
    fields = Path(f"/proc/{intake.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(eq=False)
class Beside(threading.Thread):
    """A client that sends small valid events all the while."""

    port: int
    slowest: float = 0.0
    answers: list[int] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def run(self) -> None:
        """Until told to stop."""
        body = json.dumps(event())
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while not (self.answers and self.stop.is_set()):
            began = time.monotonic()
            connection.request("POST", "/v1/events", body, {"content-type": JSON})
            answer = connection.getresponse()
            answer.read()
            self.answers.append(answer.status)
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.stop.wait(0.02)
        connection.close()


def attack(intake: Intake, body: bytes, path: str = "/v1/events", **headers: str) -> Reply:
    """Send a body, hold everything to its bounds, and give the answer."""
    with suppress(PermissionError):  # without the right to, the peak is that of the whole module
        Path(f"/proc/{intake.process.pid}/clear_refs").write_text("5")
    held, began = memory(intake, "VmRSS"), spent(intake)
    beside = Beside(intake.port)
    beside.start()
    try:
        reply = intake.request("POST", path, body, **{"content_type": JSON, **headers})
    finally:
        beside.stop.set()
        beside.join()
    check_answer(reply)
    assert set(beside.answers) == {201}
    assert beside.slowest < BESIDE_SECONDS
    assert spent(intake) - began < SPENT_SECONDS
    assert memory(intake, "VmHWM") < held + GROWTH_BYTES
    assert intake.request("GET", "/healthz").status == 200
    return reply


def web(more: str = "", **changes: object) -> bytes:
    """A valid event with something written into it, which JSON libraries would not write."""
    text = json.dumps(event(**changes))
    return f"{text[:-1]},{more}}}".encode() if more else text.encode()


def many(count: int, item: Callable[[int], str]) -> str:
    return ",".join(map(item, range(count)))


def keys(count: int, value: str) -> str:
    return "{" + many(count, lambda n: f'"{n:x}":{value}') + "}"
