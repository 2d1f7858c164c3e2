"""A run of tests that is killed leaves no process and no folder behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.leftovers import MARK
from tests.test_supervisor import is_alive, until

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
        assert is_alive(started)
        assert (folder / "made").is_dir()
        if how is None:
            _, said = run.communicate("\n")
        else:
            run.send_signal(how)
            _, said = run.communicate()
    until(lambda: not is_alive(started))
    until(lambda: not folder.exists())
    assert f"left behind by the tests, and ended: {started} " in said
