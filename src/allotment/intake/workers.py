"""Several processes on one listening socket: kept running, stopped in order, never left behind.

The socket is the parent's. A connection that waits when a worker falls is taken by another.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

STOP_SECONDS: Final = 13.0
"""A worker that has not ended so long after it was told to is killed."""
SHORT_SECONDS: Final = 2.0
"""A worker that lived no longer could not start."""
_LONGEST_PAUSE_SECONDS: Final = 5.0
_KILLED_PAUSE_SECONDS: Final = 0.1
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
_TICK_SECONDS: Final = 0.2

_log = logging.getLogger(__name__)


class WorkersFailedError(RuntimeError):
    """No worker can be kept running; each has said why."""


@dataclass(slots=True)
class _Worker:
    started: float
    falls: int
    """How often in a row it has fallen soon after its start."""


def supervise(
    count: int, run: Callable[[int], None], plain: tuple[type[Exception], ...] = ()
) -> None:
    """Keep `count` processes running until SIGTERM or SIGINT, then end them in good order.

    Call it before the process has any thread.

    Args:
        count: how many.
        run: what each does. It is given the readable end of a pipe that is closed when the parent
            is gone, however it went: the worker must then end as by SIGTERM.
        plain: errors whose message says all; a worker that ends by one prints it in one line. Of
            any other its trace is printed.

    Raises:
        WorkersFailedError: none runs, and the last one fell soon after its start.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    tie = os.pipe()
    start = partial(_fork, run, tie, plain)
    running: dict[int, _Worker] = {}
    due: list[tuple[float, int]] = [(0.0, 0)] * count
    try:
        while True:
            due = _start_due(due, running, start)
            heard = signal.sigtimedwait(_SIGNALS, _TICK_SECONDS)
            if heard is not None and heard.si_signo != signal.SIGCHLD:
                return
            due += _fallen(running)
            if not running and all(falls for _, falls in due):
                raise WorkersFailedError("no worker of the intake can start; each said why above")
    finally:
        _stop(running)
        os.close(tie[0])
        os.close(tie[1])
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def _start_due(
    due: list[tuple[float, int]],
    running: dict[int, _Worker],
    start: Callable[[], int],
) -> list[tuple[float, int]]:
    """Start what is to be started by now; what is to be started later."""
    now = time.monotonic()
    later = [(at, falls) for at, falls in due if at > now]
    for _, falls in ((at, falls) for at, falls in due if at <= now):
        running[start()] = _Worker(time.monotonic(), falls)
    return later


def _fork(
    run: Callable[[int], None], tie: tuple[int, int], plain: tuple[type[Exception], ...]
) -> int:
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        os.close(tie[1])
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        run(tie[0])
        code = 0
    except plain as error:
        sys.stderr.write(f"allotment: {error}\n")
    except BaseException:  # noqa: BLE001 -- nothing of it may reach the parent's code
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _fallen(running: dict[int, _Worker]) -> list[tuple[float, int]]:
    """Those that have ended: when each is to be started anew, and how often it fell in a row."""
    due = []
    for process in list(running):
        ended, status = os.waitpid(process, os.WNOHANG)
        if not ended:
            continue
        worker = running.pop(process)
        now = time.monotonic()
        code = os.waitstatus_to_exitcode(status)
        killed = code == -signal.SIGKILL  # by somebody, or for want of memory: it could start
        falls = worker.falls + 1 if now - worker.started < SHORT_SECONDS and not killed else 0
        pause = min(_LONGEST_PAUSE_SECONDS, 0.1 * 2**falls) if falls else 0.0
        pause = max(pause, _KILLED_PAUSE_SECONDS if killed else 0.0)
        _log.warning(
            "a worker of the intake ended with code %s and is started again",
            code,
        )
        due.append((now + pause, falls))
    return due


def _stop(running: dict[int, _Worker]) -> None:
    for process in running:
        os.kill(process, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while running and time.monotonic() < deadline:
        for process in list(running):
            if os.waitpid(process, os.WNOHANG)[0]:
                del running[process]
        if running:
            signal.sigtimedwait((signal.SIGCHLD,), _TICK_SECONDS)
    for process in running:
        _log.warning("a worker of the intake did not stop and is killed")
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
