"""Rows as they were read, kept in this process until they are written anew.

Reading two thousand items with what belongs to them takes a second; asking which of them have been
written since takes a hundredth of that. What is changed past the registry does not say so: it is
noticed by `look_after`, which asks what is stored, and by whoever reads without a memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from django.db.models import Model, QuerySet

from allotment.registry import fingerprints
from allotment.registry.fingerprints import Prints
from allotment.registry.models import Experiment, Instrument, Phase, Stream
from allotment.registry.sites import SiteBook, SiteFacts

_Row = TypeVar("_Row", bound=Model)
_Made = TypeVar("_Made")
_ITEM = ("machine_name", "stream", "revision", "changed", "stage")
_STAMPS: Final[Mapping[type[Model], tuple[str, ...]]] = {
    Experiment: (*_ITEM, "layer__name"),
    Instrument: _ITEM,
    Phase: ("experiment__machine_name",),  # never changed once it is written
}
"""What rises or differs when a row, or anything that is read with it, is written: the name first,
then the key of the stream, for which what is written of the stream stands beside it."""
_MOST = 50_000


@dataclass
class _Kept:
    stamp: tuple[object, ...]
    row: Model
    made: dict[Hashable, Any] = field(default_factory=dict)


def _streams() -> Iterator[tuple[object, object]]:
    columns = Stream.objects.values_list("pk", "name", "schema_title", "revision", "changed")
    return ((key, tuple(stamp)) for key, *stamp in columns)


class Memory:
    """Rows by kind and key, and what was made of each. Rows that it gives are only to be read."""

    def __init__(self) -> None:
        self._kept: dict[tuple[type[Model], int], _Kept] = {}
        self._book = SiteBook()
        self._by_key: dict[Hashable, Any] = {}
        self._prints: Prints | None = None
        self._looked: datetime | None = None
        self._lock = threading.Lock()
        self.finds = 0
        """How often a look has found that something is stored otherwise."""

    def rows(
        self,
        wanted: QuerySet[_Row],
        read: Callable[[QuerySet[_Row]], list[tuple[str, _Row]]],
    ) -> list[tuple[str, _Row]]:
        """Each row that is wanted, in order, with its name; read are those that are not known.

        Args:
            wanted: the rows, in order, with all that is to be read with them.
            read: reads rows and says what cannot be read; such a row is left out and not kept.
        """
        model = wanted.model
        columns = wanted.prefetch_related(None).values_list("pk", *_STAMPS[model])
        # Not joined: an item whose stream is gone must not go with it.
        streams = dict(_streams()) if "stream" in _STAMPS[model] else {}
        stamps = {
            key: (name, streams.get(stamp[0]) if stamp else None, *stamp)
            for key, name, *stamp in columns
        }
        known = {
            key: kept.row
            for key, stamp in stamps.items()
            if (kept := self._kept.get((model, key))) is not None and kept.stamp == stamp
        }
        unknown = [key for key in stamps if key not in known]
        fresh: dict[int, tuple[str, _Row]] = {}
        if unknown:
            # Most at once are read without naming each.
            some = wanted.filter(pk__in=unknown) if len(unknown) < len(stamps) else wanted
            fresh = {row.pk: (name, row) for name, row in read(some)}
        with self._lock:
            if len(self._kept) + len(fresh) > _MOST:
                self._kept.clear()
            for key, (_, row) in fresh.items():
                if key in stamps:
                    self._kept[model, key] = _Kept(stamps[key], row)
        found: list[tuple[str, _Row]] = []
        for key, stamp in stamps.items():
            kept_row = known.get(key)
            if key in fresh:
                found.append(fresh[key])
            elif isinstance(kept_row, model):
                found.append((str(stamp[0]), kept_row))
        return found

    def made(self, row: Model, key: Hashable, make: Callable[[], _Made]) -> _Made:
        """What is made of a row, which must depend on nothing but the row, the key and the book."""
        kept = self._kept.get((type(row), row.pk))
        if kept is None or kept.row is not row:
            return make()
        if key not in kept.made:
            kept.made[key] = make()
        found: _Made = kept.made[key]
        return found

    def made_once(self, key: Hashable, make: Callable[[], _Made]) -> _Made:
        """What is made of something that the key names whole, and of the book."""
        if key not in self._by_key:
            if len(self._by_key) >= _MOST:
                self._by_key.clear()
            self._by_key[key] = make()
        found: _Made = self._by_key[key]
        return found

    def book(self, facts: Mapping[str, SiteFacts]) -> SiteBook:
        """The registered sites; where they are other ones, nothing that was made still counts."""
        if facts != self._book.sites:
            with self._lock:
                self._book = SiteBook(facts)
                self._by_key.clear()
                for kept in self._kept.values():
                    kept.made.clear()
        return self._book

    def look_after(self, pause: timedelta, now: datetime) -> None:
        """Forget each row that is stored otherwise than at the last look, if that was as long ago.

        What was changed past the registry since a row was read is so noticed at the next look. The
        first one forgets everything: nobody knows what was stored when that was read.

        Raises:
            DatabaseError, InterfaceError: the database cannot say; it is asked again the next time.
        """
        with self._lock:
            if self._looked is not None and timedelta() <= now - self._looked < pause:
                return
            # Taken before any of what will be held against the next: a change in between is found
            # once more, never missed.
            before, self._prints = self._prints, fingerprints.taken()
            self._looked = now
            if before == self._prints:
                return
            self.finds += 1
            self._by_key.clear()
            for model, key in tuple(self._kept):
                then = before[model].get(key) if before is not None else None
                if then is None or then != self._prints[model].get(key):
                    del self._kept[model, key]

    def forget(self) -> None:
        """Read everything anew."""
        with self._lock:
            self._kept.clear()
            self._by_key.clear()
            self._prints = self._looked = None
