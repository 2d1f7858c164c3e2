"""The supervisor, with real processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.free_ports import free_port

from allotment.supervisor import RESTARTS, Part, PartFailedError, Supervisor


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.02)


def is_alive(process_id: int) -> bool:
    try:
        stat = Path(f"/proc/{process_id}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervisor(tmp_path: Path, said: list[str]) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path / "logs", dict(os.environ), said.append)
    yield made
    made.stop()


def test_supervisor__server_starts__ready_and_stopped_without_orphans(
    supervisor: Supervisor,
) -> None:
    port = free_port()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    part = Part("web", command, f"http://127.0.0.1:{port}/")
    supervisor.start([part])
    supervisor.wait_ready(60, threading.Event())
    process_id = supervisor.process_ids()["web"]
    supervisor.stop()
    assert not is_alive(process_id)


def test_supervisor__part_killed__is_started_again(supervisor: Supervisor, said: list[str]) -> None:
    supervisor.start([Part("sleeper", ["sleep", "60"])])
    first = supervisor.process_ids()["sleeper"]
    os.kill(first, signal.SIGKILL)
    until(lambda: not is_alive(first))
    supervisor.tend()
    assert supervisor.process_ids()["sleeper"] != first
    assert said == ["The sleeper ended with code -9 and is started again."]


def test_supervisor__part_keeps_falling__is_given_up_with_its_last_words(
    supervisor: Supervisor,
) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such table')"]
    supervisor.start([Part("broken", command)])

    def tend() -> bool:
        supervisor.tend()
        return False

    with pytest.raises(PartFailedError, match=rf"(?s)broken ended {RESTARTS} times.*no such table"):
        until(tend)


def test_supervisor__grandchildren__end_with_their_part(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    noted = tmp_path / "grandchild"
    supervisor.start([Part("parent", ["sh", "-c", f"sleep 60 & echo $! > {noted}; wait"])])
    until(lambda: noted.exists() and noted.read_text().strip() != "")
    supervisor.stop()
    until(lambda: not is_alive(int(noted.read_text())))


def test_end_with_parent__parent_killed__child_ends(tmp_path: Path) -> None:
    noted = tmp_path / "child"
    child = (
        "import os, sys, time\n"
        "from allotment.supervisor import end_with_parent\n"
        "end_with_parent(int(sys.argv[1]))\n"
        f"open({str(noted)!r}, 'w').write(str(os.getpid()))\n"
        "time.sleep(60)\n"
    )
    parent = (
        "import os, subprocess, sys\n"
        "subprocess.run([sys.executable, '-c', sys.argv[1], str(os.getpid())])\n"
    )
    with subprocess.Popen([sys.executable, "-c", parent, child]) as process:
        until(lambda: noted.exists() and noted.read_text() != "")
        process.kill()
    until(lambda: not is_alive(int(noted.read_text())))
