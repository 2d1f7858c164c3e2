"""Maintenance beside other writers."""

import itertools

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table

from allotment.lake.catalog import ANALYSIS
from allotment.lake.maintenance import expire_snapshots
from allotment.lake.tables import ensure_table

ROWS = pa.table({"number": pa.array([1], pa.int64())})


def test_expire__another_was_faster__gives_way(
    catalog: SqlCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = (ANALYSIS, "numbers")
    mine = ensure_table(catalog, name, ROWS.schema)
    for _ in range(4):
        mine.append(ROWS)
    assert expire_snapshots(catalog.load_table(name), 1) == 3
    # Both have read the same four snapshots: the moment before the first commit, held still.
    refresh, calls = Table.refresh, itertools.count()
    monkeypatch.setattr(Table, "refresh", lambda t: refresh(t) if next(calls) else t)
    with pytest.raises(CommitFailedException, match="another has forgotten"):
        expire_snapshots(mine, 1)
    assert len(catalog.load_table(name).metadata.snapshots) == 1
