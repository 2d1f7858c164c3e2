"""Requests for events, from the body to the answer: process, make durable, and only then say so.

A request of the usual size is processed within the call that brings it. A large one is worked on in
slices between which the others have their turn, one large one at a time: so none waits long behind
it, and no more than one is held in memory as objects, which take many times the bytes.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

from allotment.contract.counting import LOST, UNKNOWN_STREAM, minute_of
from allotment.contract.masking import Masker
from allotment.contract.tables import REJECTED
from allotment.contract.times import now_text
from allotment.intake import answers
from allotment.intake.answers import Answer
from allotment.intake.body import Inflation, check_media_type, is_packed, parse_events
from allotment.intake.connection import Reply
from allotment.intake.enrichment import named_in
from allotment.intake.identifiers import IdentifierSource
from allotment.intake.metrics import Metrics
from allotment.intake.outcome import Outcome
from allotment.intake.pipeline import EventPipeline
from allotment.intake.rejected_rows import rejected_body
from allotment.intake.request import Request, RequestError
from allotment.intake.senders import Sender, sender
from allotment.intake.stream_source import StreamSource
from allotment.journal.protocol import JournalUnavailableError
from allotment.journal.segments import SegmentWriter

HASTY_BYTES: Final = 32 << 20
"""Hasty requests wait in memory; beyond this many bytes they are refused."""
LARGE_BYTES: Final = 64 << 10
"""Events of so many bytes are processed in one go: some half a millisecond."""
SLICE_SECONDS: Final = 0.001
"""About so long events of a large body are processed between pauses."""
_INFLATE_BYTES: Final = 256 << 10
_NOT_HASTY: Final = frozenset({"", "false", "0", "no"})
_LONGEST_REQUEST_ID: Final = 400

_log = logging.getLogger(__name__)


class Exchange:
    """One request for events and how far it has come."""

    __slots__ = ("done", "events", "hasty", "received", "reply", "request", "started")

    def __init__(self, request: Request, reply: Reply) -> None:
        self.request = request
        self.reply: Reply | None = reply
        """None once it was answered."""
        self.started = time.perf_counter()
        self.received = now_text()
        self.hasty = 0
        """How many bytes wait for a request that was answered before it was worked on."""
        self.events = 0
        self.done = False

    def sender(self) -> Sender:
        """The client library that sent it."""
        return sender(self.request.header, self.request.query)


class Receiver:
    """`POST /v1/events`."""

    def __init__(
        self,
        pipeline: EventPipeline,
        source: StreamSource,
        journal: SegmentWriter,
        metrics: Metrics,
        masker: Masker,
        *,
        max_body: int,
        reasons: Callable[[], list[str]],
    ) -> None:
        """`reasons` says why no event can be taken now; empty where it can."""
        self._pipeline = pipeline
        self._source = source
        self._journal = journal
        self._metrics = metrics
        self._masker = masker
        self._max_body = max_body
        self._reasons = reasons
        self._identifiers = IdentifierSource()
        self.hasty_bytes = 0
        """Answered 202 and not done with."""
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._large = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: set[str] = set()

    def receive(self, request: Request, reply: Reply) -> None:
        """Take a request; it is answered within the call or later. Never raises."""
        exchange = Exchange(request, reply)
        self._under_way += 1
        try:
            self._begin(exchange)
        except Exception as error:  # noqa: BLE001 -- no request may take the others with it
            self._fail(exchange, error)

    def guard(self, request: Request, reply: Reply, work: Callable[[Request], Answer]) -> None:
        """Answer a request that brings no events. Never raises."""
        try:
            answer = work(request)
        except Exception as error:  # noqa: BLE001 -- as above
            self._tell(error)
            answer = _failure(request)
        reply(answer)

    async def drained(self) -> None:
        """Return when nothing is under way, hasty requests included."""
        self._idle.clear()
        while self._under_way:
            await self._idle.wait()
            self._idle.clear()

    def _begin(self, exchange: Exchange) -> None:
        request = exchange.request
        body = request.body
        try:
            if request.problem is not None:
                raise request.problem
            check_media_type(request.headers.get(b"content-type"))
            encoding = request.headers.get(b"content-encoding")
            if encoding is not None and is_packed(encoding):
                inflation = Inflation(body, encoding, self._max_body)
                if not inflation.step(LARGE_BYTES):
                    # What is made so far is dropped: kept for all that wait it could be much.
                    fresh = Inflation(body, encoding, self._max_body)
                    self._start(exchange, self._work_on_large(exchange, body, fresh))
                    return
                body = inflation.data()
            if len(body) > LARGE_BYTES:
                self._start(exchange, self._work_on_large(exchange, body, None))
                return
            events = parse_events(body)
        except RequestError as error:
            self._refuse(exchange, error, body)
            return
        if self._admit(exchange, events, len(body)):
            self._keep(exchange, self._process(exchange, events))

    # Large bodies.

    def _start(self, exchange: Exchange, work: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001 -- as above
                self._fail(exchange, error)

        task = asyncio.get_running_loop().create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work_on_large(
        self, exchange: Exchange, body: bytes, inflation: Inflation | None
    ) -> None:
        async with self._large:
            try:
                if inflation is not None:
                    while not inflation.step(_INFLATE_BYTES):  # noqa: ASYNC110 -- others' turn
                        await asyncio.sleep(0)
                    body = inflation.data()
                events = parse_events(body)  # in one go: no parser can be interrupted
            except RequestError as error:
                self._refuse(exchange, error, body)
                return
            await asyncio.sleep(0)
            if not self._admit(exchange, events, len(body)):
                return
            outcome = await self._process_in_slices(exchange, events)
        self._keep(exchange, outcome)

    async def _process_in_slices(self, exchange: Exchange, events: Sequence[Any]) -> Outcome:
        """Process events with pauses; a slice shrinks and grows with the time that they take."""
        request_id = _request_id(exchange.request) or self._identifiers.new()
        outcome = self._process(exchange, events[:1], None, request_id)
        at, step = 1, 1
        while at < len(events):
            began = time.perf_counter()
            outcome = self._process(exchange, events[at : at + step], outcome, request_id)
            at += step
            took = time.perf_counter() - began
            step = max(1, min(2 * step, int(step * SLICE_SECONDS / took)))
            await asyncio.sleep(0)
        return outcome

    # Steps.

    def _admit(self, exchange: Exchange, events: Sequence[Any], size: int) -> bool:
        """Whether to work on events now; a hasty request is answered here, before the work."""
        if not self._source.state.known or not self._journal.available:
            self._finish(exchange, self._unavailable(exchange, "; ".join(self._reasons())))
            return False
        exchange.events = len(events)
        query = exchange.request.query
        if query and is_hasty(query):
            if self.hasty_bytes and self.hasty_bytes + size > HASTY_BYTES:
                detail = "too many hasty requests wait already"
                self._finish(exchange, self._unavailable(exchange, detail))
                return False
            exchange.hasty = size
            self.hasty_bytes += size
            self._answer(exchange, answers.HASTY)
        return True

    def _process(
        self,
        exchange: Exchange,
        events: Sequence[Any],
        outcome: Outcome | None = None,
        request_id: str | None = None,
    ) -> Outcome:
        request = exchange.request
        return self._pipeline.process(
            events,
            self._source.state.streams,
            received=exchange.received,
            request_id=request_id or _request_id(request),
            header=request.header,
            named=named_in(request.query) if request.query else None,
            sender=exchange.sender,
            outcome=outcome,
        )

    def _keep(self, exchange: Exchange, outcome: Outcome) -> None:
        """Make durable what became of the events, then answer."""
        outcome.finish()
        exchange.request.body = b""
        records, outcome.records = outcome.records, {}  # the journal's from here on
        self._journal.submit(records, outcome.tally, partial(self._kept, exchange, outcome))

    def _kept(
        self, exchange: Exchange, outcome: Outcome, error: JournalUnavailableError | None
    ) -> None:
        try:
            # Of an append that failed some topics may be durable, and are in the journal's tally:
            # metrics must say the same.
            for topic, counts in outcome.tally.items():
                if error is None or topic not in error.topics:
                    self._metrics.stored(counts)
            if error is None:
                answer = _told(exchange.request, outcome)
            else:
                if exchange.reply is None:
                    lost = outcome.lost(error.topics)
                    self._metrics.lost(sum(lost.values()))
                    self._journal.count(lost)
                answer = self._unavailable(exchange, str(error))
        except Exception as fault:  # noqa: BLE001 -- as above
            self._fail(exchange, fault)
            return
        self._finish(exchange, answer)

    def _refuse(self, exchange: Exchange, error: RequestError, body: bytes) -> None:
        """Answer what holds no events; what could not be parsed is kept first."""
        request = exchange.request
        answer = answers.refusal(error, method=request.method, uri=request.path)
        if error.code != "malformed_json":
            self._finish(exchange, answer)
            return
        line = rejected_body(
            exchange.received, error.code, body, self._masker, exchange.sender(), error.detail
        )
        told = partial(self._kept_malformed, exchange, answer, error.code)
        self._journal.submit({REJECTED: [line]}, None, told)

    def _kept_malformed(
        self, exchange: Exchange, answer: Answer, code: str, error: JournalUnavailableError | None
    ) -> None:
        if error is None:
            self._metrics.stored({(UNKNOWN_STREAM, minute_of(exchange.received), code): 1})
        else:
            answer = self._unavailable(exchange, str(error))
        self._finish(exchange, answer)

    # Ends.

    def _answer(self, exchange: Exchange, answer: Answer) -> None:
        reply, exchange.reply = exchange.reply, None
        if reply is not None:
            self._metrics.answered(answer.status, time.perf_counter() - exchange.started)
            reply(answer)

    def _finish(self, exchange: Exchange, answer: Answer) -> None:
        """Answer, unless that was done before the work, and count the request as done."""
        if exchange.done:
            return
        exchange.done = True
        self._answer(exchange, answer)
        self.hasty_bytes -= exchange.hasty
        self._under_way -= 1
        if not self._under_way:
            self._idle.set()

    def _fail(self, exchange: Exchange, error: Exception) -> None:
        """A defect of ours: nothing was acknowledged."""
        self._tell(error)
        if exchange.reply is None and not exchange.done:
            self._metrics.lost(exchange.events)
            minute = minute_of(exchange.received)
            self._journal.count({(UNKNOWN_STREAM, minute, LOST): exchange.events})
        self._finish(exchange, _failure(exchange.request))

    def _tell(self, error: Exception) -> None:
        """Log a defect with its trace: once, not once a request."""
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        kind = f"{type(error).__name__} {place}"
        if kind not in self._failures:
            self._failures.add(kind)
            _log.error("a request failed; others like it are not told again", exc_info=error)

    def _unavailable(self, exchange: Exchange, detail: str) -> Answer:
        request = exchange.request
        return answers.unavailable(detail, method=request.method, uri=request.path)


def _told(request: Request, outcome: Outcome) -> Answer:
    """What became of the events, which are durable now."""
    if not outcome.invalid and not outcome.errors:
        return answers.CREATED
    return answers.outcome_answer(
        outcome.accepted,
        outcome.invalid,
        outcome.errors,
        outcome.reasons(),
        method=request.method,
        uri=request.path,
    )


def _failure(request: Request) -> Answer:
    return answers.problem(
        500,
        "internal_error",
        "the intake failed here and has kept nothing; its log says why",
        method=request.method,
        uri=request.path,
    )


def is_hasty(query: str) -> bool:
    """Whether the client asked not to wait: `hasty=true`; `false`, `0`, `no` and nothing are no."""
    values = [value for name, value in parse_qsl(query) if name == "hasty"]
    return any(value.lower() not in _NOT_HASTY for value in values)


def _request_id(request: Request) -> str | None:
    given = request.headers.get(b"x-request-id")
    return given.decode("utf-8", "replace")[:_LONGEST_REQUEST_ID] if given else None
