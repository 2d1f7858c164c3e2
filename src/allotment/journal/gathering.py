"""Gathers on the event loop what the journal's thread then commits as one group.

To hand something over to a thread and to be woken by it costs more than all else that a small
append does. So it is done once for all that comes while a commit is under way, and for a few not
more often than every `GATHER_SECONDS`: what comes after a pause goes at once, and under load a
group grows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from allotment.journal.protocol import JournalUnavailableError
from allotment.journal.tally import Counts

GATHER_SECONDS: Final = 0.002
"""The least time between two commits of fewer appends than `GATHER_APPENDS`.

A sync takes from 0.04 ms (a disk with a protected cache) to some 10 ms. Two milliseconds are small
beside the way to any client, and bound how often it and two switches of thread are paid for.
"""
GATHER_APPENDS: Final = 16
"""So many share the cost well; more would only wait."""


@dataclass(slots=True, eq=False)
class Append:
    """One caller's records."""

    lines: dict[str, bytes]
    counts: Mapping[str, Counts]
    size: int
    gatherer: Gatherer
    done: asyncio.Future[None]
    error: str | None = None
    failed: list[str] = field(default_factory=list)


class Gatherer:
    """What one event loop hands over. Its methods are called there, but for `wake` and `flush`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        hand_over: Callable[[list[Append]], None],
        gather_seconds: float,
    ) -> None:
        """`hand_over` gives a group to the thread; it does not wait for it."""
        self.loop = loop
        self.bytes = 0
        """Handed over or gathered, and not yet durable."""
        self._hand_over = hand_over
        self._gather_seconds = gather_seconds
        self._gathered: list[Append] = []
        self._under_way = False
        self._due = False
        self._last = 0.0

    def add(self, append: Append) -> None:
        """Take an append; its `done` tells when it is durable, or why it is not."""
        self._gathered.append(append)
        self.bytes += append.size
        if not self._under_way and (not self._due or len(self._gathered) == GATHER_APPENDS):
            self._schedule()

    def flush(self) -> None:
        """Hand over what is gathered. By another thread only once the loop adds nothing more."""
        gathered, self._gathered = self._gathered, []
        if gathered:
            self._under_way = True
            self._hand_over(gathered)

    def wake(self, group: list[Append]) -> None:
        """Called by the thread: these are durable, or failed."""
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits there
            self.loop.call_soon_threadsafe(self._resolve, group)

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

    def _resolve(self, group: list[Append]) -> None:
        self._under_way = False
        for append in group:
            self.bytes -= append.size
            done = append.done
            if done.done():
                continue  # cancelled: its client has gone
            if append.error is None:
                done.set_result(None)
            else:
                done.set_exception(JournalUnavailableError(append.error, append.failed))
        if self._gathered and not self._due and not self._under_way:
            self._schedule()
