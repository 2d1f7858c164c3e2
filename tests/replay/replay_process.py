"""A replay in a process of its own, which kills itself at a step that a test chooses.

Each durable step and each request has one place before and one after it. At the place of number
`step` the process sends itself SIGKILL; with -1 it goes through.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Collection
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import ForkServerProcess
from typing import Any

from allotment.lake.rejected import Search, find
from allotment.lake.replays import Record, Replay, State
from allotment.replay import replaying
from allotment.replay.letters import Mend, ReplayError
from allotment.replay.replaying import Lab, replay
from allotment.sdk.connection import Connection

SETTLE_SECONDS = 0.3
_CONTEXT = get_context("forkserver")
# What takes a second to import is imported once for all the processes.
_CONTEXT.set_forkserver_preload([__name__])


def start(
    lab: Lab, names: tuple[str, ...], step: int = -1, page: int = 0
) -> tuple[ForkServerProcess, Pipe]:
    """A process that replays the rejections of these ids, so many a page; 0: all in one.

    Through the pipe comes at its end how many places it has passed, or why it could not begin.
    """
    here, there = _CONTEXT.Pipe(duplex=False)
    process = _CONTEXT.Process(target=_run, args=(lab, names, step, page, there))
    process.start()
    there.close()
    return process, here


def _run(lab: Lab, names: tuple[str, ...], step: int, page: int, pipe: Pipe) -> None:
    passed = 0

    def place() -> None:
        nonlocal passed
        if passed == step:
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1

    def with_places(work: Callable[..., Any]) -> Callable[..., Any]:
        def through(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401 -- whatever it takes
            place()
            found = work(*arguments, **named)
            place()
            return found

        return through

    write = with_places(Record.add)

    def add(record: Record, replays: Collection[Replay], state: State) -> None:
        if replays:
            write(record, replays, state)

    Record.add = add  # type: ignore[method-assign, assignment]
    Connection.request = with_places(Connection.request)  # type: ignore[method-assign]
    replaying.forget_those = with_places(replaying.forget_those)  # type: ignore[attr-defined]
    chosen, _ = find(lab.lake_dir, lab.journal_dir, Search(identifiers=names))
    try:
        size = page or max(1, len(chosen))
        pages = [chosen[first : first + size] for first in range(0, len(chosen), size)]
        reports = list(replay(lab, pages, Mend(), who="a test", settle_seconds=SETTLE_SECONDS))
    except ReplayError as error:
        pipe.send(str(error))
        return
    pipe.send("".join(report.trouble for report in reports) or passed)
