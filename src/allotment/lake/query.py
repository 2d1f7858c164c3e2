"""Questions over the lake: DuckDB over exactly the files of one snapshot of each table.

A folder is not the table (it also holds files of lost races and of joined files), so that each view
names its files one by one. What was connected sees the lake as it was at that moment, however long
it lives; connect again to see more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pyarrow as pa
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.schema import sanitize_column_names
from pyiceberg.table import Table

from allotment.lake.catalog import NAMESPACES, open_catalog
from allotment.lake.file_io import SyncedFileIO

Row = tuple[Any, ...]


class Answer(NamedTuple):
    """Column names, and rows with one value for each."""

    columns: list[str]
    rows: list[Row]


class QueryError(ValueError):
    """A question that cannot be answered; the message is for the person who asked."""


def snapshots(lake_dir: Path) -> dict[str, int | None]:
    """The present snapshot of every table, by `namespace.table`; None where nothing was written."""
    with closing(open_catalog(lake_dir)) as catalog:
        found: dict[str, int | None] = {}
        for namespace in NAMESPACES:
            for listed in catalog.list_tables(namespace):
                try:
                    snapshot = catalog.load_table(listed).current_snapshot()
                except NoSuchTableError:
                    continue
                found[".".join(listed)] = snapshot.snapshot_id if snapshot else None
        return found


def connect(
    lake_dir: Path,
    pinned: Mapping[str, int | None] | None = None,
    *,
    only: Collection[str] | None = None,
) -> duckdb.DuckDBPyConnection:
    """A connection with one view per table, named `event.…` and `analysis.…`.

    It can read the tables' files and nothing else: no other file, no network, no extension. Times
    are `TIMESTAMP WITH TIME ZONE` in UTC; fetch them through Arrow, as `fetch` does.

    Args:
        lake_dir: the lake; an empty one is made where there is none.
        pinned: by `namespace.table` the snapshot to read instead of the present one; None reads
            the table as it was before anything was written.
        only: the tables that will be asked for, by `namespace.table`, when they are known; others
            then have no view, and nothing is read to find their files.

    Raises:
        QueryError: a pinned snapshot is not kept any more, or a table holds row-level deletes.
    """
    with closing(open_catalog(lake_dir)) as catalog:
        tables = {
            name: catalog.load_table(name)
            for namespace in NAMESPACES
            for name in map(".".join, catalog.list_tables(namespace))
            if only is None or name in only
        }
    return connect_tables(tables, pinned)


def connect_tables(
    tables: Mapping[str, Table],
    pinned: Mapping[str, int | None] | None = None,
    *,
    without: Collection[str] = (),
) -> duckdb.DuckDBPyConnection:
    """As `connect`, of tables as they were loaded, by `namespace.table`.

    Args:
        tables: by name.
        pinned: as there.
        without: files that are not read, as `data_files` names them.

    Raises:
        QueryError: as `connect`.
    """
    connection = duckdb.connect()
    try:
        connection.execute("SET TimeZone = 'UTC'")
        allowed: list[str] = []
        for namespace in NAMESPACES:
            connection.execute(f'CREATE SCHEMA "{namespace}"')
        for name, table in tables.items():
            files = [f for f in _files(table, name, pinned or {}) if f not in without]
            connection.execute(_view(name, table, files))
            allowed += files
        connection.execute(f"SET allowed_paths = [{', '.join(map(_text, allowed))}]")
        connection.execute("SET python_enable_replacements = false")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
    except BaseException:
        connection.close()
        raise
    return connection


def data_files(table: Table, name: str) -> frozenset[str]:
    """The files of which a table, as it was loaded, consists: where each is on the disk.

    Raises:
        QueryError: as `connect`.
    """
    return frozenset(_files(table, name, {}))


def fetch(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: Sequence[object] | Mapping[str, object] | None = None,
) -> Answer:
    """Run one statement; maps come as dicts, structs as dicts, times as aware datetimes in UTC."""
    found: pa.Table = connection.execute(
        sql, parameters if isinstance(parameters, Mapping) else list(parameters or [])
    ).to_arrow_table()
    columns = [
        [_plain(value, field.type) for value in column.to_pylist()]
        for field, column in zip(found.schema, found.columns, strict=True)
    ]
    rows = list(zip(*columns, strict=True)) if columns else []
    return Answer(found.column_names, rows)


def run_sql(lake_dir: Path, sql: str, pinned: Mapping[str, int | None] | None = None) -> Answer:
    """Answer a question over the lake.

    Raises:
        QueryError: not one readable statement, one that would change something, or one that DuckDB
            refuses; the message is DuckDB's.
    """
    with closing(connect(lake_dir, pinned)) as connection:
        try:
            statements = connection.extract_statements(sql)
            if len(statements) != 1:
                raise QueryError(f"give one statement, not {len(statements)}")
            if statements[0].type not in {
                duckdb.StatementType.SELECT,
                duckdb.StatementType.EXPLAIN,
            }:
                raise QueryError(
                    f"{statements[0].type.name} is not a question; the lake is only read here:"
                    " use SELECT, DESCRIBE, SUMMARIZE or EXPLAIN"
                )
            return fetch(connection, sql)
        except duckdb.Error as error:
            raise QueryError(str(error)) from error


def _files(table: Table, name: str, pinned: Mapping[str, int | None]) -> list[str]:
    """The data files of the wanted snapshot, in a fixed order."""
    if name in pinned and pinned[name] is None:
        return []
    snapshot_id = pinned.get(name)
    if snapshot_id is not None and table.snapshot_by_id(snapshot_id) is None:
        raise QueryError(
            f"{name} has no snapshot {snapshot_id} any more; the lake keeps the latest ones only"
        )
    if not isinstance(table.io, SyncedFileIO):
        raise QueryError(f"{name} is not on this machine's disk")
    files = []
    for task in table.scan(snapshot_id=snapshot_id).plan_files():
        if task.delete_files:
            raise QueryError(
                f"{name} holds row-level deletes, which a list of files cannot show; rewrite"
                " the table with copy-on-write first"
            )
        files.append(str(table.io.path(task.file.file_path)))
    return sorted(files)


def _view(name: str, table: Table, files: Sequence[str]) -> str:
    """A view whose columns are the table's, whatever columns its files have."""
    schema = table.schema()
    # In the files a name such as `$schema` is written as Avro allows it.
    written = sanitize_column_names(schema).as_arrow()
    columns = ", ".join(
        f"{_name(stored.name)} AS {_name(field.name)}"
        for stored, field in zip(written, schema.fields, strict=True)
    )
    typed = ", ".join(f"NULL::{duckdb_type(f.type)} AS {_name(f.name)}" for f in written)
    source = f"SELECT {typed} WHERE false"
    if files:
        listed = ", ".join(map(_text, files))
        read = f"read_parquet([{listed}], union_by_name = true, hive_partitioning = false)"
        source += f" UNION ALL BY NAME SELECT * FROM {read}"  # noqa: S608 - quoted names
    return f"CREATE VIEW {identifier(name)} AS SELECT {columns} FROM ({source})"  # noqa: S608 - quoted names


