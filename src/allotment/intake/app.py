"""The intake as an RSGI application: routes, limits, answers.

`allotment.intake.app:app` is what a server loads; it reads the settings from the environment when
the first worker starts.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from granian.rsgi import HTTPProtocol, Scope  # type: ignore[attr-defined] # it is public

from allotment import __version__
from allotment.contract.schemas import SchemaRepository
from allotment.contract.tables import REJECTED
from allotment.intake import answers
from allotment.intake.answers import Answer
from allotment.intake.body import BodyError, check_media_type, inflate, parse_events, too_large
from allotment.intake.pipeline import EventPipeline, rejected_record
from allotment.intake.stream_source import StreamSource, StreamState
from allotment.journal.protocol import JournalUnavailableError
from allotment.journal.segments import SegmentWriter
from allotment.settings import Settings, from_environ

EVENTS: Final = "/v1/events"
CACHE_FILE: Final = "intake-streams.json"
HASTY_BYTES: Final = 32 << 20
"""Hasty requests wait in memory; beyond this many bytes they are refused."""
_DRAINED_BYTES: Final = 32 << 20
_NOT_HASTY: Final = frozenset({"", "false", "0", "no"})
_LONGEST_REQUEST_ID: Final = 400


class IntakeApp:
    """One per worker process: makes its parts when the worker starts, closes them at its end."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Without settings, they are read from the environment when the worker starts."""
        self._settings = settings
        self._parts: _Parts | None = None

    def open(self) -> None:
        """Make the parts. A server that starts worker processes calls `__rsgi_init__` instead.

        Raises:
            JournalUnavailableError: the journal's folder cannot be used.
            SettingsError: a setting cannot be used.
        """
        if self._parts is None:
            self._parts = _Parts(self._settings or from_environ())

    def close(self) -> None:
        """Make durable what was handed over, and free the journal."""
        if self._parts is not None:
            self._parts.close()

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        del loop
        self.open()

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        del loop
        self.close()

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """Answer one request."""
        parts = self._parts
        assert parts is not None  # noqa: S101 -- the server calls __rsgi_init__ first
        path = scope.path
        if path != EVENTS:
            path = path.lower()
            if len(path) > 1 and path.endswith("/"):
                path = path[:-1]
        if path == EVENTS and scope.method == "POST":
            await parts.receive(scope, protocol)
        else:
            _send(protocol, parts.route(path, scope))


