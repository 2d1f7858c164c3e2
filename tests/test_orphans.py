"""Nothing stays behind when the supervisor and the services are killed in one moment."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.free_ports import free_port
from tests.test_supervisor import is_alive, until

from allotment.settings import from_environ, to_environ

SUPERVISE = """
import os, signal, sys, threading
from allotment.settings import from_environ
from allotment.supervisor import Supervisor
from allotment.up import parts

settings = from_environ()
supervisor = Supervisor(settings.log_dir, dict(os.environ), print)
supervisor.start([part for part in parts(settings) if part.name in sys.argv[1:]])
supervisor.wait_ready(60, threading.Event())
print(*supervisor.process_ids().values(), flush=True)
signal.pause()
"""
STUBBORN = """
import multiprocessing, signal, sys, time
from allotment.orphans import end_when_orphaned

def work(pipe):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end_when_orphaned(stop_seconds=0.2)
    pipe.send(multiprocessing.current_process().pid)
    time.sleep(60)

if __name__ == "__main__":
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    context.Process(target=work, args=(there,)).start()
    print(here.recv(), flush=True)
    signal.pause()
"""


def of_lab(data: Path) -> set[int]:
    """The processes that have a data folder in their environment."""
    found = set()
    mark = f"ALLOTMENT_DATA={data}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environ = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if mark in environ and is_alive(int(folder.name)):
            found.add(int(folder.name))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells which processes are left")
def test_workers__supervisor_and_services_killed_together__nothing_stays(tmp_path: Path) -> None:
    ports = {f"ALLOTMENT_{part}_PORT": str(free_port()) for part in ("REGISTRY", "INTAKE", "DEMO")}
    settings = from_environ({"ALLOTMENT_DATA": str(tmp_path), **ports})
    command = [sys.executable, "-c", SUPERVISE, "registry", "demo"]
    environ = {**os.environ, **to_environ(settings)}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout is not None
        said = supervisor.stdout.readline()
        services = [int(name) for name in said.split()]
        left = of_lab(tmp_path)
        try:
            assert len(services) == 2
            assert left > {supervisor.pid, *services}, "each has a worker"
        finally:
            for process in (supervisor.pid, *services):
                os.kill(process, signal.SIGKILL)
    try:
        until(lambda: not of_lab(tmp_path))
    finally:
        for process in of_lab(tmp_path):
            os.kill(process, signal.SIGKILL)


def test_end_when_orphaned__worker_that_does_not_stop__is_cut_off() -> None:
    command = [sys.executable, "-c", STUBBORN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert is_alive(worker)
        parent.kill()
    until(lambda: not is_alive(worker), 30)