_TYPES = (
    (pa.types.is_boolean, "BOOLEAN"),
    (pa.types.is_int32, "INTEGER"),
    (pa.types.is_int64, "BIGINT"),
    (pa.types.is_float32, "FLOAT"),
    (pa.types.is_float64, "DOUBLE"),
    (pa.types.is_date32, "DATE"),
    (pa.types.is_string, "VARCHAR"),
    (pa.types.is_large_string, "VARCHAR"),
    (pa.types.is_binary, "BLOB"),
    (pa.types.is_large_binary, "BLOB"),
)


def duckdb_type(kind: pa.DataType) -> str:
    """The DuckDB type of an Arrow type that a table of ours can have.

    Raises:
        ValueError: no such type is used by the lake.
    """
    if pa.types.is_struct(kind):
        inner = ", ".join(f"{_name(f.name)} {duckdb_type(f.type)}" for f in kind)
        return f"STRUCT({inner})"
    if pa.types.is_map(kind):
        return f"MAP({duckdb_type(kind.key_type)}, {duckdb_type(kind.item_type)})"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"{duckdb_type(kind.value_type)}[]"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMPTZ" if kind.tz else "TIMESTAMP"
    for test, name in _TYPES:
        if test(kind):
            return name
    raise ValueError(f"a column of type {kind} cannot be asked for; the lake makes none")


def _plain(value: object, kind: pa.DataType) -> object:
    """A value with its maps as dicts, which Arrow gives as lists of pairs."""
    if value is None:
        return None
    if pa.types.is_map(kind) and isinstance(value, list):
        return {key: _plain(item, kind.item_type) for key, item in value}
    if pa.types.is_struct(kind) and isinstance(value, dict):
        return {field.name: _plain(value[field.name], field.type) for field in kind}
    if (pa.types.is_list(kind) or pa.types.is_large_list(kind)) and isinstance(value, list):
        return [_plain(item, kind.value_type) for item in value]
    return value


def identifier(name: str) -> str:
    """`namespace.table` quoted, to be put into SQL."""
    return ".".join(map(_name, name.split(".")))


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
