"""The daily check as a process of its own: its findings are kept, and it ends with who began it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.registry.test_bootstrap import PREPARE, SECONDS, environment, run

SETTINGS = {"DJANGO_SETTINGS_MODULE": "allotment.registry.django_settings"}
RUN = "from allotment.registry import checked_apart; checked_apart.run()"


def test_run__data_folder_made_ready__findings_are_kept(tmp_path: Path) -> None:
    run(tmp_path, PREPARE)
    run(tmp_path, RUN, **SETTINGS)
    assert (tmp_path / "registry" / "check.json").exists()


def test_run__no_tables__fails_and_says_why_once(tmp_path: Path) -> None:
    (tmp_path / "registry").mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", RUN],
        env=environment(tmp_path, **SETTINGS),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert "no such table" in done.stderr
    assert "CheckFailedError: the process of the check ended with 1" in done.stderr


def test_run__who_began_it_is_killed__ends_too(tmp_path: Path) -> None:
    # It waits for a database that never answers: a pipe that nobody writes to.
    run(tmp_path, PREPARE)
    database = tmp_path / "registry" / "registry.sqlite3"
    database.unlink()
    os.mkfifo(database)
    began = subprocess.Popen([sys.executable, "-c", RUN], env=environment(tmp_path, **SETTINGS))
    children = Path(f"/proc/{began.pid}/task/{began.pid}/children")
    deadline = time.monotonic() + SECONDS
    while not (found := children.read_text().split()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    (child,) = map(int, found)
    began.send_signal(signal.SIGKILL)
    began.wait(SECONDS)
    while Path(f"/proc/{child}/cmdline").exists() and b"checked_apart" in _command(child):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _command(process: int) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
