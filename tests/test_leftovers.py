"""A run of tests that is killed leaves no process and no folder behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.leftovers import MARK

RUN = """
import subprocess, sys
from tests.leftovers import folder_of_run, watched
watcher = watched()
(folder_of_run() / "made").mkdir()
sleep = subprocess.Popen(
    ["sh", "-c", f"{sys.argv[1]} echo; exec sleep 600"],
    stdout=subprocess.PIPE,
    start_new_session=True,
)
sleep.stdout.readline()
print(sleep.pid, folder_of_run(), flush=True)
if sys.stdin.readline():
    watcher.end()
"""
STUBBORN = "trap '' INT TERM;"

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/environ").exists(), reason="the watcher looks in /proc"
)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.02)


def is_there(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize(
    ("how", "habit"),
    [(signal.SIGKILL, STUBBORN), (signal.SIGTERM, ""), (signal.SIGINT, ""), (None, "")],
)
def test_run__killed_or_at_its_end__what_it_started_is_gone(
    how: signal.Signals | None, habit: str
) -> None:
    environ = {name: value for name, value in os.environ.items() if name != MARK}
    with subprocess.Popen(
        [sys.executable, "-c", RUN, habit],
        cwd=Path(__file__).parents[1],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        word, _, path = run.stdout.readline().strip().partition(" ")
        started, folder = int(word), Path(path)
        assert is_there(started)
        assert (folder / "made").is_dir()
        if how is None:
            _, said = run.communicate("\n")
        else:
            run.send_signal(how)
            _, said = run.communicate()
    until(lambda: not is_there(started))
    until(lambda: not folder.exists())
    assert f"left behind by the tests, and ended: {started} " in said
