"""Search in rejected events while a sink moves them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from tests.lake.lake_parts import Writer, refused, web_event

from allotment.contract.tables import REJECTED
from allotment.journal.segments import SegmentReader
from allotment.lake import rejected
from allotment.lake.catalog import EVENT
from allotment.lake.ledger import read_ledger
from allotment.lake.rejected import Rejection, Search, count, find, pages, shortest_prefixes
from allotment.lake.replays import Record, Replay, State
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


def test_pages__lake_and_journal_while_a_sink_moves__each_once_and_nothing_that_came_later(
    journal: Writer,
    catalog: SqlCatalog,
    schemas: dict[str, pa.Schema],
    lake_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rejected, "PAGE_EVENTS", 3)
    sink = Sink(SegmentReader(journal.directory), catalog, schemas)
    same_time = [web_event(number, action=5) for number in range(7)]
    journal.append(refused(same_time), topic="rejected")
    sink.step()
    journal.append(refused([web_event(number, action=5) for number in range(7, 11)]), "rejected")
    new = [b'{"id": "new", "received": "2999-01-01T00:00:00Z", "reason": "invalid", "raw": "{}"}']
    found: list[list[Rejection]] = []
    for page in pages(lake_dir, journal.directory, Search(reason="invalid")):
        if not found:
            journal.append(new, topic="rejected")
        sink.step()
        found.append(page)
    assert all(0 < len(page) <= 3 for page in found)
    numbers = [[json.loads(one.raw)["page"]["id"] for one in page] for page in found]
    assert {n for page in numbers[:2] for n in page} == set(range(7, 11)), "the journal's first"
    assert sorted(n for page in numbers for n in page) == list(range(11))
    assert list(pages(lake_dir, journal.directory, Search(reason="nothing"))) == []


def test_pages__unsent__leaves_out_what_has_arrived_through_a_replay(
    journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema], lake_dir: Path
) -> None:
    sink = Sink(SegmentReader(journal.directory), catalog, schemas)
    journal.append(refused([web_event(n, action=5) for n in range(3)]), topic="rejected")
    sink.step()
    (page,) = pages(lake_dir, journal.directory, Search(unsent=True))
    replays = [
        Replay(rejection=one.id or "", event_id=f"e{n}", topic="t", dt=one.received)
        for n, one in enumerate(page)
    ]
    record = Record(catalog, lake_dir, "me")
    record.add(replays[:2], State.BEGUN)
    record.add(replays[:1], State.DONE)
    (left,) = pages(lake_dir, journal.directory, Search(unsent=True))
    assert [one.id for one in left] == [one.id for one in page[1:]]
    assert find(lake_dir, journal.directory, Search(unsent=True), 0) == ([], 2)
    assert find(lake_dir, journal.directory, Search())[1] == 3


def test_count__rows_that_stand_for_many__events_and_not_rows(
    journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema], lake_dir: Path
) -> None:
    lines = refused([*[1] * 2000, web_event(1, action=5)])
    journal.append(lines, topic="rejected")
    sink = Sink(SegmentReader(journal.directory), catalog, schemas)
    for moved in (0, len(lines)):
        assert moved == 0 or sink.step() == moved
        counted = count(lake_dir, journal.directory, Search(), "reason")
        assert [row[:2] for row in counted] == [("not_an_object", 2000), ("invalid", 1)]
        found, total = find(lake_dir, journal.directory, Search())
        assert total == len(lines)
        (one,) = (row for row in found if row.events is not None)
        of_numbers = sum(row.reason == "not_an_object" for row in found)
        assert one.events == 2000 - of_numbers + 1
        assert (one.raw, one.truncated) == ("", True)


def test_find__lake_of_before_rows_could_stand_for_many__is_read(
    journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema], lake_dir: Path
) -> None:
    journal.append(refused([web_event(1, action=5)]), topic="rejected")
    Sink(SegmentReader(journal.directory), catalog, schemas).step()
    with catalog.load_table((EVENT, REJECTED)).update_schema(allow_incompatible_changes=True) as up:
        up.delete_column("events")
    ((found,), total) = find(lake_dir, journal.directory, Search())
    assert (found.events, total) == (None, 1)
    ((reason, events, _, _),) = count(lake_dir, journal.directory, Search(), "reason")
    assert (reason, events) == ("invalid", 1)
    ledger = read_ledger((lake_dir, journal.directory), datetime(1, 1, 1, tzinfo=UTC))
    assert ledger.balanced
    assert ledger.totals["product_metrics.web_base"].kept == {"invalid": 1}
    Sink(SegmentReader(journal.directory), catalog, schemas)
    assert find(lake_dir, journal.directory, Search())[0] == [found]


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
