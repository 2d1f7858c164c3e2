"""The ids that were written of late: which events of a batch the lake has already.

Of each id a hash of 64 bits is kept, with the time at which it was written. With four million of
them, a batch of 100,000 new events holds one that is wrongly taken for known once in some forty
million batches. DuckDB computes the hashes, so that a batch in memory and the files of a table give
the same ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from allotment.contract.counting import UNKNOWN_STREAM

Hashes: TypeAlias = npt.NDArray[np.uint64]
Rows: TypeAlias = npt.NDArray[np.intp]
Mask: TypeAlias = npt.NDArray[np.bool_]

_SPARE = 8
"""One in so many goes at once where there are too many; so often in a window the old ones go."""
_HASH = f"hash(coalesce(stream, '{UNKNOWN_STREAM}'), id)"


@dataclass(frozen=True, slots=True)
class BatchIds:
    """The ids of a batch: which of its rows have one, and the hash of each of those."""

    rows: Rows
    hashes: Hashes


class Hasher:
    """Hashes of stream and id."""

    def __init__(self) -> None:
        self._database = duckdb.connect()

    def close(self) -> None:
        """Give up the database in memory."""
        self._database.close()

    def of_rows(self, rows: pa.Table) -> BatchIds:
        """Of a batch; its rows have `meta.stream` and `meta.id`."""
        meta = rows["meta"]
        ids = pc.struct_field(meta, "id")
        pairs = pa.table({"stream": pc.struct_field(meta, "stream"), "id": ids})
        if ids.null_count:
            present = np.flatnonzero(pc.is_valid(ids).to_numpy())
            pairs = pairs.take(pa.array(present))
        else:
            present = np.arange(len(ids))
        self._database.register("pairs", pairs)
        found = self._database.execute(f"SELECT {_HASH} AS h FROM pairs").fetchnumpy()  # noqa: S608
        self._database.unregister("pairs")
        return BatchIds(present, np.asarray(found["h"], dtype=np.uint64))

    def of_files(self, paths: Sequence[str]) -> Hashes:
        """Of all rows of data files; two columns of them are read."""
        if not paths:
            return np.empty(0, dtype=np.uint64)
        found = self._database.execute(
            f"SELECT {_HASH} AS h FROM (SELECT meta.stream AS stream, meta.id AS id"  # noqa: S608
            " FROM read_parquet($files, union_by_name = true, hive_partitioning = false))"
            " WHERE id IS NOT NULL",
            {"files": list(paths)},
        ).fetchnumpy()
        return np.asarray(found["h"], dtype=np.uint64)


class RecentIds:
    """A bounded set of hashes, each with the time (seconds) when it was written."""

    def __init__(self, *, most: int, seconds: float) -> None:
        """Keep at most so many, and none for longer than so many seconds."""
        self._most, self._seconds = most, seconds
        self._hashes: Hashes = np.empty(0, dtype=np.uint64)
        self._times: npt.NDArray[np.float64] = np.empty(0, dtype=np.float64)
        self._cleaned = 0.0

    def __len__(self) -> int:
        return len(self._hashes)

    def seen(self, hashes: Hashes, now: float) -> Mask:
        """Which of these were written within the last seconds, or come earlier among these."""
        order = np.argsort(hashes, kind="stable")
        ordered = hashes[order]  # in order the search goes through memory once
        hits = np.zeros(len(hashes), dtype=np.bool_)
        hits[1:] = ordered[1:] == ordered[:-1]
        if len(self._hashes):
            places = np.minimum(np.searchsorted(self._hashes, ordered), len(self._hashes) - 1)
            hits |= (self._hashes[places] == ordered) & (self._times[places] > now - self._seconds)
        found = np.empty(len(hashes), dtype=np.bool_)
        found[order] = hits
        return found

    def add(self, hashes: Hashes, now: float) -> None:
        """Remember hashes as written now."""
        fresh = np.unique(hashes)
        places = np.searchsorted(self._hashes, fresh)
        if len(self._hashes):
            there = self._hashes[np.minimum(places, len(self._hashes) - 1)] == fresh
            self._times[places[there]] = now
            fresh, places = fresh[~there], places[~there]
        self._hashes = np.insert(self._hashes, places, fresh)
        self._times = np.insert(self._times, places, now)
        self._forget(now)

    def clear(self) -> None:
        """Forget everything."""
        self._hashes, self._times = self._hashes[:0], self._times[:0]

    def _forget(self, now: float) -> None:
        """Drop what is too old or too much; not each time, since it costs a copy."""
        if len(self._hashes) > self._most:
            spare = len(self._hashes) - self._most + self._most // _SPARE
            kept = np.flatnonzero(self._times > np.partition(self._times, spare)[spare])
            if len(kept) < self._most // 2:  # many were written at the same moment
                kept = np.sort(np.argpartition(self._times, spare)[spare:])
        elif now - self._cleaned > self._seconds / _SPARE:
            self._cleaned = now
            kept = np.flatnonzero(self._times > now - self._seconds)
        else:
            return
        self._hashes, self._times = self._hashes[kept], self._times[kept]
