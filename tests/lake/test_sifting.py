"""Duplicates: each event that comes again is recorded, once, and its first is written, once."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType

import orjson
import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table
from tests.lake.lake_parts import TALLYING, WEB, Writer, web_event

from allotment.journal.segments import SegmentReader, SegmentWriter
from allotment.lake import sifting as sifting_module
from allotment.lake import sink as sink_module
from allotment.lake.catalog import EVENT, open_catalog
from allotment.lake.maintenance import Care, expire_snapshots, join_small_files
from allotment.lake.offsets import DECIDING, commit_if_unchanged
from allotment.lake.query import Row, run_sql
from allotment.lake.sink import Sink, SinkLimits

WINDOW = 900.0
BAD = b'{"action":5}'


class Killed(BaseException):
    """Stands for a kill -9 at a chosen moment: nothing after it is done by this sink."""


@pytest.fixture
def make(
    journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema]
) -> Callable[..., Sink]:
    def sink(at: SqlCatalog | None = None, **limits: float) -> Sink:
        reader = SegmentReader(journal.directory)
        return Sink(reader, at or catalog, {WEB: schemas[WEB]}, SinkLimits(**limits))  # type: ignore[arg-type]

    return sink


def lines(*numbers: int, **changes: object) -> list[bytes]:
    return [orjson.dumps(web_event(number, **changes)) for number in numbers]


def written(lake_dir: Path) -> list[int]:
    sql = f"select page.id from event.{WEB} order by all"
    return [row[0] for row in run_sql(lake_dir, sql)[1]]


def duplicates(lake_dir: Path) -> list[Row]:
    columns = '"partition", "offset", stream, minute, id'
    sql = f"select {columns} from event.duplicates order by found, 1, 2"
    return run_sql(lake_dir, sql)[1]


def unreadable(lake_dir: Path) -> list[Row]:
    return run_sql(lake_dir, 'select "offset" from event.rejected order by all')[1]


def test_step__event_again_later__written_once_and_recorded(
    journal: Writer, make: Callable[..., Sink], lake_dir: Path, catalog: SqlCatalog
) -> None:
    sink = make()
    journal.append(lines(1, 2, 3))
    assert sink.step() == 3
    before = sum(len(line) + 1 for line in lines(1, 2, 3))
    journal.append(lines(4, 2))
    assert sink.step() == 2
    assert written(lake_dir) == [1, 2, 3, 4]
    offset = before + len(lines(4)[0]) + 1
    minute = "2026-11-03T10:00"
    assert duplicates(lake_dir) == [(0, offset, "product_metrics.web_base", minute, "event-2")]
    assert catalog.load_table((EVENT, WEB)).properties[DECIDING] == ""
    assert sink.step() == 0


def test_step__again_within_one_batch__the_first_wins_across_partitions(
    journal: Writer, make: Callable[..., Sink], lake_dir: Path
) -> None:
    holder = SegmentWriter(journal.directory, tallying=TALLYING)  # holds partition 0
    journal.append(lines(1, 2, 1))
    holder.close()
    journal.append(lines(2, 3, 3, 1))
    assert make().step() == 7
    assert written(lake_dir) == [1, 2, 3]
    assert [row[0] for row in duplicates(lake_dir)] == [0, 1, 1, 1]
    assert [row[4] for row in duplicates(lake_dir)] == ["event-3", "event-1", "event-2", "event-1"]


def test_step__no_id_or_another_stream__is_no_duplicate(
    journal: Writer, make: Callable[..., Sink], lake_dir: Path
) -> None:
    without = {"stream": "product_metrics.web_base", "dt": "2026-11-22T10:00:00Z"}
    elsewhere = {**without, "stream": "another", "id": "event-1"}
    journal.append([*lines(1), *lines(1, 1, meta=without), *lines(1, meta=elsewhere)])
    sink = make()
    assert sink.step() == 4
    journal.append(lines(1, meta=without))
    assert sink.step() == 1
    assert written(lake_dir) == [1] * 5
    assert duplicates(lake_dir) == []


def test_step__after_the_window__written_again(
    journal: Writer,
    make: Callable[..., Sink],
    lake_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    sink = make()
    journal.append(lines(1))
    sink.step()
    clock.now += WINDOW - 1
    journal.append(lines(1))
    sink.step()
    clock.now += 2  # the duplicate was not written: the window counts from the first
    journal.append(lines(1))
    sink.step()
    assert written(lake_dir) == [1, 1]
    assert len(duplicates(lake_dir)) == 1


def test_step__more_ids_than_are_remembered__the_latest_are(
    journal: Writer, make: Callable[..., Sink], lake_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    sink = make(duplicate_ids=8)
    for number in range(12):
        journal.append(lines(number))
        sink.step()
        clock.now += 1
    journal.append(lines(0, 11))
    sink.step()
    assert written(lake_dir) == sorted([*range(12), 0])
    assert [row[4] for row in duplicates(lake_dir)] == ["event-11"]


def test_step__new_sink__knows_the_window_whatever_maintenance_did(
    journal: Writer,
    make: Callable[..., Sink],
    lake_dir: Path,
    catalog: SqlCatalog,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    sink = make()
    journal.append(lines(0))
    sink.step()
    clock.now += WINDOW + 1
    same_day = {"stream": "product_metrics.web_base", "dt": "2026-11-22T10:00:00Z"}
    for number in range(1, 6):
        clock.now += 100
        journal.append(lines(number, meta={**same_day, "id": f"event-{number}"}))
        sink.step()
    table = catalog.load_table((EVENT, WEB))
    assert join_small_files(table, Care(small_files=3)) == 5
    assert expire_snapshots(catalog.load_table((EVENT, WEB)), 1)
    journal.append(lines(0, 1, 2, 5))
    again = make()
    again.step()
    assert [row[4] for row in duplicates(lake_dir)] == ["event-1", "event-2", "event-5"]
    assert written(lake_dir) == [0, 0, 1, 2, 3, 4, 5], "0 is older than the window"


def test_step__written_by_a_rival_meanwhile__known(
    journal: Writer, make: Callable[..., Sink], lake_dir: Path
) -> None:
    with rival_of(lake_dir) as other:
        first, second = make(), make(other)
        journal.append(lines(1))
        assert first.step() == 1
        assert second.step() == 0
        journal.append(lines(2))
        assert second.step() == 1
        journal.append(lines(1, 2, 3))
        assert first.step() == 3
    assert written(lake_dir) == [1, 2, 3]
    assert len(duplicates(lake_dir)) == 2


@pytest.mark.parametrize("kill_at", ["rejected", "rows"])
def test_step__killed_after_duplicates_were_recorded__decisions_stay(
    journal: Writer,
    make: Callable[..., Sink],
    lake_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    kill_at: str,
) -> None:
    """The window has passed when the lines are read again: decided anew, 1 would be written."""
    clock = Clock(monkeypatch)
    sink = make()
    journal.append(lines(1))
    sink.step()
    journal.append([*lines(1, 2, 2), BAD])
    if kill_at == "rows":
        interrupt(monkeypatch, sink_module, WEB, kill)
    else:
        interrupt(monkeypatch, sifting_module, "rejected", kill)
    with pytest.raises(Killed):
        sink.step()
    monkeypatch.undo()
    clock = Clock(monkeypatch, clock.now + 2 * WINDOW)
    assert len(duplicates(lake_dir)) == 2
    assert written(lake_dir) == [1]
    journal.append([*lines(3, 1, 2), BAD])
    # A shorter batch than before: the recorded decisions reach beyond it.
    again = make(events=2)
    assert [again.step() for _ in range(5)] == [2, 2, 2, 2, 0]
    assert written(lake_dir) == [1, 1, 2, 3]
    assert [row[4] for row in duplicates(lake_dir)] == ["event-1", "event-2", "event-2"]
    assert len(unreadable(lake_dir)) == 2


@pytest.mark.parametrize("moment", ["marking", "duplicates", "rejected", "rows"])
@pytest.mark.parametrize("rivals_window", [WINDOW, 0.0], ids=["agrees", "sees no duplicate"])
def test_step__overtaken_by_a_rival_at_any_moment__each_line_accounted_for_once(
    journal: Writer,
    make: Callable[..., Sink],
    lake_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    rivals_window: float,
) -> None:
    """The rival's window is another, so that it would decide otherwise if it decided anew."""
    with rival_of(lake_dir) as other:
        sink, rival = make(), make(other, duplicate_seconds=rivals_window)
        journal.append(lines(1))
        sink.step()
        journal.append([*lines(1, 2), BAD])

        def overtake() -> None:
            assert rival.step() == 3

        module = sink_module if moment == "rows" else sifting_module
        interrupt(monkeypatch, module, WEB if moment in {"marking", "rows"} else moment, overtake)
        assert sink.step() == 0
        journal.append([*lines(3, 1, 1), BAD])
        while sink.step() or rival.step():
            pass
    total = len(written(lake_dir)) + len(duplicates(lake_dir)) + len(unreadable(lake_dir))
    assert total == 8
    places = [(row[0], row[1]) for row in duplicates(lake_dir)]
    assert len(places) == len(set(places))
    assert len(unreadable(lake_dir)) == 2
    assert len(unreadable(lake_dir)) == len(set(unreadable(lake_dir)))
    assert set(written(lake_dir)) == {1, 2, 3}


class Clock:
    """The sink's clock, which tests move on by minutes that nobody can wait for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, now: float = 1_800_000_000.0) -> None:
        self.now = now
        monkeypatch.setattr(sink_module, "time", lambda: self.now)


def kill() -> None:
    raise Killed


def interrupt(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, table: str, then: Callable[[], None]
) -> None:
    """Do something before the first commit that a module makes to a table."""

    def commit(target: Table, *arguments: object, **named: object) -> None:
        if target.name() == (EVENT, table):
            monkeypatch.setattr(module, "commit_if_unchanged", commit_if_unchanged)
            then()
        commit_if_unchanged(target, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "commit_if_unchanged", commit)


@contextmanager
def rival_of(lake_dir: Path) -> Iterator[SqlCatalog]:
    """The same lake opened once more, as another process would."""
    with closing(open_catalog(lake_dir)) as catalog:
        yield catalog
