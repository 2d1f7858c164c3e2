"""Child processes under one parent: started together, restarted when they fall, all ended with it.

Each child leads a process group of its own, so that Ctrl-C in a terminal reaches the parent alone,
which ends the children in order; and asks the kernel for a SIGTERM should the parent die without a
word (`prctl(2)`, PR_SET_PDEATHSIG), so that nothing is left behind.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

STOP_SECONDS = 15.0
RESTARTS = 5
RESTART_WINDOW_SECONDS = 60.0
LOG_LIMIT_BYTES = 10_000_000
_PR_SET_PDEATHSIG = 1


class PartFailedError(RuntimeError):
    """A part cannot be kept running; the message names it and where its log is."""


@dataclass(frozen=True)
class Part:
    """One child: its name, what it runs, and the address that answers 200 once it is ready."""

    name: str
    command: Sequence[str]
    health_url: str | None = None


@dataclass
class _Child:
    part: Part
    process: subprocess.Popen[bytes]
    starts: deque[float] = field(default_factory=deque)


def end_with_parent(parent: int) -> None:
    """Called in a child: be sent SIGTERM when the process `parent` dies (on Linux)."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("The process that started this one is gone.")


class Supervisor:
    """Keeps parts running until it is stopped."""

    def __init__(
        self, log_dir: Path, environ: dict[str, str], report: Callable[[str], None]
    ) -> None:
        """`report` is told in one sentence whatever a person should know."""
        self._log_dir = log_dir
        self._environ = environ
        self._report = report
        self._children: dict[str, _Child] = {}

    def start(self, parts: Sequence[Part]) -> None:
        """Start the parts, in order, without waiting for them to be ready."""
        self._log_dir.mkdir(parents=True, exist_ok=True)
        for part in parts:
            self._children[part.name] = _Child(part, self._spawn(part), deque([time.monotonic()]))

    def wait_ready(self, seconds: float, stop: threading.Event) -> None:
        """Wait until every part that has a health address answers there, or `stop` is set.

        Raises:
            PartFailedError: one did not in time, or fell too often meanwhile.
        """
        deadline = time.monotonic() + seconds
        waiting = {c.part.name: c.part.health_url for c in self._children.values()}
        while waiting := {n: url for n, url in waiting.items() if url and not _answers(url)}:
            self.tend()
            if time.monotonic() > deadline:
                name = min(waiting)
                raise PartFailedError(
                    f"The {name} is not ready after {seconds:.0f} s; its log is {self.log(name)}"
                )
            if stop.wait(0.05):
                return

    def tend(self) -> None:
        """Restart whatever has ended.

        Raises:
            PartFailedError: a part ended more than five times within a minute.
        """
        for child in self._children.values():
            code = child.process.poll()
            if code is None:
                continue
            _signal_group(child.process, signal.SIGKILL)
            now = time.monotonic()
            child.starts = deque(t for t in child.starts if now - t < RESTART_WINDOW_SECONDS)
            name = child.part.name
            if len(child.starts) > RESTARTS:
                raise PartFailedError(
                    f"The {name} ended {RESTARTS} times within a minute; the last lines of "
                    f"{self.log(name)}:\n{self.tail(name)}"
                )
            self._report(f"The {name} ended with code {code} and is started again.")
            child.process = self._spawn(child.part)
            child.starts.append(now)

    def stop(self) -> None:
        """End every part, last started first: SIGTERM, and SIGKILL after 15 seconds."""
        children = list(reversed(self._children.values()))
        for child in children:
            if child.process.poll() is None:
                child.process.terminate()
                try:
                    child.process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    self._report(f"The {child.part.name} did not stop and is killed.")
            _signal_group(child.process, signal.SIGKILL)
            child.process.wait()
        self._children.clear()

    def log(self, name: str) -> Path:
        """Where a part's output goes."""
        return self._log_dir / f"{name}.log"

    def tail(self, name: str, lines: int = 12) -> str:
        """The last lines of a part's log."""
        return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-lines:])

    def process_ids(self) -> dict[str, int]:
        """The process id of each part now."""
        return {name: child.process.pid for name, child in self._children.items()}

    def _spawn(self, part: Part) -> subprocess.Popen[bytes]:
        path = self.log(part.name)
        if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
            path.replace(path.with_suffix(".old.log"))
        with path.open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own command line
                part.command,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as response:  # noqa: S310 - our own address
            return bool(response.status == 200)  # noqa: PLR2004
    except (urllib.error.URLError, OSError):
        return False


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return