class _Parts:
    """What a worker works with."""

    def __init__(self, settings: Settings) -> None:
        self._max_body = settings.max_body_bytes
        self._pipeline = EventPipeline(SchemaRepository(settings.schema_paths))
        self._source = StreamSource(
            settings.registry_url,
            settings.cache_dir / CACHE_FILE,
            settings.config_refresh_seconds,
        )
        self._journal = SegmentWriter(settings.journal_dir)
        self._hasty_bytes = 0
        self._source.start()

    def close(self) -> None:
        self._source.close()
        self._journal.close()

    async def receive(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """`POST /v1/events`."""
        received = _now()
        body = b""
        try:
            check_media_type(scope.headers.get("content-type"))
            body = await self._read(scope, protocol)
            events = parse_events(body)
        except BodyError as error:
            if error.code == "malformed_json":
                line = rejected_record(received, error.code, body, errors=[error.detail])
                try:
                    await self._journal.append({REJECTED: [line]})
                except JournalUnavailableError as refused:
                    _send(protocol, _unavailable(scope, str(refused)))
                    return
            _send(protocol, _problem(scope, error.status, error.code, error.detail))
            return
        state = self._source.state
        if not state.known or not self._journal.available:
            _send(protocol, _unavailable(scope, "; ".join(self._reasons(state))))
            return
        if scope.query_string and is_hasty(scope.query_string):
            await self._hasty(scope, protocol, events, len(body), received)
            return
        answer = await self._store(scope, events, received)
        _send(protocol, answer)

    async def _hasty(
        self, scope: Scope, protocol: HTTPProtocol, events: list[Any], size: int, received: str
    ) -> None:
        """Answer first, work after; but only so much of it at once."""
        if self._hasty_bytes and self._hasty_bytes + size > HASTY_BYTES:
            _send(protocol, _unavailable(scope, "too many hasty requests wait already"))
            return
        self._hasty_bytes += size
        try:
            _send(protocol, answers.HASTY)
            await self._store(scope, events, received)
        finally:
            self._hasty_bytes -= size

    async def _store(self, scope: Scope, events: list[Any], received: str) -> Answer:
        """Process events, make all that must be kept durable, and only then say so."""
        outcome = self._pipeline.process(
            events, self._source.state.streams, received=received, request_id=_request_id(scope)
        )
        try:
            await self._journal.append(outcome.records)
        except JournalUnavailableError as error:
            return _unavailable(scope, str(error))
        return answers.outcome_answer(outcome.accepted, outcome.invalid, outcome.errors)

    async def _read(self, scope: Scope, protocol: HTTPProtocol) -> bytes:
        """The body, never more of it than the limit."""
        headers = scope.headers
        length = headers.get("content-length")
        if length is not None and length.isdecimal() and int(length) <= self._max_body:
            body: bytes = await protocol()
        else:
            body = await _read_chunks(protocol, self._max_body)
        encoding = headers.get("content-encoding")
        return inflate(body, encoding, self._max_body) if encoding else body

    def route(self, path: str, scope: Scope) -> Answer:
        """Everything but the events themselves."""
        if path == EVENTS:
            if scope.method == "OPTIONS":
                return answers.PREFLIGHT
            return answers.problem(
                405,
                "method_not_allowed",
                "events are sent by POST",
                method=scope.method,
                uri=scope.path,
                extra=[("allow", "POST, OPTIONS")],
            )
        if scope.method in {"GET", "HEAD"}:
            if path == "/healthz":
                return answers.json_answer(200, {"status": "ok"})
            if path == "/readyz":
                return self._ready()
            if path == "/_info":
                return self._info()
            if path == "/v1/stream-configs":
                configs = self._source.state.streams
                return answers.json_answer(200, {n: dict(c.settings) for n, c in configs.items()})
        return _problem(scope, 404, "not_found", "there is nothing here; events go to /v1/events")

    def _reasons(self, state: StreamState) -> list[str]:
        reasons = []
        if not state.known:
            cause = f" ({self._source.last_error})" if self._source.last_error else ""
            reasons.append(f"no stream configuration has been received yet{cause}")
        if not self._journal.available:
            reasons.append(self._journal.failure or "the journal is closed")
        return reasons

    def _configuration(self, state: StreamState) -> dict[str, Any]:
        age = state.age(time.time())
        return {
            "version": state.version,
            "age_seconds": None if age is None else round(age, 3),
            "streams": len(state.streams),
            "problems": list(state.problems),
            "last_error": self._source.last_error,
        }

    def _ready(self) -> Answer:
        state = self._source.state
        reasons = self._reasons(state)
        found = {
            "status": "not ready" if reasons else "ready",
            "reasons": reasons,
            "stream_configuration": self._configuration(state),
        }
        return answers.json_answer(503 if reasons else 200, found)

    def _info(self) -> Answer:
        return answers.json_answer(
            200,
            {
                "name": "allotment-intake",
                "version": __version__,
                "description": "Accepts events, holds them to their schemas and keeps them.",
                "journal_partition": self._journal.number,
                "stream_configuration": self._configuration(self._source.state),
            },
        )


async def _read_chunks(protocol: HTTPProtocol, max_bytes: int) -> bytes:
    """A body of unknown length. One that is too large is read on for a while and thrown away.

    A client that is still writing would see a broken connection instead of the answer.
    """
    kept = bytearray()
    size = 0
    async for chunk in protocol:
        size += len(chunk)
        if size <= max_bytes:
            kept += chunk
        elif size > _DRAINED_BYTES + max_bytes:
            break
    if size > max_bytes:
        raise too_large(max_bytes)
    return bytes(kept)


def is_hasty(query: str) -> bool:
    """Whether the client asked not to wait: `hasty=true`; `false`, `0`, `no` and nothing are no."""
    values = [value for name, value in parse_qsl(query) if name == "hasty"]
    return any(value.lower() not in _NOT_HASTY for value in values)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def _request_id(scope: Scope) -> str | None:
    given = scope.headers.get("x-request-id")
    return given[:_LONGEST_REQUEST_ID] if given else None


def _send(protocol: HTTPProtocol, answer: Answer) -> None:
    if answer.body:
        protocol.response_bytes(answer.status, answer.headers, answer.body)
    else:
        protocol.response_empty(answer.status, answer.headers)


def _problem(scope: Scope, status: int, code: str, detail: str) -> Answer:
    return answers.problem(status, code, detail, method=scope.method, uri=scope.path)


def _unavailable(scope: Scope, detail: str) -> Answer:
    return answers.unavailable(detail, method=scope.method, uri=scope.path)


app = IntakeApp()
