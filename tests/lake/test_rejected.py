"""Search in rejected events while a sink moves them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from tests.lake.lake_parts import Writer, refused, web_event

from allotment.journal.segments import SegmentReader
from allotment.lake import rejected
from allotment.lake.rejected import Rejection, Search, count, find, shortest_prefixes
from allotment.lake.sink import Sink


def test_find__sink_moves_between_the_looks__each_is_found_once(
    journal: Writer,
    catalog: SqlCatalog,
    schemas: dict[str, pa.Schema],
    lake_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sink = Sink(SegmentReader(journal.directory), catalog, schemas)
    journal.append(refused([web_event(1, action=5)]), topic="rejected")
    look = rejected._waiting

    def look_and_let_the_sink_move(lake: Path, journal_dir: Path) -> pa.Table:
        found = look(lake, journal_dir)
        sink.step()
        return found

    monkeypatch.setattr(rejected, "_waiting", look_and_let_the_sink_move)
    for _ in range(2):
        found, total = find(lake_dir, journal.directory, Search())
        assert (len(found), total) == (1, 1)
    journal.append(refused([web_event(2, action=5)]), topic="rejected")
    assert find(lake_dir, journal.directory, Search())[1] == 2
    ((reason, events, _, _),) = count(lake_dir, journal.directory, Search(), "reason")
    assert (reason, events) == ("invalid", 2)


def test_find__no_lake_yet__what_is_in_the_journal(journal: Writer, lake_dir: Path) -> None:
    journal.append(refused([web_event(1, action=5)]), topic="rejected")
    (found,), total = find(lake_dir, journal.directory, Search(reason="invalid"))
    assert total == 1
    assert found.errors == ["'.action' should be string"]


@pytest.mark.parametrize(
    ("names", "length"),
    [
        ([], 8),
        (["abcdefgh-1"], 8),
        (["abcdefgh-1", "abcdefgh-2"], 10),
        (["abcdefgh-1", "b", None, "abcdefgi"], 8),
    ],
)
def test_shortest_prefixes__ids__tell_them_apart(names: list[str | None], length: int) -> None:
    row: list[Any] = [datetime.now(UTC), *[None] * 5, "invalid", [], None, None, ""]
    empty = len(Rejection.__dataclass_fields__) - 1 - len(row)
    rows = [Rejection(name, *row, *[None] * empty) for name in names]
    assert shortest_prefixes(rows) == length
