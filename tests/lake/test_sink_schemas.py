"""The sink while schemas change: a real repository, journal and Iceberg tables."""

import os
import shutil
import time
from errno import ENOSPC
from pathlib import Path

import orjson
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from tests.lake.lake_parts import Writer

from allotment.contract.counting import UNREADABLE
from allotment.contract.schemas import SchemaRepository
from allotment.journal.segments import SegmentReader
from allotment.lake import sink as sink_module
from allotment.lake.query import run_sql
from allotment.lake.sink import Sink, SinkLimits
from allotment.lake.tables import TableSchemas


def write_schema(folder: Path, version: str, fields: str, title: str = "views") -> None:
    """A schema whose file was not written just now: it is complete."""
    (folder / title).mkdir(parents=True, exist_ok=True)
    file = folder / title / f"{version}.yaml"
    file.write_text(
        f"title: {title}\n$id: /{title}/{version}\ntype: object\nproperties:\n"
        "  meta: {type: object, properties: {dt: {type: string, format: date-time}}}\n" + fields
    )
    os.utime(file, (time.time() - 60,) * 2)


def test_step__schema_gains_a_field_and_a_title_comes__taken_without_a_restart(
    journal: Writer, catalog: SqlCatalog, lake_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "schemas"
    write_schema(folder, "1.0.0", "  a: {type: integer}\n")
    tables = TableSchemas(SchemaRepository([folder]))
    reader = SegmentReader(journal.directory)
    sink = Sink(reader, catalog, tables.schemas, refresh=tables.refresh)
    event = {"meta": {"dt": "2026-11-22T10:00:00Z"}, "a": 1}
    journal.append([orjson.dumps(event)], topic="views")
    assert sink.step() == 1
    write_schema(folder, "1.1.0", "  a: {type: integer}\n  b: {type: string}\n")
    write_schema(folder, "1.0.0", "  a: {type: integer}\n", title="clicks")
    journal.append([orjson.dumps({**event, "b": "new"})], topic="views")
    journal.append([orjson.dumps(event)], topic="clicks")
    assert sink.step() == 2
    assert run_sql(lake_dir, "select b from event.views order by all")[1] == [("new",), (None,)]
    assert run_sql(lake_dir, "select a from event.clicks")[1] == [(1,)]


def views(version: str, **fields: object) -> bytes:
    meta = {"dt": "2026-11-22T10:00:00Z"}
    return orjson.dumps({"$schema": f"/views/{version}", "meta": meta, **fields})


def test_step__type_of_a_field_changes__said_and_the_table_takes_the_rest(
    journal: Writer,
    catalog: SqlCatalog,
    lake_dir: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = tmp_path / "schemas"
    write_schema(folder, "1.0.0", "  a: {type: integer}\n")
    tables = TableSchemas(SchemaRepository([folder]))
    reader = SegmentReader(journal.directory)
    sink = Sink(reader, catalog, tables.schemas, refresh=tables.refresh)
    write_schema(folder, "2.0.0", "  a: {type: string}\n  b: {type: string}\n")
    journal.append(
        [views("1.0.0", a=1), views("2.0.0", a="x"), views("2.0.0", b="y")], topic="views"
    )
    assert sink.step() == 3
    assert "table views keeps its columns: a is int64 and not string" in caplog.text
    asked = "select a, b from event.views order by all"
    assert run_sql(lake_dir, asked)[1] == [(1, None), (None, "y")]
    assert run_sql(lake_dir, "select reason from event.rejected")[1] == [(UNREADABLE,)]


def test_sink__starts_where_a_type_has_changed__all_tables_go_on(
    journal: Writer, catalog: SqlCatalog, lake_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "schemas"
    reader = SegmentReader(journal.directory)
    write_schema(folder, "1.0.0", "  a: {type: array, items: {type: integer}}\n")
    Sink(reader, catalog, TableSchemas(SchemaRepository([folder])).schemas)
    write_schema(folder, "2.0.0", "  a: {type: array, items: {type: string}}\n")
    write_schema(folder, "1.0.0", "  a: {type: integer}\n", title="clicks")
    journal.append([views("1.0.0", a=[1])], topic="views")
    journal.append([views("1.0.0", a=2)], topic="clicks")
    sink = Sink(reader, catalog, TableSchemas(SchemaRepository([folder])).schemas)
    assert sink.step() == 2
    assert run_sql(lake_dir, "select a from event.views")[1] == [([1],)]
    assert run_sql(lake_dir, "select a from event.clicks")[1] == [(2,)]


def test_sink__two_titles_of_one_table__their_lines_wait_and_the_others_are_moved(
    journal: Writer,
    catalog: SqlCatalog,
    lake_dir: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder = tmp_path / "schemas"
    write_schema(folder, "1.0.0", "  a: {type: integer}\n")
    write_schema(folder, "1.0.0", "  a: {type: string}\n", title="Views")
    write_schema(folder, "1.0.0", "  a: {type: integer}\n", title="clicks")
    for topic in ("views", "clicks"):
        journal.append([views("1.0.0", a=2)], topic=topic)
    tables = TableSchemas(SchemaRepository([folder]))
    sink = Sink(SegmentReader(journal.directory), catalog, tables.schemas)
    assert sink.step() == 1
    assert run_sql(lake_dir, "select a from event.clicks")[1] == [(2,)]
    assert "'Views' and 'views' would share the table 'views'" in caplog.text
    shutil.rmtree(folder / "Views")
    sink = Sink(
        SegmentReader(journal.directory), catalog, TableSchemas(SchemaRepository([folder])).schemas
    )
    assert sink.step() == 1
    assert run_sql(lake_dir, "select a from event.views")[1] == [(2,)]


def test_step__newer_major_lacks_a_field__old_events_keep_it(
    journal: Writer, catalog: SqlCatalog, lake_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "schemas"
    write_schema(folder, "1.0.0", "  o: {type: object, properties: {a: {type: integer}}}\n")
    write_schema(folder, "2.0.0", "  o: {type: object, properties: {b: {type: integer}}}\n")
    tables = TableSchemas(SchemaRepository([folder]))
    sink = Sink(SegmentReader(journal.directory), catalog, tables.schemas)
    journal.append([views("1.0.0", o={"a": 1}), views("2.0.0", o={"b": 2})], topic="views")
    assert sink.step() == 2
    found = run_sql(lake_dir, "select o.a, o.b from event.views order by all")[1]
    assert found == [(1, None), (None, 2)]


def test_step__table_cannot_be_widened_at_first__is_tried_again(
    journal: Writer,
    catalog: SqlCatalog,
    lake_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "schemas"
    write_schema(folder, "1.0.0", "  a: {type: integer}\n")
    tables = TableSchemas(SchemaRepository([folder]))
    reader = SegmentReader(journal.directory)
    limits = SinkLimits(seconds=0, longest_pause_seconds=0)
    sink = Sink(reader, catalog, tables.schemas, limits, refresh=tables.refresh)
    write_schema(folder, "1.1.0", "  a: {type: integer}\n  b: {type: string}\n")
    journal.append([views("1.1.0", b="new")], topic="views")

    def full(*_: object) -> None:
        raise OSError(ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:  # no real disk is full for this one call alone
        patched.setattr(sink_module, "ensure_event_table", full)
        assert sink.step() == 0
    assert sink.step() == 1
    assert run_sql(lake_dir, "select b from event.views")[1] == [("new",)]
