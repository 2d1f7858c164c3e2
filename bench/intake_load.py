"""The load generator of the intake's benchmarks: one event loop, keep-alive connections.

`closed` sends as fast as answers come, one request at a time on each connection. `paced` sends at a
fixed rate whatever the answers do, and counts the time from when a request was due, so that a
server that stalls is seen to stall (coordinated omission).
"""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_NAP_SECONDS = 0.00005
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Result:
    """One load."""

    events: int = 0
    requests: int = 0
    refused: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    """How long after it was due a paced request was sent though a connection was free: what of the
    answer times is the generator's own."""

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def cpu_micros(self) -> float:
        """The server's CPU time for one event, in microseconds."""
        return self.cpu_seconds / max(1, self.events) * 1e6

    def percentile(self, share: float) -> float:
        """Of the answer times, in milliseconds."""
        return _percentile(self.times, share)

    def late_percentile(self, share: float) -> float:
        """Of the generator's own delays, in milliseconds."""
        return _percentile(self.late, share)


def _percentile(times: list[float], share: float) -> float:
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e3 if ordered else 0.0


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def post(body: bytes, query: str = "") -> bytes:
    """A request for events, as bytes."""
    return (
        b"POST /v1/events%b HTTP/1.1\r\nHost: bench\r\nContent-Type: text/plain\r\n"
        b"User-Agent: bench/1\r\nContent-Length: %d\r\n\r\n%b" % (query.encode(), len(body), body)
    )


class _Client(asyncio.Protocol):
    """One connection. That a server has no room (503) is an answer; any other fault is not."""

    def __init__(self, answered: Callable[[_Client], None]) -> None:
        self._answered = answered
        self._rest = b""
        self.due = 0.0
        self.refused = False
        self.transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment] # uvloop's is one by its methods

    def data_received(self, data: bytes) -> None:
        if self._rest or not data.endswith(b"\r\n\r\n"):
            data = self._rest + data
            head, end, body = data.partition(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if not end or len(body) < int(length[1] if length else 0):
                self._rest = data
                return
            self._rest = b""
        self.refused = data.startswith(b"HTTP/1.1 503")
        if not self.refused and not data.startswith(b"HTTP/1.1 20"):
            raise RuntimeError(data[:300].decode())
        self._answered(self)

    def send(self, request: bytes, due: float) -> None:
        """Send one request that was due at a time."""
        self.due = due
        assert self.transport is not None
        self.transport.write(request)


async def closed(
    port: int, pid: int, request: bytes, events: int, *, connections: int, seconds: float
) -> Result:
    """As fast as answers come."""
    loop = asyncio.get_running_loop()
    result, until = Result(), time.perf_counter() + seconds
    busy = connections
    over = asyncio.Event()

    def answered(client: _Client) -> None:
        nonlocal busy
        now = time.perf_counter()
        result.times.append(now - client.due)
        result.refused += client.refused
        if now < until:
            client.send(request, now)
            return
        busy -= 1
        if not busy:
            over.set()

    clients = [
        (await loop.create_connection(lambda: _Client(answered), "127.0.0.1", port))[1]
        for _ in range(connections)
    ]
    before, started = cpu_seconds(pid), time.perf_counter()
    for client in clients:
        client.send(request, time.perf_counter())
    await over.wait()
    return _finish(result, clients, events, started, pid, before)


async def paced(
    port: int,
    pid: int,
    request: bytes,
    events: int,
    *,
    connections: int,
    seconds: float,
    rate: float,
) -> Result:
    """At `rate` requests a second, whatever the answers do."""
    loop = asyncio.get_running_loop()
    result = Result()
    waiting: deque[float] = deque()
    free: deque[_Client] = deque()

    def answered(client: _Client) -> None:
        result.times.append(time.perf_counter() - client.due)
        result.refused += client.refused
        if waiting:
            client.send(request, waiting.popleft())
        else:
            free.append(client)

    for _ in range(connections):
        free.append((await loop.create_connection(lambda: _Client(answered), "127.0.0.1", port))[1])
    clients = list(free)
    before, started = cpu_seconds(pid), time.perf_counter()
    sent = 0
    while (now := time.perf_counter() - started) < seconds:
        while sent < now * rate:
            due = started + sent / rate
            sent += 1
            if free:
                result.late.append(time.perf_counter() - due)
                free.popleft().send(request, due)
            else:
                waiting.append(due)
        # The loop's clock ticks once a millisecond only. Without the nap this would spin, and the
        # scheduler takes a process that spins from its core just when an answer comes.
        time.sleep(_NAP_SECONDS)  # noqa: ASYNC251 -- shorter than the loop can wait
        await asyncio.sleep(0)
    while len(result.times) < sent:  # noqa: ASYNC110 -- what is counted is the generator's own
        await asyncio.sleep(0.001)
    return _finish(result, clients, events, started, pid, before)


def _finish(
    result: Result, clients: list[_Client], events: int, started: float, pid: int, before: float
) -> Result:
    result.seconds = time.perf_counter() - started
    result.cpu_seconds = cpu_seconds(pid) - before
    result.requests = len(result.times)
    result.events = (result.requests - result.refused) * events
    for client in clients:
        if client.transport is not None:
            client.transport.close()
    return result
