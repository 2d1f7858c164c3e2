"""Speaks HTTP byte by byte, as clients do that no library would let pass."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import uvloop

from allotment.intake.connection import Handler
from allotment.intake.limits import Limits
from allotment.intake.listener import Listener
from allotment.intake.server import bind


class Raw:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def half_close(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def answer(self, *, has_body: bool = True) -> tuple[int, dict[str, str], bytes]:
        """The next answer: status, headers, body."""
        while b"\r\n\r\n" not in self._rest:
            self._read()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines)
        length = int(headers.get("content-length", 0)) if has_body else 0
        while len(self._rest) < length:
            self._read()
        body, self._rest = self._rest[:length], self._rest[length:]
        return int(first.split(" ")[1]), headers, body

    def status(self) -> int:
        return self.answer()[0]

    def ended(self) -> bool:
        """Whether the other side closes, with nothing more to say."""
        try:
            return self._rest + self.socket.recv(65536) == b""
        except ConnectionResetError:
            return True

    def _read(self) -> None:
        data = self.socket.recv(65536)
        assert data, f"closed after {self._rest!r}"
        self._rest += data


def post(body: bytes, path: str = "/v1/events", *more: str) -> bytes:
    """A request with a body of known length."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: x",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *more,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def get(path: str, *more: str, method: str = "GET", version: str = "1.1") -> bytes:
    """A request without a body."""
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: x", *more, "", ""]).encode()


@dataclass
class Running:
    """A listener in a thread of its own."""

    loop: asyncio.AbstractEventLoop
    port: int = 0
    refused: list[int] = field(default_factory=list)
    _listener: list[Listener] = field(default_factory=list)

    @property
    def listener(self) -> Listener:
        return self._listener[0]

    def call(self, work: Callable[[], Any]) -> Any:  # noqa: ANN401 -- whatever the work gives
        """Do something on the event loop."""

        async def ask() -> Any:  # noqa: ANN401
            found = work()
            return await found if asyncio.iscoroutine(found) else found

        return asyncio.run_coroutine_threadsafe(ask(), self.loop).result(20)


@contextmanager
def listening(handle: Handler, **limits: Any) -> Iterator[Running]:  # noqa: ANN401
    """Runs a real listener on a free port, with limits small enough to reach them."""
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running = Running(loop)
    chosen = Limits(**{"body_bytes": 5000, "stop_seconds": 2.0, **limits})

    async def start() -> None:
        running._listener.append(Listener(handle, chosen, running.refused.append))
        listening = bind("127.0.0.1", 0)
        running.port = listening.getsockname()[1]
        await running.listener.start(listening)

    try:
        running.call(start)
        yield running
    finally:
        running.call(running.listener.stop)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
