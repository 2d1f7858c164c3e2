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

from allotment.contract.masking import Masker, lab_key
from allotment.contract.schemas import SchemaRepository
from allotment.contract.tables import REJECTED
from allotment.intake import answers
from allotment.intake.answers import Answer
from allotment.intake.body import BodyError, check_media_type, inflate, parse_events, too_large
from allotment.intake.metrics import Metrics
from allotment.intake.outcome import UNKNOWN_STREAM, rejected_body
from allotment.intake.pipeline import EventPipeline
from allotment.intake.plans import SchemaWatch
from allotment.intake.routes import Routes, takes_events
from allotment.intake.senders import sender
from allotment.intake.stream_source import StreamSource
from allotment.journal.protocol import JournalUnavailableError
from allotment.journal.segments import SegmentWriter
from allotment.settings import Settings, from_environ

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
        if scope.method == "POST" and takes_events(scope.path):
            await parts.receive(scope, protocol)
        else:
            _send(protocol, parts.routes.answer(scope))


class _Parts:
    """What a worker works with."""

    def __init__(self, settings: Settings) -> None:
        self._max_body = settings.max_body_bytes
        self._masker = Masker(lab_key(settings.masking_key))
        self._pipeline = EventPipeline(SchemaRepository(settings.schema_paths), self._masker)
        self._source = StreamSource(
            settings.registry_url,
            settings.cache_dir / CACHE_FILE,
            settings.config_refresh_seconds,
        )
        self._watch = SchemaWatch(self._pipeline.schemas, settings.config_refresh_seconds)
        self._journal = SegmentWriter(settings.journal_dir)
        self._metrics = Metrics()
        self.routes = Routes(self._source, self._pipeline.schemas, self._journal, self._metrics)
        self._hasty_bytes = 0
        self._source.start()
        self._watch.start()

    def close(self) -> None:
        self._source.close()
        self._watch.close()
        self._journal.close()

    async def receive(self, scope: Scope, protocol: HTTPProtocol) -> None:
        """`POST /v1/events`."""
        started = time.perf_counter()
        received = _now()
        events, size, refused = await self._events(scope, protocol, received)
        hasty = refused is None and bool(scope.query_string) and is_hasty(scope.query_string)
        if refused is not None:
            answer = refused
        elif hasty:
            answer = self._admit(scope, size)
        else:
            answer = await self._store(scope, events, received)
        _send(protocol, answer)
        self._metrics.answered(answer.status, time.perf_counter() - started)
        if hasty and answer is answers.HASTY:
            try:
                answer = await self._store(scope, events, received)
            finally:
                self._hasty_bytes -= size
            if answer.status == answers.UNAVAILABLE:
                self._metrics.lost(len(events))

    async def _events(
        self, scope: Scope, protocol: HTTPProtocol, received: str
    ) -> tuple[list[Any], int, Answer | None]:
        """The events of a request and how many bytes they took, or what to answer instead."""
        body = b""
        try:
            check_media_type(scope.headers.get("content-type"))
            body = await self._read(scope, protocol)
            events = parse_events(body)
        except BodyError as error:
            if error.code == "malformed_json":
                line = rejected_body(
                    received,
                    error.code,
                    body,
                    self._masker,
                    sender(scope.headers.get, scope.query_string),
                    error.detail,
                )
                try:
                    await self._journal.append({REJECTED: [line]})
                except JournalUnavailableError as refused:
                    return [], 0, _unavailable(scope, str(refused))
                self._metrics.stored({(UNKNOWN_STREAM, error.code): 1})
            return [], 0, _problem(scope, error.status, error.code, error.detail)
        state = self._source.state
        if not state.known or not self._journal.available:
            return [], 0, _unavailable(scope, "; ".join(self.routes.reasons()))
        return events, len(body), None

    def _admit(self, scope: Scope, size: int) -> Answer:
        """Let a hasty request in: it is answered first and worked on after, in bounded memory."""
        if self._hasty_bytes and self._hasty_bytes + size > HASTY_BYTES:
            return _unavailable(scope, "too many hasty requests wait already")
        self._hasty_bytes += size
        return answers.HASTY

    async def _store(self, scope: Scope, events: list[Any], received: str) -> Answer:
        """Process events, make all that must be kept durable, and only then say so."""
        outcome = self._pipeline.process(
            events,
            self._source.state.streams,
            received=received,
            request_id=_request_id(scope),
            header=scope.headers.get,
            sender=lambda: sender(scope.headers.get, scope.query_string),
        )
        try:
            await self._journal.append(outcome.records)
        except JournalUnavailableError as error:
            return _unavailable(scope, str(error))
        self._metrics.stored(outcome.counts)
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
