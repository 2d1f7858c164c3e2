"""What became of the events of one request: what to keep, what to answer, what to count."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any, Final, TypeAlias
from uuid import uuid4

from allotment.contract.counting import (
    ACCEPTED,
    LOST,
    MINUTE_LENGTH,
    UNKNOWN_STREAM,
    Count,
    minute_of,
)
from allotment.contract.masking import SEALED, Masker
from allotment.contract.tables import RAW_BYTES, REJECTED
from allotment.contract.validator import Violation, error_texts, errors_text
from allotment.intake.rejected_rows import (
    SHORT_ERRORS,
    Room,
    as_many,
    head_of,
    rejected_record,
    sealed_record,
    written,
)
from allotment.intake.senders import Sender, nobody

DEEP: Final = "nested_too_deeply"
DEEP_MESSAGE: Final = "the event is nested too deeply; some 250 levels can be kept"

MOST_LISTED: Final = 5000
"""Once so many violations were listed of a request's events, the others show their first only."""

Json: TypeAlias = Any


class RefusalError(Exception):
    """An event that cannot be held against a schema, or may not go where it wants."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Outcome:
    """What became of the events of one request, in their order."""

    __slots__ = (
        *("_listed", "_room", "_run", "_stream", "_time", "_topic", "accepted", "errors"),
        *("invalid", "masker", "minute", "received", "records", "sender", "streams", "tally"),
    )

    def __init__(
        self,
        received: str,
        masker: Masker,
        streams: Container[str] = (),
        sender: Callable[[], Sender] = nobody,
    ) -> None:
        """Begin with no event.

        Args:
            received: when the request was, RFC 3339 in UTC with milliseconds.
            masker: of what is kept of rejected events.
            streams: the names that are configured.
            sender: asked only where an event is rejected.
        """
        self.received = received
        self.minute = received[:MINUTE_LENGTH]
        self.masker = masker
        self.streams = streams
        self.sender = sender
        self.records: dict[str, list[bytes]] = {}
        """By topic, for the journal: the accepted events, under `rejected` the others with masks,
        and under `sealed` what the masks hide."""
        self.accepted = 0
        self.invalid: list[dict[str, Any]] = []
        self.errors: list[dict[str, Any]] = []
        self.tally: dict[str, dict[Count, int]] = {}
        """By the topic of their records: how many events were accepted, or rejected and why."""
        self._topic = ""
        self._stream = ""
        self._time: object = None
        self._run = 0
        self._listed = 0
        self._room: Room | None = None

    def accept(self, topic: str, stream: str, time: object, line: bytes) -> None:
        """Take an event, written out as a line; its time is `meta.dt`."""
        if time != self._time or stream != self._stream or topic != self._topic:
            self.settle()
            self._topic, self._stream, self._time = topic, stream, time
        self._run += 1
        lines = self.records.get(topic)
        if lines is None:
            self.records[topic] = [line]
        else:
            lines.append(line)

    def settle(self) -> None:
        """Bring the counts of accepted events up to date; those of one kind come in runs."""
        run = self._run
        if run:
            self._run = 0
            self.accepted += run
            self._count(self._topic, self._stream, self._time, ACCEPTED, run)

    @property
    def may_list_all(self) -> bool:
        """Whether to list all that is wrong with the next invalid event, or the first alone."""
        return self._listed < MOST_LISTED

    def lost(self, topics: Container[str]) -> dict[Count, int]:
        """How many events were lost, where their records of these topics could not be kept."""
        found: dict[Count, int] = {}
        for topic, counts in self.tally.items():
            if topic in topics:
                for (stream, minute, _), events in counts.items():
                    key = (stream, minute, LOST)
                    found[key] = found.get(key, 0) + events
        return found

    def reasons(self) -> set[str]:
        """Why any event was rejected."""
        return {why for counts in self.tally.values() for _, _, why in counts} - {ACCEPTED}

    def _count(self, topic: str, stream: str, time: object, what: str, events: int) -> None:
        # Most events are given the time of their receipt, whose form is known.
        minute = self.minute if time == self.received else minute_of(time)
        key = (stream, minute, what)
        of_topic = self.tally.get(topic)
        if of_topic is None:
            self.tally[topic] = {key: events}
        else:
            of_topic[key] = of_topic.get(key, 0) + events

    def refuse(self, event: Json, refusal: RefusalError) -> None:
        """Note an event that was not held against a schema, or may not go where it wants."""
        shown = self._keep(event, refusal.code, [refusal.message])
        self.errors.append(
            {"status": "error", "event": shown, "context": {"message": refusal.message}}
        )

    def invalidate(self, event: Json, violations: Sequence[Violation]) -> None:
        """Note an event that breaks its schema."""
        self._listed += len(violations)
        shown = self._keep(event, "invalid", error_texts(violations))
        self.invalid.append(
            {
                "status": "invalid",
                "event": shown,
                "context": {
                    "errors": [violation.as_dict() for violation in violations],
                    "errorsText": errors_text(violations),
                },
            }
        )

    def _keep(self, event: Json, reason: str, errors: Sequence[str]) -> Json:
        """Record a rejected event; what an answer shows of it, None where it cannot be shown."""
        schema = stream = None
        if type(event) is dict:
            schema = event.get("$schema")
            meta = event.get("meta")
            stream = meta.get("stream") if type(meta) is dict else None
        if type(stream) is not str:
            stream = None
        raw, can_be_shown = written(event)
        known = stream is not None and stream in self.streams
        counted_as = stream if stream is not None and known else UNKNOWN_STREAM
        self._count(REJECTED, counted_as, self.received, reason, 1)
        room = self._room
        if room is None:
            room = self._room = Room()
        if room.grow(len(raw)):
            identifier = str(uuid4())
            kept, hidden = self._masked(event, raw, as_text=not can_be_shown)
            sealed = sealed_record(identifier, self.received, hidden) if hidden else b""
            texts = as_many(self.masker.text(error) for error in errors)
            short = [text[:SHORT_ERRORS] for text in texts[:1]]
            for some in (texts, short) if texts != short else (texts,):
                line = rejected_record(
                    self.received,
                    reason,
                    kept,
                    identifier=identifier,
                    size=len(raw),
                    counted_as=counted_as,
                    stream=stream,
                    schema=schema if type(schema) is str else None,
                    sender=self.sender(),
                    errors=some,
                )
                if room.take(len(line) + len(sealed)):
                    self.records.setdefault(REJECTED, []).append(line)
                    if sealed:
                        self.records.setdefault(SEALED, []).append(sealed)
                    return event if can_be_shown else None
        error = self.masker.text(errors[0][:RAW_BYTES])[:SHORT_ERRORS]
        room.count(counted_as, reason, len(raw), error)
        return event if can_be_shown else None

    def _masked(self, event: Json, raw: bytes, *, as_text: bool) -> tuple[bytes, dict[str, str]]:
        """What is kept of a rejected event, and what its masks hide."""
        if len(raw) > RAW_BYTES:
            return self.masker.text(head_of(raw)).encode(), {}
        if as_text:
            return self.masker.text(raw.decode()).encode(), {}
        kept, hidden = self.masker.event(event, raw)
        # What the masks have made too long is cut, and cannot be put together again.
        return kept, hidden if len(kept) <= RAW_BYTES else {}

    def finish(self) -> None:
        """Add the rows of what was counted and not kept; no event may follow."""
        if self._room is not None:
            rows = self._room.rows(self.received, self.sender)
            if rows:
                self.records.setdefault(REJECTED, []).extend(rows)
