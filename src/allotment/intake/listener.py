"""The connections of a worker: opened up to a bound, watched by one clock, ended in good order."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from email.utils import formatdate
from typing import Final

from allotment.intake.connection import Connection, Handler
from allotment.intake.limits import Limits, Memory

BACKLOG: Final = 1024
_TICK_SECONDS: Final = 0.25
_OVER: Final = 100
"""So many connections above the bound are told so; any more are closed without a word."""


class Listener:
    """Accepts connections on a socket and hands their requests to a handler."""

    def __init__(self, handle: Handler, limits: Limits, refused: Callable[[int], None]) -> None:
        """Make one on the running event loop. `refused` counts answers to what is no request."""
        self.handle = handle
        self.limits = limits
        self.refused = refused
        self.memory = Memory(limits.memory_bytes)
        self.stopping = False
        self._loop = asyncio.get_running_loop()
        self._connections: set[Connection] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._server: asyncio.Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.now = 0.0
        self.date = b""
        self._set_time()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    async def start(self, listening: socket.socket) -> None:
        """Begin to accept."""
        self._server = await self._loop.create_server(
            lambda: Connection(self), sock=listening, backlog=BACKLOG
        )
        self._tick()

    async def stop(self) -> None:
        """Accept no more, wait for what is under way, and cut off what takes too long."""
        self.stopping = True
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.stop()
        try:
            await asyncio.wait_for(self._empty.wait(), self.limits.stop_seconds)
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()
        if self._timer is not None:
            self._timer.cancel()

    def opened(self, connection: Connection) -> bool:
        """Count a connection; False when there are too many."""
        self._connections.add(connection)
        self._empty.clear()
        if len(self._connections) > self.limits.connections + _OVER:
            connection.abort()
        return len(self._connections) <= self.limits.connections

    def closed(self, connection: Connection) -> None:
        """A connection has ended."""
        self._connections.discard(connection)
        if not self._connections:
            self._empty.set()

    def _set_time(self) -> None:
        self.now = self._loop.time()
        self.date = b"date: %b\r\n" % formatdate(usegmt=True).encode()

    def _tick(self) -> None:
        self._set_time()
        for connection in list(self._connections):
            connection.check()
        self._timer = self._loop.call_later(_TICK_SECONDS, self._tick)
