"""From the bytes of a connection to requests, within limits.

The grammar is llhttp's, strictly: a length given twice, a length beside chunks, folded headers,
bare line feeds and the like are refused, since two programs that read them differently can be
played off against each other (request smuggling, RFC 9112, 11.2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import httptools

from allotment.intake.body import too_large
from allotment.intake.limits import Limits, Memory
from allotment.intake.request import Request, RequestError

IDLE: Final = 0
HEAD: Final = 1
BODY: Final = 2
SMALL_BODY: Final = 64 << 10
"""Bodies up to this size may use the reserve, so that large ones do not keep them out."""
_FRAMING: Final = 8
_FRAMING_SLACK: Final = 256 << 10
_ONCE: Final = frozenset(
    {b"host", b"content-length", b"content-type", b"content-encoding", b"transfer-encoding"}
)
_MOST_HEADERS: Final = 100


class RequestReader:
    """Parses one connection. Its callbacks have the names that the parser looks for."""

    def __init__(
        self,
        limits: Limits,
        memory: Memory,
        take: Callable[[Request], None],
        expects: Callable[[], None],
    ) -> None:
        """`take` gets each request; `expects` is told when a client waits for `100 Continue`."""
        self._limits = limits
        self._head_bytes = limits.head_bytes
        self._memory = memory
        self._take = take
        self._expects = expects
        self._parser = httptools.HttpRequestParser(self)
        self.phase = IDLE
        self.ended = False
        """A request has come that is to be the last."""
        self.size = 0
        """Bytes of the present body that have come."""
        self._fresh = True
        self._fed = 0
        self._head = 0
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._parts: list[bytes] = []
        self.request: Request | None = None
        """The one whose body is coming."""

    def feed(self, data: bytes) -> None:
        """Take what has come.

        Raises:
            RequestError: this is no request, or too large a one; nothing more can be read.
        """
        if self.ended:
            return  # what follows the last request
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError as error:
            if isinstance(error.__context__, RequestError):
                raise error.__context__ from None
            raise
        except httptools.HttpParserError as error:
            if self._has_ended():
                return
            raise RequestError(
                400, "bad_request", f"this cannot be read as HTTP/1.1: {error}"
            ) from None
        if self.phase:
            self._check_framing(len(data))

    def _has_ended(self) -> bool:
        """Asked anew: what was fed may have changed it, which no type checker sees."""
        return self.ended

    def drop(self) -> None:
        """Free what is held for a request that has not come whole."""
        if self.request is not None:
            self._memory.held -= self.request.held
        self.request = None
        self._parts = []
        self.phase = IDLE

    def _check_framing(self, size: int) -> None:
        """Bound what comes beside the body: the parser keeps a header until it is whole."""
        if self._fresh:
            self._fresh = False  # some of these bytes may belong to the request before
            return
        self._fed += size
        if self.phase == HEAD:
            if self._fed > self._limits.head_bytes:
                raise self._large_head()
        elif self._fed > self._limits.head_bytes + _FRAMING_SLACK + _FRAMING * self.size:
            raise RequestError(400, "bad_request", "the body comes in too small chunks")

    def on_message_begin(self) -> None:
        """A request line begins."""
        self.phase = HEAD
        self.size = self._fed = self._head = 0
        self._fresh = True
        self._target = b""
        self._headers = {}

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        target = self._target = self._target + url
        if len(target) > self._limits.target_bytes:
            raise RequestError(
                414,
                "target_too_long",
                f"the path and query are longer than {self._limits.target_bytes} bytes",
            )

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which says nothing here."""
        head = self._head = self._head + len(name) + len(value)
        if head > self._head_bytes:
            raise self._large_head()
        if self.phase == BODY:
            return
        name = name.lower()
        headers = self._headers
        if name not in headers:
            headers[name] = value
        elif name in _ONCE:
            raise RequestError(400, "bad_request", f"the header {name.decode()} comes twice")

    def on_headers_complete(self) -> None:
        """The head has come."""
        headers = self._headers
        if len(headers) > _MOST_HEADERS:
            raise self._large_head()
        parser = self._parser
        if b"host" not in headers and parser.get_http_version() != "1.0":
            raise RequestError(400, "bad_request", "the request lacks HTTP/1.1 or its Host header")
        if parser.should_upgrade():
            raise RequestError(400, "bad_request", "only HTTP/1.1 is spoken here; do not upgrade")
        request = Request(parser.get_method().decode(), self._target, headers)
        self.request = request
        self.phase = BODY
        if b"transfer-encoding" in headers and headers[b"transfer-encoding"].lower() != b"chunked":
            raise RequestError(400, "bad_request", "Transfer-Encoding must be chunked or absent")
        # The parser has made sure that a length is a number.
        length = int(headers.get(b"content-length", b"0"))
        if length > self._limits.body_bytes:
            request.problem = too_large(self._limits.body_bytes)
            if b"expect" in headers or length > self._most_drained():
                raise request.problem
        if b"expect" in headers:
            if headers[b"expect"].lower() != b"100-continue":
                raise RequestError(417, "expectation_failed", "Expect must be 100-continue")
            self._expects()

    def on_body(self, data: bytes) -> None:
        """A part of the body: kept while there is room, else thrown away."""
        request = self.request
        assert request is not None  # noqa: S101 -- the head came before
        size = self.size = self.size + len(data)
        if request.problem is None:
            memory = self._memory
            held = memory.held + len(data)
            if size > self._limits.body_bytes:
                self._refuse(request, too_large(self._limits.body_bytes))
            elif held > memory.limit and (
                size > SMALL_BODY or held > memory.limit + memory.reserve
            ):
                self._refuse(request, _no_memory())
            else:
                memory.held = held
                request.held += len(data)
                self._parts.append(data)
                return
        if size > self._most_drained():
            raise request.problem or too_large(self._limits.body_bytes)

    def on_message_complete(self) -> None:
        """The body has come."""
        request, parts = self.request, self._parts
        assert request is not None  # noqa: S101 -- the head came before
        self.request = None
        self.phase = IDLE
        if parts:
            request.body = parts[0] if len(parts) == 1 else b"".join(parts)
            self._parts = []
        if not self._parser.should_keep_alive():
            request.keep_alive = False
            self.ended = True
        self._take(request)

    def _refuse(self, request: Request, problem: RequestError) -> None:
        """Let go of a body; the rest of it is thrown away as it comes."""
        request.problem = problem
        self._memory.held -= request.held
        request.held = 0
        self._parts = []

    def _most_drained(self) -> int:
        return self._limits.body_bytes + self._limits.drained_bytes

    def _large_head(self) -> RequestError:
        return RequestError(
            431,
            "headers_too_large",
            f"the headers are more than {_MOST_HEADERS} or {self._limits.head_bytes} bytes",
        )


def _no_memory() -> RequestError:
    return RequestError(503, "unavailable", "too many bodies are being read; try again later")
