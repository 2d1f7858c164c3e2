"""Questions: what is seen, what is pinned, what is out of reach."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import orjson
import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from tests.lake.lake_parts import WEB, web_event

from allotment.lake.catalog import EVENT
from allotment.lake.maintenance import Care, expire_snapshots, join_small_files, remove_dead_files
from allotment.lake.parsing import parse_lines
from allotment.lake.query import Answer, QueryError, connect, run_sql, snapshots
from allotment.lake.rendering import render
from allotment.lake.tables import ensure_event_tables, ensure_table
from allotment.lake.writing import append_rows

NAME = f"event.{WEB}"


def put(catalog: SqlCatalog, schemas: dict[str, pa.Schema], *numbers: int) -> None:
    ensure_event_tables(catalog, schemas)
    data = b"".join(orjson.dumps(web_event(number)) + b"\n" for number in numbers)
    append_rows(catalog.load_table((EVENT, WEB)), parse_lines(data, 0, schemas[WEB]).rows)


def count(lake_dir: Path, pinned: dict[str, int | None] | None = None) -> int:
    found: int = run_sql(lake_dir, f"select count(*) from {NAME}", pinned)[1][0][0]
    return found


def test_run_sql__empty_table__typed_columns_and_no_rows(
    lake_dir: Path, catalog: SqlCatalog, schemas: dict[str, pa.Schema]
) -> None:
    ensure_event_tables(catalog, schemas)
    answer = run_sql(lake_dir, f"select meta.dt, experiments.assigned['x'] from {NAME}")
    assert (len(answer.columns), answer.rows) == (2, [])


def test_connect__older_snapshot_pinned__older_rows(
    lake_dir: Path, catalog: SqlCatalog, schemas: dict[str, pa.Schema]
) -> None:
    ensure_event_tables(catalog, schemas)
    before = snapshots(lake_dir)
    put(catalog, schemas, 1)
    first = snapshots(lake_dir)
    put(catalog, schemas, 2)
    assert count(lake_dir) == 2
    assert count(lake_dir, first) == 1
    names = ("product_metrics_app_base", "rejected", "ledger", "duplicates")
    assert before == {NAME: None, **{f"event.{name}": None for name in names}}
    assert count(lake_dir, before) == 0


def test_connect__schema_widened__old_files_read_null_and_old_writer_still_appends(
    lake_dir: Path, catalog: SqlCatalog, schemas: dict[str, pa.Schema]
) -> None:
    put(catalog, schemas, 1)
    page = pa.struct([*schemas[WEB].field("page").type, pa.field("mood", pa.string())])
    index = schemas[WEB].get_field_index("page")
    wider = schemas[WEB].set(index, pa.field("page", page)).append(pa.field("weather", pa.string()))
    ensure_event_tables(catalog, {WEB: wider})
    sql = f"select page.mood, weather from {NAME} order by page.id"
    assert run_sql(lake_dir, sql).rows == [(None, None)]
    data = orjson.dumps(web_event(2, weather="rain", page={"id": 2, "mood": "calm"})) + b"\n"
    append_rows(catalog.load_table((EVENT, WEB)), parse_lines(data, 0, wider).rows)
    append_rows(
        catalog.load_table((EVENT, WEB)),
        parse_lines(orjson.dumps(web_event(3)) + b"\n", 0, schemas[WEB]).rows,
    )
    assert run_sql(lake_dir, sql).rows == [(None, None), ("calm", "rain"), (None, None)]
    table = catalog.load_table((EVENT, WEB))
    assert join_small_files(table, Care(small_files=1)) == 3
    assert run_sql(lake_dir, sql).rows == [(None, None), ("calm", "rain"), (None, None)]


def test_ensure_table__type_changed__refused(
    catalog: SqlCatalog, lake_dir: Path, schemas: dict[str, pa.Schema]
) -> None:
    ensure_table(catalog, (EVENT, "x"), pa.schema([pa.field("a", pa.string())]))
    with pytest.raises(Exception, match="a"):
        ensure_table(catalog, (EVENT, "x"), pa.schema([pa.field("a", pa.int64())]))


def test_connect__days__one_partition_each(
    catalog: SqlCatalog, schemas: dict[str, pa.Schema], lake_dir: Path
) -> None:
    put(catalog, schemas, 0, 1, 28, 29)
    files = list(catalog.load_table((EVENT, WEB)).scan().plan_files())
    days = [
        (datetime(2026, 11, day, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)).days
        for day in (1, 2)
    ]
    assert sorted(task.file.partition[0] for task in files) == days
    assert [task.file.record_count for task in files] == [2, 2]
    pruned = catalog.load_table((EVENT, WEB)).scan("meta.dt < '2026-11-02T00:00:00+00:00'")
    assert len(list(pruned.plan_files())) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('/etc/passwd')",
        "select * from glob('/*')",
        "select * from 'https://example.org/x.parquet'",
        "set enable_external_access = true",
        "copy (select 1) to '/allotment-must-not-exist'",
        "install httpfs",
        "attach '/allotment-must-not-exist.db'",
    ],
)
def test_connect__beyond_the_lake__refused(lake_dir: Path, sql: str) -> None:
    with closing(connect(lake_dir)) as connection, pytest.raises(duckdb.Error):
        connection.execute(sql).fetchall()


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("select 1; select 2", "one statement, not 2"),
        ("", "one statement, not 0"),
        ("create table x (a int)", "CREATE is not a question"),
        ("selec 1", "syntax error"),
        ("select * from event.nothing", "nothing does not exist"),
    ],
)
def test_run_sql__no_question__error_says_why(lake_dir: Path, sql: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        run_sql(lake_dir, sql)


def test_maintenance__reader_connected_before__keeps_its_files_for_the_grace_time(
    lake_dir: Path, catalog: SqlCatalog, schemas: dict[str, pa.Schema]
) -> None:
    for number in range(8):
        put(catalog, schemas, 28 * number)
    table = catalog.load_table((EVENT, WEB))
    with closing(connect(lake_dir)) as reader:
        assert join_small_files(table, Care(small_files=8)) == 8
        assert expire_snapshots(table, keep=1) == 8
        dead, removed = remove_dead_files(table, {}, grace_seconds=60)
        assert removed == []
        assert len([path for path in dead if path.endswith(".parquet")]) == 8
        assert reader.execute(f"select count(*) from {NAME}").fetchall() == [(8,)]
    later = max(dead.values()) + 61
    dead, removed = remove_dead_files(table, dead, grace_seconds=60, now=later)
    assert len([path for path in removed if path.suffix == ".parquet"]) == 8
    assert dead == {}
    assert not any(path.exists() for path in removed)
    assert count(lake_dir) == 8


def test_join__somebody_appended_meanwhile__nothing_lost(
    lake_dir: Path, catalog: SqlCatalog, schemas: dict[str, pa.Schema]
) -> None:
    for number in range(4):
        put(catalog, schemas, 28 * number)
    table = catalog.load_table((EVENT, WEB))
    put(catalog, schemas, 28 * 4)
    join_small_files(table, Care(small_files=4))
    put(catalog, schemas, 28 * 5)
    assert count(lake_dir) == 6


ANSWER = Answer(
    ["name", "n", "when", "tags"],
    [
        ("a,b", 5, datetime(2026, 11, 22, 9, 0, tzinfo=UTC), {"k": ["v"]}),
        (None, 12, None, None),
    ],
)


def test_render__table__aligned_with_null_and_count() -> None:
    lines = render(ANSWER, "table").splitlines()
    assert lines[0] == "name   n  when                  tags"
    assert lines[2] == 'a,b    5  2026-11-22T09:00:00Z  {"k":["v"]}'
    assert lines[3] == "NULL  12  NULL                  NULL"
    assert lines[4] == "(2 rows)"


def test_render__table_with_signs_for_the_terminal__as_escapes() -> None:
    sly = "a\x1b]0;title\x07\x9b2J\u202e\nb\u00e9"
    found = render(Answer(["x"], [(sly,), ({sly: sly},)]), "table")
    assert "a\\x1b]0;title\\x07\\x9b2J\\u202e\\nb\u00e9" in found
    assert all(line.isprintable() for line in found.splitlines())


def test_render__json__objects() -> None:
    assert orjson.loads(render(ANSWER, "json")) == [
        {"name": "a,b", "n": 5, "when": "2026-11-22T09:00:00Z", "tags": {"k": ["v"]}},
        {"name": None, "n": 12, "when": None, "tags": None},
    ]


def test_render__csv__quoted_with_header() -> None:
    assert render(ANSWER, "csv").split("\r\n") == [
        "name,n,when,tags",
        '"a,b",5,2026-11-22T09:00:00Z,"{""k"":[""v""]}"',
        ",12,,",
        "",
    ]


def test_render__unknown_format__error_lists_them() -> None:
    with pytest.raises(QueryError, match="'xml' is not known; give table, json, csv"):
        render(ANSWER, "xml")
