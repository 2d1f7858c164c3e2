"""Several workers on one port: each takes its share, one that falls takes nobody with it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import orjson
import pytest
from tests.free_ports import free_port
from tests.intake.conftest import TOPIC, Intake, StartIntake, event, wait_until
from tests.intake.test_metrics import SAMPLE
from tests.test_supervisor import is_alive

from allotment.intake.server import AddressError, bind
from allotment.intake.workers import WorkersFailedError, supervise
from allotment.journal.protocol import Partition
from allotment.journal.segments import SegmentReader


def children(process: int) -> set[int]:
    """The processes that a process has started and that live."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent = path.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == process and state != "Z":
                found.add(int(path.parent.name))
    return found


def accepted(intake: Intake) -> dict[str, int]:
    """How many events each worker says that it accepted."""
    found: dict[str, int] = {}
    for line in intake.request("GET", "/metrics").body.decode().splitlines():
        match = SAMPLE.fullmatch(line)
        if match and match[1] == "allotment_intake_events_total" and "accepted" in match[2]:
            worker = match[2].partition('worker="')[2].partition('"')[0]
            found[worker] = found.get(worker, 0) + int(match[3])
    return found


def durable(intake: Intake) -> int:
    """How many events are in the partitions of all workers."""
    reader = SegmentReader(intake.data / "journal")
    return sum(
        len(reader.read(part, 0, 1 << 30).data.splitlines())
        for part in reader.partitions()
        if part.topic == TOPIC
    )


@pytest.fixture
def several(start_intake: StartIntake) -> Intake:
    intake = start_intake(ALLOTMENT_INTAKE_WORKERS="3")
    wait_until(lambda: len(children(intake.process.pid)) == 3, "three workers")
    wait_until(lambda: partitions_answering(intake) == {0, 1, 2}, "all answer")
    return intake


def partitions_answering(intake: Intake) -> set[int]:
    found = set()
    for _ in range(12):
        if intake.ready():
            found.add(intake.request("GET", "/_info").json()["journal_partition"])
    return found


def test_workers__many_requests__each_has_a_partition_and_any_tells_of_all(
    several: Intake,
) -> None:
    sent = 0
    while len(accepted(several)) < 3:
        assert several.send([event(), event()]).status == 201
        sent += 2
        assert sent < 2000
    wait_until(lambda: sum(accepted(several).values()) == sent, "all are counted")
    assert durable(several) == sent
    assert several.stop() == ""
    assert several.process.returncode == 0
    assert list((several.data / "intake").iterdir()) == []


def test_worker__killed__the_others_go_on_and_it_is_started_again(several: Intake) -> None:
    workers = children(several.process.pid)
    victim = min(workers)
    os.kill(victim, signal.SIGKILL)
    for _ in range(50):
        # What it had accepted dies with it; nothing else does.
        with suppress(ConnectionError):
            assert several.send(event()).status == 201
    wait_until(
        lambda: len(children(several.process.pid) - {victim}) == 3, "another takes its place"
    )
    wait_until(lambda: partitions_answering(several) == {0, 1, 2}, "with its partition")
    assert children(several.process.pid) >= workers - {victim}
    assert "ended with code -9 and is started again" in several.stop()


def test_workers__all_killed_again_and_again_as_soon_as_they_start__started_each_time(
    several: Intake,
) -> None:
    for _ in range(4):
        for process in children(several.process.pid):
            with suppress(ProcessLookupError):  # it was dying of the round before
                os.kill(process, signal.SIGKILL)
        wait_until(lambda: len(children(several.process.pid)) == 3, "three workers again")
    wait_until(lambda: partitions_answering(several) == {0, 1, 2}, "all answer")
    assert several.send(event()).status == 201


def test_parent__killed__no_worker_is_left(several: Intake) -> None:
    workers = children(several.process.pid)
    several.kill()

    def gone() -> bool:
        return not any(map(is_alive, workers))

    wait_until(gone, "the workers end too")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", several.port))


def test_worker_numbers__of_a_dead_worker__kept_until_its_partition_is_taken(
    several: Intake,
) -> None:
    files = several.data / "intake"
    (files / "0007.json").write_bytes(
        orjson.dumps(
            {
                "time": time.time() - 100,
                "snapshot": {
                    "events": [["product_metrics.web_base", "accepted", 5]],
                    "requests": [],
                    "hasty_lost": 0,
                    "buckets": [0] * 14,
                    "seconds": 0.0,
                    "gauges": {},
                },
            }
        )
    )
    (files / "0008.json").write_bytes(b"{")  # damaged: the others are told all the same
    assert accepted(several)["7"] == 5
    text = several.request("GET", "/metrics").body.decode()
    (age,) = (line for line in text.splitlines() if 'renewed_seconds{worker="7"}' in line)
    assert float(age.split()[-1]) >= 100


def test_workers__cannot_start__says_so_and_ends(start_intake: StartIntake, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "journal").write_text("")
    intake = start_intake(ALLOTMENT_INTAKE_WORKERS="2")
    assert intake.process.wait(60) != 0
    printed = intake.stop()
    assert "WorkersFailedError" in printed
    assert str(tmp_path / "data" / "journal") in printed


def test_workers__journal_cannot_be_opened__one_plain_sentence_each(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("")
    found = subprocess.run(
        [sys.executable, "-m", "allotment", "intake", "--data", str(tmp_path)],
        env={
            **os.environ,
            "ALLOTMENT_INTAKE_WORKERS": "2",
            "ALLOTMENT_INTAKE_PORT": str(free_port()),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 1
    *workers, last = found.stderr.splitlines()
    told = [line for line in workers if "is started again" not in line]
    assert len(told) >= 2
    assert {line.partition(str(tmp_path))[0] for line in told} == {"allotment: the journal in "}
    assert last == "allotment: no worker of the intake can start; each said why above"


def run_in_child(work: Callable[[], None]) -> int:
    """The exit code of some work in a process of its own, which may block signals and fork."""
    process = os.fork()
    if process == 0:
        try:
            work()
            os._exit(0)
        except WorkersFailedError:
            os._exit(7)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def test_supervise__worker_ends_by_itself_each_time__gives_up() -> None:
    assert run_in_child(lambda: supervise(1, lambda _tie: None)) == 7


def test_port__taken_by_several_workers__another_intake_says_so(several: Intake) -> None:
    with pytest.raises(AddressError, match=f"port {several.port}"):
        bind("127.0.0.1", several.port)


def test_partitions__read_together__no_event_twice(several: Intake) -> None:
    ids = [f"id-{n}" for n in range(60)]
    for name in ids:
        meta = {"stream": "product_metrics.web_base", "id": name}
        assert several.send(event(meta=meta)).status == 201
    reader = SegmentReader(several.data / "journal")
    lines = [
        orjson.loads(line)["meta"]["id"]
        for number in range(3)
        if Partition(TOPIC, number) in list(reader.partitions())
        for line in reader.read(Partition(TOPIC, number), 0, 1 << 30).data.splitlines()
    ]
    assert sorted(lines) == sorted(ids)
