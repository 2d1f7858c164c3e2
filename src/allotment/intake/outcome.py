"""What became of the events of one request: what to keep, what to answer, what to count."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias
from uuid import uuid4

import orjson

from allotment.contract.counting import ACCEPTED, LOST, UNKNOWN_STREAM, Count, minute_of
from allotment.contract.masking import SEALED, Masker
from allotment.contract.tables import REJECTED
from allotment.contract.validator import Violation, error_texts, errors_text
from allotment.intake.senders import NOBODY, Sender, nobody

RAW_BYTES: Final = 64 * 1024
"""A rejected event is kept up to this size."""
ERROR_CHARACTERS: Final = 64 * 1024
"""Of what is wrong with it so much is kept: the texts name fields, and clients make up names."""
LONGEST_NAME: Final = 255
"""Of a stream or a schema that an event names, so many characters are kept beside it."""
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


@dataclass(slots=True)
class Outcome:
    """What became of the events of one request, in their order."""

    received: str
    masker: Masker
    """Of what is kept of the rejected ones."""
    streams: Container[str] = ()
    """The names that are configured."""
    sender: Callable[[], Sender] = nobody
    """Asked only where an event is rejected."""
    records: dict[str, list[bytes]] = field(default_factory=dict)
    """By topic, for the journal: the accepted events, under `rejected` the others with masks, and
    under `sealed` what the masks hide."""
    accepted: int = 0
    invalid: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    """By stream and outcome: `accepted`, or the reason of the rejection."""
    tally: dict[str, dict[Count, int]] = field(default_factory=dict)
    """For the journal: by topic the same of its records, by minute too."""

    _topic: str = ""
    _stream: str = ""
    _time: object = None
    _run: int = 0
    _listed: int = 0

    def accept(self, topic: str, stream: str, time: object, line: bytes) -> None:
        """Take an event, written out as a line; its time is `meta.dt`."""
        if stream != self._stream or time != self._time or topic != self._topic:
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
        if self._run:
            self.accepted += self._run
            self._count(self._topic, self._stream, self._time, ACCEPTED, self._run)
            self._run = 0

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

    def _count(self, topic: str, stream: str, time: object, what: str, events: int) -> None:
        self.counts[stream, what] = self.counts.get((stream, what), 0) + events
        of_topic = self.tally.setdefault(topic, {})
        key = (stream, minute_of(time), what)
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
        raw, can_be_shown = _written(event)
        if len(raw) > RAW_BYTES:
            kept, hidden = self.masker.text(_head(raw)).encode(), dict[str, str]()
        elif not can_be_shown:
            kept, hidden = self.masker.text(raw.decode()).encode(), {}
        else:
            kept, hidden = self.masker.event(event, raw)
        identifier = str(uuid4())
        known = stream is not None and stream in self.streams
        counted_as = stream if stream is not None and known else UNKNOWN_STREAM
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
            errors=_as_many(self.masker.text(error) for error in errors),
        )
        self.records.setdefault(REJECTED, []).append(line)
        if hidden and len(kept) <= RAW_BYTES:
            sealed = sealed_record(identifier, self.received, hidden)
            self.records.setdefault(SEALED, []).append(sealed)
        self._count(REJECTED, counted_as, self.received, reason, 1)
        return event if can_be_shown else None


def rejected_record(
    received: str,
    reason: str,
    raw: bytes,
    *,
    identifier: str | None = None,
    size: int | None = None,
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
        raw: the event as JSON, or the body where it was none, with masks; cut to `RAW_BYTES`.
        identifier: a UUID; made up if None.
        size: of the whole, where `raw` is not as long.
        counted_as: the stream that the metrics count it under.
        stream: what the event names as its stream, configured or not.
        schema: what it names as its schema.
        sender: the client library that sent it.
        errors: what was wrong, as texts.
    """
    size = len(raw) if size is None else size
    return orjson.dumps(
        {
            "id": identifier or str(uuid4()),
            "received": received,
            "counted_as": counted_as,
            "stream": stream[:LONGEST_NAME] if stream is not None else None,
            "schema": schema[:LONGEST_NAME] if schema is not None else None,
            "sdk": sender.sdk,
            "sdk_version": sender.version,
            "reason": reason,
            "errors": list(errors),
            "size": size,
            "truncated": size > RAW_BYTES or len(raw) > RAW_BYTES,
            "raw": raw[:RAW_BYTES].decode("utf-8", "replace"),
        }
    )


def rejected_body(
    received: str, reason: str, body: bytes, masker: Masker, sender: Sender, error: str
) -> bytes:
    """One line of the topic `rejected` for a body that holds no events."""
    raw = masker.text(_head(body), dotted=True).encode()
    return rejected_record(
        received, reason, raw, size=len(body), sender=sender, errors=[masker.text(error)]
    )


def sealed_record(identifier: str, received: str, hidden: Mapping[str, str]) -> bytes:
    """One line of the topic `sealed`: what the masks of one rejected event hide, by pointer."""
    return orjson.dumps({"id": identifier, "received": received, "values": hidden})


def _written(event: Json) -> tuple[bytes, bool]:
    """The event as JSON, and whether it can be written into an answer, some levels down.

    Nothing of one that is nested more deeply than anything here can write.
    """
    try:
        return orjson.dumps([[[[event]]]])[4:-4], True
    except TypeError:
        pass
    try:
        return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode(), False
    except RecursionError:
        return b"", False


def _as_many(texts: Iterable[str]) -> list[str]:
    """The first texts, the last of them cut, within `ERROR_CHARACTERS`."""
    kept: list[str] = []
    room = ERROR_CHARACTERS
    for text in texts:
        if room <= 0:
            break
        kept.append(text[:room])
        room -= len(text)
    return kept


def _head(raw: bytes) -> str:
    return raw[:RAW_BYTES].decode("utf-8", "replace")
