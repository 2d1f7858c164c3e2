"""What the public API answers with: shaped once for each change, and never emptier than the truth.

Kept in memory until the configuration version rises, an item begins or ends, or a minute passes;
and kept on disk, so that an outage of the database or rows that vanish without anybody's doing
change nothing: stale beats empty (law 5).
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from allotment.registry import last_good, public_api
from allotment.registry.models import ConfigurationVersion, Experiment, Instrument, Stream
from allotment.registry.public_api import Document, IdentifierType, Shaped
from allotment.registry.remembered import Memory

LONGEST: Final = timedelta(minutes=1)
"""What is changed past the registry is seen within it: an answer stands for half of it unless it is
confirmed, and so do rows in memory."""
_HALF: Final = LONGEST / 2
LOOK_EVERY: Final = _HALF * 2 / 3
"""So often does a server look by itself, so that nobody who asks has to wait for it."""
DATABASE, VANISHED = "database", "vanished"
_EDGE_KEEPS: Final = timedelta(hours=24)
_SECOND: Final = timedelta(seconds=1)
_MOST: Final = 128
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Question:
    """What is asked for: `kind` is experiments, instruments or streams; "" stands for any."""

    kind: str
    form: str = "config"
    authority: str = ""
    environment: str = ""


@dataclass(frozen=True)
class Answer:
    """Documents, and how far they can be trusted.

    `left_out` names what a fault keeps out of them, `age` is in seconds since they were known to be
    the truth, and `stale` says why they may be old: "" where they are not.
    """

    documents: tuple[Document, ...]
    left_out: tuple[str, ...]
    version: int
    age: float = 0.0
    stale: str = ""
    rendered: dict[object, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class _Held:
    answer: Answer
    stamp: tuple[int, object]
    finds: int
    known: datetime
    until: datetime | None

    def stands(self, stamp: tuple[int, object], now: datetime) -> bool:
        """Whether nothing can have changed but past the registry."""
        same = stamp == self.stamp
        return same and self.known <= now and (self.until is None or now < self.until)


_held: dict[tuple[Path, Question], _Held] = {}
_memory = Memory()
_shaping = threading.Lock()


def answer(question: Question, now: datetime) -> Answer:
    """The answer to a question at a moment: one query where nothing has changed.

    Raises:
        DatabaseError, InterfaceError: the database does not answer, and there is no earlier answer.
    """
    folder: Path = settings.ALLOTMENT.registry_dir / "answers"
    key = (folder, question)
    try:
        stamp = ConfigurationVersion.stamp()
        held = _held.get(key)
        if held is not None and held.stands(stamp, now):
            if now - held.known < _HALF:
                return held.answer
            # One asks the database anew; the others need not wait for it.
            if not _shaping.acquire(blocking=False):
                return held.answer
        else:
            _shaping.acquire()
        try:
            return _shaped(key, now, _HALF)
        finally:
            _shaping.release()
    except (DatabaseError, InterfaceError):
        kept = last_good.read(folder, _name(question))
        if kept is None:
            raise
        _LOG.exception("the database does not answer; served as it was at %s", kept.confirmed)
        return _stale(kept, DATABASE)


def make_ready(now: datetime) -> None:
    """Shape what is asked for first, before anybody asks; where that fails, the first who asks is
    told so."""
    for kind, form in (
        *(("streams", "config"), ("experiments", "config"), ("experiments", "analytics")),
        ("instruments", "config"),
    ):
        with suppress(DatabaseError, InterfaceError):
            answer(Question(kind, form), now)
    connection.close()


def look(now: datetime) -> None:
    """See whether anything was changed past the registry, before somebody who asks has to.

    Answers of which nothing was changed stand anew; others that are still asked for are shaped.

    Raises:
        DatabaseError, InterfaceError: the database does not answer.
    """
    with _shaping:
        _memory.look_after(timedelta(), now)
        stamp = ConfigurationVersion.stamp()
    for key, held in tuple(_held.items()):
        if held.stands(stamp, now):
            with _shaping:
                _shaped(key, now, timedelta())


def keep_looking(stop: threading.Event) -> None:
    """Look again and again until `stop` is set; for a thread that does nothing else."""
    while not stop.wait(LOOK_EVERY.total_seconds()):
        try:
            look(timezone.now())
        except (DatabaseError, InterfaceError) as error:
            _LOG.warning("the database does not say what is stored: %s", error)
        finally:
            # None is kept for so few questions, which could be one that the server has ended.
            connection.close()


def left_out(now: datetime) -> list[str]:
    """The names of everything that a fault keeps from consumers."""
    found: set[str] = set()
    for kind, form in (("streams", "config"), ("experiments", "analytics")):
        found.update(answer(Question(kind, form), now).left_out)
    return sorted(found)


def forget() -> None:
    """Read every row and shape every answer anew; the copies on disk stay."""
    _held.clear()
    _memory.forget()


def _shaped(key: tuple[Path, Question], now: datetime, pause: timedelta) -> Answer:
    """Confirm an answer or shape it, while others wait; or take the one that they waited for, which
    is younger than the pause."""
    folder, question = key
    # The version is read first: a change in between makes the documents newer than their number
    # says, and they are then shaped once more; never older.
    stamp = ConfigurationVersion.stamp()
    held = _held.get(key)
    if held is not None and held.stands(stamp, now) and now - held.known < pause:
        return held.answer
    _memory.look_after(_HALF, now)
    if (
        held is not None
        and held.stands(stamp, now)
        and held.finds == _memory.finds
        and not held.answer.left_out  # that is tried again
        and last_good.confirm(folder, _name(question))
    ):
        _held[key] = replace(held, known=now)
        return held.answer
    found = _documents(question, now)
    before = last_good.read(folder, _name(question))
    lost = _vanished(before, found, question, now) if before is not None else []
    if lost and before is not None and not found.documents:
        _LOG.error("nothing is left of %d items and nobody took them away", len(lost))
        return _stale(before, VANISHED)
    if lost:
        _LOG.error("vanished without anybody's doing: %s", ", ".join(lost))
    fresh = Answer(
        tuple(found.documents),
        tuple(sorted({*found.left_out, *lost})),
        stamp[0],
    )
    if before is None or (before.documents, before.left_out) != (fresh.documents, fresh.left_out):
        # What vanished must be missed the next time too.
        missed = [d for d in (before.documents if before else ()) if _name_of(d) in lost]
        last_good.write(
            folder, _name(question), (*fresh.documents, *missed), fresh.left_out, fresh.version
        )
    else:
        last_good.confirm(folder, _name(question))
    if held is not None and _same(held.answer, fresh):
        fresh = replace(fresh, rendered=held.answer.rendered)
    if len(_held) >= _MOST:
        _held.clear()
    _held[key] = _Held(fresh, stamp, _memory.finds, now, _until(found, question, now))
    return fresh


def _same(before: Answer, after: Answer) -> bool:
    return (before.documents, before.left_out) == (after.documents, after.left_out)


def _documents(question: Question, now: datetime) -> Shaped:
    environment = question.environment or None
    if question.kind == "instruments":
        return public_api.instruments(now, environment=environment, memory=_memory)
    if question.kind == "streams":
        return public_api.stream_material(now, environment=environment, memory=_memory)
    if question.authority == "varnish":
        return public_api.edge_experiments(now, environment=environment, memory=_memory)
    return public_api.experiments(
        now,
        analytics=question.form == "analytics",
        environment=environment,
        identifier_type=IdentifierType.USER if question.authority == "mediawiki" else None,
        memory=_memory,
    )


def _vanished(
    before: last_good.Kept, found: Shaped, question: Question, now: datetime
) -> list[str]:
    """What was served, has not ended, and has no row any more: people never delete an item."""
    there = {_name_of(document) for document in found.documents} | set(found.left_out)
    gone = {
        _name_of(document)
        for document in before.documents
        if question.form == "analytics" or str(document.get("end", "~")) >= _text(now)
    } - there
    for model in (Experiment, Instrument, Stream) if gone else ():
        column = "name" if model is Stream else "machine_name"
        gone -= set(model.objects.filter(**{f"{column}__in": gone}).values_list(column, flat=True))
    return sorted(gone)


def _until(found: Shaped, question: Question, now: datetime) -> datetime | None:
    """When the clock next changes the answer. An end belongs to the running time."""
    kept = _EDGE_KEEPS if question.authority == "varnish" else timedelta()
    dated = [(d["start"], d["end"]) for d in found.documents if "start" in d and "end" in d]
    moments = [datetime.fromisoformat(start) for start, _ in dated + found.moments]
    moments += [datetime.fromisoformat(end) + kept + _SECOND for _, end in dated + found.moments]
    return min((moment for moment in moments if moment > now), default=None)


def _stale(kept: last_good.Kept, why: str) -> Answer:
    age = max(0.0, time.time() - kept.confirmed)
    return Answer(kept.documents, kept.left_out, kept.version, age, why)


def _name(question: Question) -> str:
    parts = (question.kind, question.form, question.authority, question.environment)
    return "-".join(part for part in parts if part)


def _name_of(document: Document) -> str:
    return str(document.get("name", document.get("stream")))


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
