"""The lines of the topic `rejected`, and how many of them one request may leave.

A refused event is kept whole. But a request of 20 kB can hold 10,000 of two bytes each, whose rows
would take 4 MB: so what is written of a request's refused events is bounded by their own size. What
goes beyond it is counted, in one row for each stream and reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from uuid import uuid4

import orjson

from allotment.contract.addresses import mask_addresses
from allotment.contract.counting import UNKNOWN_STREAM
from allotment.contract.masking import Masker
from allotment.contract.tables import LONGEST_NAME, RAW_BYTES
from allotment.intake.senders import NOBODY, Sender

ERROR_CHARACTERS: Final = 64 * 1024
"""Of what is wrong with it so much is kept: the texts name fields, and clients make up names."""
FREE_BYTES: Final = 64 * 1024
"""So much may be written of a request's rejected events, however small they are."""
TIMES: Final = 8
"""And so many times their own size. A row takes some 400 bytes beside the event."""
SHORT_ERRORS: Final = 256
"""Where there is no room for all errors, so many characters of the first are kept."""
_LEAST_ROW: Final = 250
_STANDS_FOR: Final = (
    f"stands for {{}} more events of one request, counted and not kept: of a request's rejected"
    f" events {FREE_BYTES} bytes and {TIMES} times their size are kept; the first of these:"
)

Json: TypeAlias = Any


@dataclass(slots=True)
class _Counted:
    """Events that are in no row of their own."""

    events: int
    size: int
    error: str
    """What was wrong with the first of them."""


class Room:
    """How much of one request's rejected events is written, and what is only counted."""

    def __init__(self) -> None:
        self._left = FREE_BYTES
        self._counted: dict[tuple[str, str], _Counted] = {}

    def grow(self, size: int) -> bool:
        """An event of so many bytes is rejected: whether there may be room for its row."""
        size = min(size, RAW_BYTES)
        self._left += TIMES * size
        return self._left >= size + _LEAST_ROW

    def take(self, size: int) -> bool:
        """Take room for lines of so many bytes, where there is as much."""
        if size > self._left:
            return False
        self._left -= size
        return True

    def count(self, counted_as: str, reason: str, size: int, error: str) -> None:
        """Count an event for which there is no room."""
        found = self._counted.get((counted_as, reason))
        if found is None:
            self._counted[counted_as, reason] = _Counted(1, size, error)
        else:
            found.events += 1
            found.size += size

    def rows(self, received: str, sender: Callable[[], Sender]) -> list[bytes]:
        """One line for each stream and reason of what was counted; it is then forgotten."""
        rows = [
            rejected_record(
                received,
                reason,
                b"",
                size=found.size,
                counted_as=counted_as,
                sender=sender(),
                errors=[
                    _STANDS_FOR.format(found.events),
                    found.error,
                ],
                events=found.events,
            )
            for (counted_as, reason), found in self._counted.items()
        ]
        self._counted.clear()
        return rows


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
    events: int | None = None,
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
        events: how many it stands for, none of which it holds; None for one that it holds.
    """
    size = len(raw) if size is None else size
    return orjson.dumps(
        {
            "id": identifier or str(uuid4()),
            "received": received,
            "counted_as": counted_as,
            "stream": mask_addresses(stream[:LONGEST_NAME]) if stream is not None else None,
            "schema": mask_addresses(schema[:LONGEST_NAME]) if schema is not None else None,
            "sdk": sender.sdk,
            "sdk_version": sender.version,
            "reason": reason,
            "errors": list(errors),
            "size": size,
            "truncated": events is not None or size > RAW_BYTES or len(raw) > RAW_BYTES,
            "raw": raw[:RAW_BYTES].decode("utf-8", "replace"),
            **({} if events is None else {"events": events}),
        }
    )


def rejected_body(
    received: str, reason: str, body: bytes, masker: Masker, sender: Sender, error: str
) -> bytes:
    """One line of the topic `rejected` for a body that holds no events."""
    raw = masker.text(head_of(body)).encode()
    return rejected_record(
        received, reason, raw, size=len(body), sender=sender, errors=[masker.text(error)]
    )


def sealed_record(identifier: str, received: str, hidden: Mapping[str, str]) -> bytes:
    """One line of the topic `sealed`: what the masks of one rejected event hide, by pointer."""
    return orjson.dumps({"id": identifier, "received": received, "values": hidden})


def written(event: Json) -> tuple[bytes, bool]:
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


def as_many(texts: Iterable[str]) -> list[str]:
    """The first texts, the last of them cut, within `ERROR_CHARACTERS`."""
    kept: list[str] = []
    room = ERROR_CHARACTERS
    for text in texts:
        if room <= 0:
            break
        kept.append(text[:room])
        room -= len(text)
    return kept


def head_of(raw: bytes) -> str:
    return raw[:RAW_BYTES].decode("utf-8", "replace")
