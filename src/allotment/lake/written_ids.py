"""Which ids a table was given within the window, whoever wrote them.

What this process writes is remembered as it goes. What it has not seen, because it has just begun
or because another sink was faster, is read from the table's files: two columns of those written
within the window. Which those are is told by marks in the table's properties, pairs of a time and
the sequence number that the table stood at then; so no snapshot has to be kept for it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping

import pyarrow as pa
from pyiceberg.table import Table

from allotment.lake.file_io import SyncedFileIO
from allotment.lake.offsets import OFFSET, WRITTEN, chosen
from allotment.lake.recent_ids import Hasher, Hashes, Mask, RecentIds

_MARKS_A_WINDOW = 15


def has_ids(schema: pa.Schema) -> bool:
    """Whether rows of a table have the two texts by which an event is known again."""
    meta = schema.field("meta").type if "meta" in schema.names else None
    if meta is None or not pa.types.is_struct(meta):
        return False
    kinds = {field.name: field.type for field in meta}
    return all(pa.types.is_string(kinds.get(name, pa.null())) for name in ("stream", "id"))


class WrittenIds:
    """The ids of one table."""

    def __init__(self, hasher: Hasher, *, most: int, seconds: float) -> None:
        """Remember at most so many ids, of so many seconds."""
        self._hasher, self._seconds, self._most = hasher, seconds, most
        self._step = seconds / _MARKS_A_WINDOW
        self._recent = RecentIds(most=most, seconds=seconds)
        self._positions: dict[str, str] | None = None
        self._sequence = 0

    def catch_up(self, table: Table, now: float) -> None:
        """Take in what others have written since, by the table as it was loaded."""
        positions = chosen(table.properties, (OFFSET,))
        if positions == self._positions:
            return  # rows come only together with positions
        marks = _marks(table.properties)
        since = self._sequence
        if self._positions is None:
            since = max((s for t, s in marks if t <= now - self._seconds), default=0)
        for number, paths in _files_since(table, since, self._most).items():
            # A commit makes a mark unless there is one of less than this step before it.
            begun = max((t for t, s in marks if s < number), default=now)
            self._recent.add(self._hasher.of_files(paths), min(now, begun + self._step))
        self._note(table)

    def seen(self, hashes: Hashes, now: float) -> Mask:
        """Which of these were written within the window, or come earlier among these."""
        return self._recent.seen(hashes, now)

    def written(self, table: Table, hashes: Hashes, now: float) -> None:
        """Remember what was written by the commit after which the table stands here."""
        self._recent.add(hashes, now)
        self._note(table)

    def _note(self, table: Table) -> None:
        self._positions = chosen(table.properties, (OFFSET,))
        self._sequence = _sequence(table)

    def marks(self, table: Table, now: float) -> dict[str, str]:
        """The property that goes with a commit: where the table stands now, before it."""
        marks = _marks(table.properties)
        if marks and 0 <= now - marks[-1][0] < self._step:
            return {}
        old = [m for m in marks if m[0] <= now - self._seconds]
        kept = [*old[-1:], *(m for m in marks if now - self._seconds < m[0] <= now)]
        return {WRITTEN: json.dumps([*kept, [round(now), _sequence(table)]])}


def _marks(properties: Mapping[str, str]) -> list[tuple[float, int]]:
    return [(time, number) for time, number in json.loads(properties.get(WRITTEN, "[]"))]


def _sequence(table: Table) -> int:
    """The number of the table's newest commit of rows."""
    number: int = getattr(table.metadata, "last_sequence_number", 0)  # format 1 has none
    return number


def _files_since(table: Table, since: int, most: int) -> dict[int, list[str]]:
    """The newest files after a sequence number, by their own."""
    found: dict[int, list[str]] = defaultdict(list)
    rows = 0
    for number, path, count in sorted(_entries(table, since), reverse=True):
        found[number].append(path)
        rows += count
        if rows >= most:
            break
    return found


def _entries(table: Table, since: int) -> Iterator[tuple[int, str, int]]:
    snapshot = table.current_snapshot()
    if snapshot is None or not isinstance(table.io, SyncedFileIO):
        return
    for manifest in snapshot.manifests(table.io):
        if (manifest.sequence_number or 0) <= since:
            continue
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
            number = entry.sequence_number or 0
            if number > since:
                file = entry.data_file
                yield number, str(table.io.path(file.file_path)), file.record_count
