"""Parts of a lab that are killed again and again, and start in moments.

A process that has imported what they need forks each of them, so that a thousand starts do not cost
half an hour. What runs in the child is the command itself, `allotment intake` or `allotment sink`.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from tests.end_to_end.lab import Lab

PARTS: Final = ("intake", "sink")
_GONE_SECONDS: Final = 60.0

_NURSERY: Final = """
import json, os, signal, sys, traceback
import allotment.cli, allotment.intake.server, allotment.lake.sink
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if child:
        print(child, flush=True)
        continue
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    log = os.open(order["log"], os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.argv = ["allotment", order["part"]]
    code = 0
    try:
        allotment.cli.main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1 if end.code else 0
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        code = 1
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # what a fork has of threads that are not there cannot be torn down
"""


class Nursery:
    """Starts parts of one lab."""

    def __init__(self, lab: Lab) -> None:
        """`lab` names the settings; it is not started."""
        self._lab = lab
        self._process = subprocess.Popen(
            [sys.executable, "-c", _NURSERY],
            env=lab.environ(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, part: str) -> int:
        """Begin a part in a process group of its own; the process id."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"part": part, "log": str(self.log(part))}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def log(self, part: str) -> Path:
        """Where a part prints."""
        return self._lab.data.parent / f"{part}.txt"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()


class Mortal:
    """One part: always running, but for moments."""

    def __init__(self, nursery: Nursery, name: str) -> None:
        """Start it."""
        self.name = name
        self._nursery = nursery
        self._leader = nursery.start(name)

    def kill(self, dice: random.Random) -> str | None:
        """kill -9 it and start it again; what is wrong where it had ended by itself.

        Where it has several processes, one time in three only one of them is killed, as the
        kernel does when memory runs out; what is left must go on or end by itself.
        """
        others = _descendants(self._leader)
        if others and dice.randrange(3) == 0:
            with suppress(ProcessLookupError):
                os.kill(dice.choice(others), signal.SIGKILL)
            return None
        try:
            os.killpg(self._leader, signal.SIGKILL)
        except ProcessLookupError:
            return f"{self.name} ended by itself:\n{self.said()}"
        _wait_gone([self._leader, *others])
        self._leader = self._nursery.start(self.name)
        return None

    def stop(self) -> str | None:
        """Let it end in order; what is wrong where it does not."""
        try:
            os.kill(self._leader, signal.SIGTERM)
            _wait_gone([self._leader])
        except (ProcessLookupError, TimeoutError) as error:
            with suppress(ProcessLookupError):
                os.killpg(self._leader, signal.SIGKILL)
            return f"{self.name} did not stop in order ({error!r}):\n{self.said()}"
        return None

    def said(self) -> str:
        """The end of what it printed."""
        log = self._nursery.log(self.name)
        return log.read_text(errors="replace")[-3000:] if log.exists() else ""


def _descendants(process_id: int) -> list[int]:
    found: list[int] = []
    waiting = [process_id]
    while waiting:
        for task in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            with suppress(OSError):
                children = [int(word) for word in task.read_text().split()]
                found += children
                waiting += children
    return found


def _wait_gone(process_ids: list[int]) -> None:
    deadline = time.monotonic() + _GONE_SECONDS
    for process_id in process_ids:
        while _runs(process_id):
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {process_id} is still there")
            time.sleep(0.002)


def _runs(process_id: int) -> bool:
    try:
        stat = Path(f"/proc/{process_id}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    if stat.rpartition(")")[2].split()[0] != "Z":
        return True
    # The first thread may be gone while another still holds the sockets.
    with suppress(FileNotFoundError):
        return len(list(Path(f"/proc/{process_id}/task").iterdir())) > 1
    return False
