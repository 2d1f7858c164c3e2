"""Gathers on the event loop what is then committed as one group.

A sync costs more than all else that a small append does. So it is done once for all that one turn
of the loop brings, and for a few not more often than every `GATHER_SECONDS`: what comes after a
pause goes at once, and under load a group grows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from allotment.journal.protocol import JournalUnavailableError, Told
from allotment.journal.tally import Counts

GATHER_SECONDS: Final = 0.002
"""The least time between two commits of fewer appends than `GATHER_APPENDS`.

A sync takes from 0.04 ms (a disk with a protected cache) to some 10 ms. Two milliseconds are small
beside the way to any client, and bound how often it is paid for.
"""
GATHER_APPENDS: Final = 32
"""So many share the cost well; more would only wait."""


@dataclass(slots=True, eq=False)
class Append:
    """One caller's records. They are put together only with those of the whole group."""

    records: Mapping[str, Sequence[bytes]]
    counts: Mapping[str, Counts]
    size: int
    gatherer: Gatherer
    told: Told
    error: str | None = None
    failed: tuple[str, ...] = ()
    """The topics whose records are not durable."""


Commit: TypeAlias = Callable[[list[Append]], bool]
"""Commits a group and returns True, or lets a thread do so, which then calls `Gatherer.wake`."""


class Gatherer:
    """What one event loop hands over. Its methods are called there, but for `wake` and `flush`."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, commit: Commit, gather_seconds: float
    ) -> None:
        self.loop = loop
        self.bytes = 0
        """Handed over or gathered, and not yet durable."""
        self._commit = commit
        self._gather_seconds = gather_seconds
        self._gathered: list[Append] = []
        self._under_way = False
        self._due = False
        self._last = 0.0

    def add(self, append: Append) -> None:
        """Take an append; its `told` is called when it is durable, or why it is not."""
        gathered = self._gathered
        gathered.append(append)
        self.bytes += append.size
        if not self._under_way and (not self._due or len(gathered) == GATHER_APPENDS):
            self._schedule()

    def flush(self) -> None:
        """Hand over what is gathered. By another thread only once the loop adds nothing more."""
        gathered, self._gathered = self._gathered, []
        if gathered:
            self._under_way = True
            if self._commit(gathered):
                self._tell(gathered)

    def wake(self, group: list[Append]) -> None:
        """Called by a thread: these are durable, or failed."""
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits there
            self.loop.call_soon_threadsafe(self._tell, group)

    def _schedule(self) -> None:
        """Hand over when this turn of the loop has brought all that it has, or a little later."""
        self._due = True
        wait = self._last + self._gather_seconds - self.loop.time()
        if wait > 0 and len(self._gathered) < GATHER_APPENDS:
            self.loop.call_later(wait, self._go)
        else:
            self.loop.call_soon(self._go)

    def _go(self) -> None:
        self._due = False
        if not self._under_way:  # else they go when that is done
            self._last = self.loop.time()
            self.flush()

    def _tell(self, group: list[Append]) -> None:
        self._under_way = False
        for append in group:
            self.bytes -= append.size
            error = append.error
            failure = None if error is None else JournalUnavailableError(error, append.failed)
            try:
                append.told(failure)
            except Exception as fault:  # noqa: BLE001 -- the others are to be told too
                context = {"message": "who waited for the journal failed", "exception": fault}
                self.loop.call_exception_handler(context)
        if self._gathered and not self._due and not self._under_way:
            self._schedule()
