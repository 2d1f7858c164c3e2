"""One connection: requests answered in their order, deadlines kept, memory given back."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias, cast

from allotment.intake import answers
from allotment.intake.answers import Answer
from allotment.intake.limits import Limits, Memory
from allotment.intake.reader import BODY, HEAD, RequestReader
from allotment.intake.request import Request, RequestError

Reply: TypeAlias = Callable[[Answer], None]
"""Answers a request; called once for each, within the call or any time after it."""
Handler: TypeAlias = Callable[[Request, Reply], None]
"""Works on a request. Never raises."""

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_CLOSE: Final = b"connection: close\r\n"
_KEEP: Final = b"connection: keep-alive\r\n"
_LARGE_ANSWER: Final = 64 << 10


class Host(Protocol):
    """What connections share."""

    limits: Limits
    memory: Memory
    handle: Handler
    now: float
    """The event loop's time, renewed some times a second."""
    date: bytes
    stopping: bool

    def opened(self, connection: Connection) -> bool:
        """Count a connection; False when there are too many."""
        ...

    def closed(self, connection: Connection) -> None:
        """It has ended."""
        ...

    def refused(self, status: int) -> None:
        """Something that is no request was answered."""
        ...


class Connection(asyncio.Protocol):
    """Works on one request at a time; those that a client sends ahead wait.

    While any waits nothing more is read, so that a client cannot fill the memory with them.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._limits = host.limits
        self._memory = host.memory
        self._handle = host.handle
        self._reader = RequestReader(host.limits, host.memory, self._take, self._expects)
        self._reply_now = self._reply
        self._transport: asyncio.Transport | None = None
        self._current: Request | None = None
        self._waiting: deque[Request] = deque()
        self._fault: RequestError | None = None
        self._phase = self._reader.phase
        self._since = host.now
        self._continue_due = False
        self._paused = False
        self._pumping = False
        self._ending = False
        self._half_closed = False
        self._unsent = 0
        self._write_deadline: float | None = None

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is one by its methods, not by its class.
        self._transport = cast("asyncio.Transport", transport)
        if not self._host.opened(self) and not transport.is_closing():
            self._fault = RequestError(503, "unavailable", "too many connections; try again later")
            self._pump()

    def data_received(self, data: bytes) -> None:
        if self._ending or self._fault is not None:
            return
        try:
            self._reader.feed(data)
        except RequestError as fault:
            self._fault = fault
            self._pump()
        if self._reader.phase != self._phase:
            self._phase = self._reader.phase
            self._since = self._host.now
        if self._waiting and not self._paused:
            self._paused = True
            self._open_transport().pause_reading()

    def eof_received(self) -> bool:
        self._half_closed = True
        return self._current is not None or bool(self._waiting)

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self._transport = None
        self._memory.held -= sum(request.held for request in self._waiting) + self._unsent
        self._unsent = 0
        self._waiting.clear()
        self._reader.drop()
        self._host.closed(self)

    def pause_writing(self) -> None:
        size = self._open_transport().get_write_buffer_size()
        self._write_deadline = (
            self._host.now + self._limits.write_seconds + size / self._limits.body_rate
        )

    def resume_writing(self) -> None:
        self._write_deadline = None
        self._memory.held -= self._unsent
        self._unsent = 0
        self._pump()

    # What the reader tells.

    def _take(self, request: Request) -> None:
        if self._ending:
            self._memory.held -= request.held
        elif self._current is None and not self._waiting and self._write_deadline is None:
            self._current = request
            self._handle(request, self._reply_now)
        else:
            self._waiting.append(request)

    def _expects(self) -> None:
        self._continue_due = True
        if self._current is None and not self._waiting:
            self._pump()

    # What happens next.

    def _reply(self, answer: Answer) -> None:
        """Send the answer to the present request, and go on to the next."""
        request, self._current = self._current, None
        assert request is not None  # noqa: S101 -- a handler replies once
        self._memory.held -= request.held
        transport = self._transport
        if transport is None:
            return  # the client has gone
        host = self._host
        last = not request.keep_alive or host.stopping or (self._half_closed and not self._waiting)
        headers = request.headers
        # A client of HTTP/1.0 must be told that it may go on; one that says nothing speaks 1.1.
        connection = _CLOSE if last else _KEEP if b"connection" in headers else b""
        self._send(transport, answer, connection, head_only=request.method == "HEAD")
        self._since = host.now
        if last:
            self._end(linger=False)
        elif self._waiting or self._continue_due or self._fault is not None or self._paused:
            self._pump()

    def _send(
        self, transport: asyncio.Transport, answer: Answer, connection: bytes, *, head_only: bool
    ) -> None:
        size = len(answer.body)
        if size > _LARGE_ANSWER:
            self._memory.held += size
            self._unsent += size
        transport.write(answers.encode(answer, self._host.date + connection, head_only=head_only))
        if self._unsent and self._write_deadline is None:  # it went out at once
            self._memory.held -= self._unsent
            self._unsent = 0

    def _pump(self) -> None:
        """Work on what waits, until something must be waited for."""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._waiting and self._may_go_on():
                self._current = self._waiting.popleft()
                self._handle(self._current, self._reply_now)
        finally:
            self._pumping = False
        if self._waiting or not self._may_go_on():
            return
        transport = self._open_transport()
        if self._fault is not None:
            self._answer_fault(transport, self._fault)
            return
        if self._continue_due:
            self._continue_due = False
            transport.write(_CONTINUE)
        if self._paused:
            self._paused = False
            self._since = self._host.now
            transport.resume_reading()

    def _may_go_on(self) -> bool:
        return (
            self._current is None
            and self._transport is not None
            and self._write_deadline is None
            and not self._ending
        )

    def _answer_fault(self, transport: asyncio.Transport, fault: RequestError) -> None:
        request = self._reader.request
        method, uri = (request.method, request.path) if request is not None else ("", "")
        answer = answers.refusal(fault, method=method, uri=uri)
        self._send(transport, answer, _CLOSE, head_only=method == "HEAD")
        self._host.refused(answer.status)
        self._reader.drop()
        self._end(linger=True)

    def _end(self, *, linger: bool) -> None:
        """Close once all is sent. To close with bytes unread would make the client lose it."""
        transport = self._open_transport()
        self._ending = True
        self._since = self._host.now
        self._memory.held -= sum(request.held for request in self._waiting)
        self._waiting.clear()
        if linger and not self._half_closed:
            if self._paused:
                self._paused = False
                transport.resume_reading()
            transport.write_eof()
        else:
            transport.close()

    # What the clock tells.

    def check(self) -> None:
        """Keep the deadlines; called some times a second."""
        transport, now, limits = self._transport, self._host.now, self._limits
        if transport is None:
            return
        elapsed = now - self._since
        if self._write_deadline is not None or self._ending:
            if now > (self._write_deadline or self._since + limits.linger_seconds):
                transport.abort()
        elif self._current is not None or self._waiting:
            return
        elif self._phase in {HEAD, BODY}:
            self._check_pace(elapsed)
        elif elapsed > limits.idle_seconds:
            transport.close()

    def _check_pace(self, elapsed: float) -> None:
        """Give up on a request that comes too slowly."""
        limits = self._limits
        if self._phase == HEAD and elapsed > limits.head_seconds:
            late = "the headers did not come in time"
        elif (
            self._phase == BODY
            and self._reader.size < (elapsed - limits.body_seconds) * limits.body_rate
        ):
            late = "the body comes too slowly"
        else:
            return
        self._fault = RequestError(408, "request_timeout", late)
        self._pump()

    def stop(self) -> None:
        """The intake ends: finish what has begun, and begin nothing more."""
        idle = self._current is None and not self._waiting and not self._ending
        if self._transport is not None and idle and self._reader.phase not in {HEAD, BODY}:
            self._transport.close()

    def abort(self) -> None:
        """End at once."""
        if self._transport is not None:
            self._transport.abort()

    def _open_transport(self) -> asyncio.Transport:
        transport = self._transport
        assert transport is not None  # noqa: S101 -- only called while connected
        return transport
