"""What became of the events of one request: what to keep, what to answer, what to count."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from uuid import uuid4

import orjson

from allotment.contract.tables import REJECTED
from allotment.contract.validator import Violation, error_texts, errors_text
from allotment.intake.senders import NOBODY, Sender, nobody

RAW_BYTES: Final = 64 * 1024
"""A rejected event is kept up to this size."""
LONGEST_NAME: Final = 255
"""Of a stream or a schema that an event names, so many characters are kept beside it."""
UNKNOWN_STREAM: Final = "unknown"
"""What an event is counted under whose stream is not configured: clients make up no names here."""
ACCEPTED: Final = "accepted"
DEEP: Final = "nested_too_deeply"
DEEP_MESSAGE: Final = "the event is nested too deeply; some 250 levels can be kept"

Json: TypeAlias = Any


class RefusalError(Exception):
    """An event that cannot be held against a schema, or may not go where it wants."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(slots=True)
class Outcome:
    """What became of the events of one request, in their order."""

    received: str
    streams: Container[str] = ()
    """The names that are configured."""
    sender: Callable[[], Sender] = nobody
    """Asked only where an event is rejected."""
    records: dict[str, list[bytes]] = field(default_factory=dict)
    """By topic, for the journal: the accepted events, and under `rejected` the others."""
    accepted: int = 0
    invalid: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    """By stream and outcome: `accepted`, or the reason of the rejection."""

    _stream: str = ""
    _run: int = 0

    def accept(self, topic: str, stream: str, line: bytes) -> None:
        """Take an event, written out as a line."""
        if stream != self._stream:
            self.settle()
            self._stream = stream
        self._run += 1
        lines = self.records.get(topic)
        if lines is None:
            self.records[topic] = [line]
        else:
            lines.append(line)

    def settle(self) -> None:
        """Bring the counts of accepted events up to date; those of one stream come in runs."""
        if self._run:
            self.accepted += self._run
            self.count(self._stream, ACCEPTED, self._run)
            self._run = 0

    def count(self, stream: str, what: str, events: int = 1) -> None:
        """Add to `counts`."""
        key = (stream, what)
        self.counts[key] = self.counts.get(key, 0) + events

    def refuse(self, event: Json, refusal: RefusalError) -> None:
        """Note an event that was not held against a schema, or may not go where it wants."""
        shown = None if refusal.code == DEEP else event  # the one cannot be written out
        self.errors.append(
            {"status": "error", "event": shown, "context": {"message": refusal.message}}
        )
        self._keep(event, refusal.code, [refusal.message])

    def invalidate(self, event: Json, violations: Sequence[Violation]) -> None:
        """Note an event that breaks its schema."""
        self.invalid.append(
            {
                "status": "invalid",
                "event": event,
                "context": {
                    "errors": [violation.as_dict() for violation in violations],
                    "errorsText": errors_text(violations),
                },
            }
        )
        self._keep(event, "invalid", error_texts(violations))

    def _keep(self, event: Json, reason: str, errors: Sequence[str]) -> None:
        schema = stream = None
        if type(event) is dict:
            schema = event.get("$schema")
            meta = event.get("meta")
            stream = meta.get("stream") if type(meta) is dict else None
        if type(stream) is not str:
            stream = None
        try:
            raw = orjson.dumps(event)
        except TypeError:
            raw = b""  # nested too deeply to be written out by anything here
        known = stream is not None and stream in self.streams
        counted_as = stream if stream is not None and known else UNKNOWN_STREAM
        line = rejected_record(
            self.received,
            reason,
            raw,
            counted_as=counted_as,
            stream=stream,
            schema=schema if type(schema) is str else None,
            sender=self.sender(),
            errors=errors,
        )
        self.records.setdefault(REJECTED, []).append(line)
        self.count(counted_as, reason)


def rejected_record(
    received: str,
    reason: str,
    raw: bytes,
    *,
    counted_as: str = UNKNOWN_STREAM,
    stream: str | None = None,
    schema: str | None = None,
    sender: Sender = NOBODY,
    errors: Sequence[str] = (),
) -> bytes:
    """One line of the topic `rejected`: a row of `event.rejected`, under an id of its own.

    Args:
        received: when, RFC 3339 in UTC.
        reason: one of ours.
        raw: the event as JSON, or the body where it was none; cut to `RAW_BYTES` here.
        counted_as: the stream that the metrics count it under.
        stream: what the event names as its stream, configured or not.
        schema: what it names as its schema.
        sender: the client library that sent it.
        errors: what was wrong, as texts.
    """
    return orjson.dumps(
        {
            "id": str(uuid4()),
            "received": received,
            "counted_as": counted_as,
            "stream": stream[:LONGEST_NAME] if stream is not None else None,
            "schema": schema[:LONGEST_NAME] if schema is not None else None,
            "sdk": sender.sdk,
            "sdk_version": sender.version,
            "reason": reason,
            "errors": list(errors),
            "size": len(raw),
            "truncated": len(raw) > RAW_BYTES,
            "raw": raw[:RAW_BYTES].decode("utf-8", "replace"),
        }
    )
