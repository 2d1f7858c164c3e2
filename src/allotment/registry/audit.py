"""Writing to the audit log, reading it, and proving that nobody has touched it.

Each entry holds a hash over its own fields and the hash of the entry before it, so a changed, lost
or slipped-in row shows. The log proves what is in it; that its end was not cut off, or the whole
of it made again, is proven only by a head (number and hash) that was noted elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from allotment.registry.models import AuditEntry

SYSTEM = "the system"
FIRST = "0" * 64
_FIELDS = (
    "number",
    "who",
    "action",
    "kind",
    "name",
    "before",
    "after",
    "reason",
    "request",
    "detail",
    "previous",
)


@dataclass(frozen=True)
class Acting:
    """On whose behalf the present request runs; asked only when an entry is written."""

    who: Callable[[], str]
    request: str = ""
    token: str = ""


_NOBODY = Acting(lambda: SYSTEM)
_ACTING: ContextVar[Acting] = ContextVar("allotment_audit_acting", default=_NOBODY)


@contextmanager
def acting(who: str | Callable[[], str], *, request: str = "", token: str = "") -> Iterator[None]:
    """Entries that are written inside name this person or program.

    Args:
        who: the name, or what finds it once it is needed.
        request: the id of the request.
        token: the identifier of the API token that was shown.
    """
    found = who if callable(who) else lambda: who
    before = _ACTING.set(Acting(found, request, token))
    try:
        yield
    finally:
        _ACTING.reset(before)


@contextmanager
def acting_by_token(who: str, token: str) -> Iterator[None]:
    """Entries that are written inside name this account and token, in the same request."""
    with acting(who, request=_ACTING.get().request, token=token):
        yield


def record(
    action: str,
    *,
    kind: str = "",
    name: str = "",
    before: object = "",
    after: object = "",
    reason: str = "",
    who: str | None = None,
    **detail: Any,  # noqa: ANN401 - anything that JSON can hold
) -> AuditEntry:
    """Write one entry, in the caller's transaction: both are stored, or neither is.

    Args:
        action: what was done, as one word or a few with dashes: `activate`, `log-in-failed`.
        kind: of the thing: `experiment`, `stream`, `account`, `team`, `token`.
        name: of the thing.
        before: its version, role or name before.
        after: the same after.
        reason: why, as the person wrote it.
        who: who did it; who acts in this request where not given.
        detail: more, as JSON. Never a secret, a password or an address.
    """
    acts = _ACTING.get()
    if acts.token:
        detail["token"] = acts.token
    # Transactions begin as writers, one at a time: in SQLite by our settings, in PostgreSQL by our
    # backend. So nobody else adds to the chain in between.
    with transaction.atomic():
        last = AuditEntry.objects.order_by("-number").first()
        entry = AuditEntry(
            number=1 if last is None else last.number + 1,
            when=timezone.now(),
            who=(acts.who() if who is None else who)[:150],
            action=action,
            kind=kind,
            name=name[:255],
            before=str(before)[:40],
            after=str(after)[:40],
            reason=reason,
            request=acts.request[:64],
            detail=json.loads(json.dumps(detail, default=str)),
            previous=FIRST if last is None else last.hash,
        )
        entry.hash = digest(entry)
        entry.save(force_insert=True)
    return entry


def digest(entry: AuditEntry) -> str:
    """SHA-256, in hex, of every field of an entry but the hash itself."""
    fields: dict[str, Any] = {field: getattr(entry, field) for field in _FIELDS}
    fields["when"] = _stamp(entry.when)
    text = json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Verified:
    """What `verify` found: how many rows stand, the head, and the first broken row if any."""

    rows: int
    head: str
    broken: int | None = None
    fault: str = ""


def verify(*, noted: tuple[int, str] | None = None) -> Verified:
    """Read the whole log and compute every hash anew.

    Args:
        noted: a head that was noted before, as number and hash; it must still be in the log.
    """
    previous, number, missing = FIRST, 0, noted
    for entry in AuditEntry.objects.order_by("number").iterator(chunk_size=1000):
        fault = _fault(entry, number + 1, previous)
        if fault:
            return Verified(number, previous, entry.number, fault)
        number, previous = entry.number, entry.hash
        if noted is not None and number == noted[0]:
            missing = None
            if previous != noted[1]:
                return Verified(
                    number, previous, number, "its hash is not the one that was noted before"
                )
    if missing is not None:
        return Verified(number, previous, missing[0], "it was noted before and is not there")
    return Verified(number, previous)


def _fault(entry: AuditEntry, number: int, previous: str) -> str:
    if entry.number != number:
        return f"row {number} is missing before it"
    if entry.previous != previous:
        return "it does not follow the row before it"
    if digest(entry) != entry.hash:
        return "its fields are not those that its hash was made of"
    return ""


def as_json(entry: AuditEntry) -> str:
    """One line of the export."""
    fields: Mapping[str, Any] = {
        "number": entry.number,
        "when": _stamp(entry.when),
        **{field: getattr(entry, field) for field in _FIELDS[1:]},
        "hash": entry.hash,
    }
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":"))


def _stamp(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="microseconds")
