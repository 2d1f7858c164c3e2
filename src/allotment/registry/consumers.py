"""Who reads the configuration here, when last, and which: so that one who stopped is noticed.

A consumer is a program, by the first word of its `User-Agent`, at one address. Of the address only
a keyed hash is kept, which tells two apart and no more. What is known is a file of the data folder,
so that it outlives a restart; of the last half minute it may lack something.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, Final

from django.conf import settings

FILE: Final = "consumers.json"
KEPT: Final = timedelta(days=1)
"""Who has not asked for so long is forgotten."""
LEAST: Final = timedelta(minutes=5)
"""Nobody is called late before."""
PAUSES: Final = 10
"""Late is who has let so many of the usual pauses pass."""
REGULARLY: Final = 5
"""So often must somebody have come back before anything is expected of them."""
_MOST: Final = 500
_TOGETHER: Final = timedelta(seconds=1)
"""Several questions within it are one visit."""
_WRITE_EVERY: Final = timedelta(seconds=30)
_WEIGHT: Final = 0.2
_PROGRAM: Final = re.compile(r"[!-~]{1,60}")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Consumer:
    """One reader: `visits` since `first`, usually `pause` seconds apart; at `last` it got the
    configuration `version`."""

    program: str
    mark: str
    first: datetime
    last: datetime
    visits: int
    pause: float
    version: int

    def is_late(self, now: datetime, begun: datetime) -> bool:
        """Whether it came regularly and does no more; not while the registry itself was away."""
        quiet = now - max(self.last, begun)
        return self.visits > REGULARLY and quiet > max(
            LEAST, PAUSES * timedelta(seconds=self.pause)
        )


class Book:
    """The consumers of one registry, in memory and in a file."""

    def __init__(self, folder: Path, now: datetime) -> None:
        """Read what an earlier process has kept."""
        self._path = folder / FILE
        self._begun = self._written = now
        self._found = {(one.program, one.mark): one for one in _read(self._path)}
        self._lock = threading.Lock()

    def note(self, agent: str, address: str, version: int, now: datetime) -> None:
        """Somebody has been given a configuration. Browsers are no consumers: people look."""
        program = agent.split(" ", 1)[0]
        if agent.startswith("Mozilla/") or not _PROGRAM.fullmatch(program):
            return
        key = program, _mark(address)
        with self._lock:
            known = self._found.get(key)
            if known is None and len(self._found) >= _MOST:
                return
            self._found[key] = _visited(known, *key, version, now)
            due = now - self._written >= _WRITE_EVERY
            if due:
                self._written = now
                self._found = {k: c for k, c in self._found.items() if now - c.last < KEPT}
            found = tuple(self._found.values()) if due else ()
        if due:
            _write(self._path, found)

    def all(self, now: datetime) -> tuple[Consumer, ...]:
        """Who has asked within a day, by program, the latest first."""
        with self._lock:
            found = [one for one in self._found.values() if now - one.last < KEPT]
        return tuple(sorted(found, key=lambda one: (one.program, now - one.last)))

    def late(self, now: datetime) -> tuple[Consumer, ...]:
        """Those who asked regularly and stopped, but for those whose place another has taken.

        A program that is started anew elsewhere comes from another address: the old one is not
        missed where a new one of its kind has begun since.
        """
        everybody = self.all(now)
        newest = {one.program: one.first for one in sorted(everybody, key=lambda one: one.first)}
        return tuple(
            one
            for one in everybody
            if one.is_late(now, self._begun) and newest[one.program] <= one.last
        )


@dataclass(frozen=True)
class Program:
    """The readers of one program: `held` are the versions that they got when they last asked."""

    name: str
    readers: int
    late: int
    last: datetime
    held: tuple[int, ...]


def programs(found: Iterable[Consumer], late: Iterable[Consumer]) -> Iterator[Program]:
    """Consumers by program, which must stand together; `late` are those that have stopped."""
    stopped = set(late)
    for name, group in groupby(found, attrgetter("program")):
        readers = list(group)
        yield Program(
            name=name,
            readers=len(readers),
            late=sum(one in stopped for one in readers),
            last=max(one.last for one in readers),
            held=tuple(sorted({one.version for one in readers}, reverse=True)[:5]),
        )


_books: dict[Path, Book] = {}


def book(now: datetime) -> Book:
    """The book of this registry."""
    folder: Path = settings.ALLOTMENT.registry_dir
    found = _books.get(folder)
    if found is None:
        found = _books.setdefault(folder, Book(folder, now))
    return found


def _visited(
    known: Consumer | None, program: str, mark: str, version: int, now: datetime
) -> Consumer:
    if known is None:
        return Consumer(program, mark, now, now, 1, 0.0, version)
    if now - known.last < _TOGETHER:
        return replace(known, version=version)
    pause = (now - known.last).total_seconds()
    if known.visits > 1:
        pause = known.pause + _WEIGHT * (pause - known.pause)
    return replace(known, last=now, visits=known.visits + 1, pause=pause, version=version)


@lru_cache(maxsize=_MOST)
def _mark(address: str) -> str:
    key = f"allotment.consumers {settings.SECRET_KEY}".encode()
    return hmac.new(key, address.encode(), hashlib.sha256).hexdigest()[:8]


def _write(path: Path, found: Iterable[Consumer]) -> None:
    rows = [
        {**vars(one), "first": one.first.isoformat(), "last": one.last.isoformat()} for one in found
    ]
    fresh = path.with_name(f".{FILE}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh.write_text(json.dumps(rows), "utf-8")
        fresh.replace(path)
    except OSError as error:
        _LOG.warning("%s cannot be written: %s", path, error)


def _read(path: Path) -> list[Consumer]:
    try:
        rows: list[Mapping[str, Any]] = json.loads(path.read_bytes())
        return [
            Consumer(
                program=str(row["program"]),
                mark=str(row["mark"]),
                first=datetime.fromisoformat(row["first"]),
                last=datetime.fromisoformat(row["last"]),
                visits=int(row["visits"]),
                pause=float(row["pause"]),
                version=int(row["version"]),
            )
            for row in rows
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        _LOG.warning("%s cannot be read, and is begun anew: %s", path, error)
        return []
