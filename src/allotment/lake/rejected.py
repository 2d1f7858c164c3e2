"""Search in the rejected events: those in the lake, and those that still wait in the journal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from allotment.contract.tables import REJECTED, REPLAYS
from allotment.lake.catalog import EVENT, open_catalog
from allotment.lake.parsing import parse_lines
from allotment.lake.query import connect, fetch
from allotment.lake.tables import REJECTED_SCHEMA
from allotment.lake.waiting import waiting

COUNTED: Final[Mapping[str, str]] = {
    "reason": "reason",
    "stream": "counted_as",
    "schema": "schema",
    "sdk": "concat_ws('/', sdk, sdk_version)",
}
"""By what rejected events can be counted."""
PAGE_EVENTS: Final = 500
"""So many come in a page, of at most 64 KiB each."""
_NAME: Final = f"{EVENT}.{REJECTED}"
_REPLAYS: Final = f"{EVENT}.{REPLAYS}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which rejected events; what is not given does not matter."""

    identifiers: tuple[str, ...] = ()
    """Beginnings of ids."""
    stream: str | None = None
    schema: str | None = None
    """A uri, or a title."""
    reason: str | None = None
    sdk: str | None = None
    """A name, or name/version."""
    since: datetime | None = None
    until: datetime | None = None
    texts: tuple[str, ...] = field(default=(), repr=False)
    """One of these is in the raw event or in an error; upper and lower case are one."""
    unsent: bool = False
    """Only those whose event has not arrived through a replay."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """One row of `event.rejected`."""

    id: str | None
    received: datetime
    counted_as: str | None
    stream: str | None
    schema: str | None
    sdk: str | None
    sdk_version: str | None
    reason: str
    errors: list[str]
    size: int | None
    truncated: bool | None
    raw: str
    journal: str | None
    topic: str | None
    partition: int | None
    offset: int | None
    minute: str | None
    events: int | None
    """For how many it stands that were counted and not kept; None: for one."""


_COLUMNS: Final = ", ".join(f'"{column.name}"' for column in fields(Rejection))


def find(
    lake_dir: Path, journal_dir: Path, search: Search, limit: int | None = None
) -> tuple[list[Rejection], int]:
    """Rejected events, the newest first, and how many there are without the limit."""
    where, values = _condition(search)
    with _all(lake_dir, journal_dir) as connection:
        ((total,),) = fetch(connection, f"SELECT count(*) FROM everything WHERE {where}", values)[1]  # noqa: S608 -- ours
        sql = f"SELECT {_COLUMNS} FROM everything WHERE {where} ORDER BY received DESC, id"  # noqa: S608 -- ours
        if limit is not None:
            sql += f" LIMIT {int(limit)}"
        rows = fetch(connection, sql, values)[1]
    return [Rejection(*row) for row in rows], total


def pages(lake_dir: Path, journal_dir: Path, search: Search) -> Iterator[list[Rejection]]:
    """Those of now that have an id, for who goes through all of them: some at a time.

    First those that still wait in the journal, then those in the lake, the newest first. Of those
    that wait the ids are remembered, of all others nothing: what is rejected anew meanwhile does
    not come, nor does one twice that the sink moves meanwhile.

    Raises:
        WaitingError: journal and lake do not belong together.
    """
    now = datetime.now(UTC)
    search = replace(search, until=min(search.until or now, now))
    seen: set[str | None] = set()
    with closing(open_catalog(lake_dir)) as catalog:
        for batch in waiting(catalog, journal_dir, REJECTED):
            rows = parse_lines(batch.data, batch.start, REJECTED_SCHEMA).rows
            with _view(lake_dir, rows, lake=False) as connection:
                found = _page(connection, search, None, None)
            seen.update(one.id for one in found)
            for first in range(0, len(found), PAGE_EVENTS):
                yield found[first : first + PAGE_EVENTS]
    last: Rejection | None = None
    while True:
        with _view(lake_dir, REJECTED_SCHEMA.empty_table()) as connection:
            found = _page(connection, search, last, PAGE_EVENTS)
        if page := [one for one in found if one.id not in seen]:
            yield page
        if len(found) < PAGE_EVENTS:
            return
        last = found[-1]


def _page(
    connection: duckdb.DuckDBPyConnection, search: Search, last: Rejection | None, limit: int | None
) -> list[Rejection]:
    """Those after one of them, in the order of `pages`."""
    where, values = _condition(search)
    sql = f"SELECT id, received FROM everything WHERE id IS NOT NULL AND {where}"  # noqa: S608 -- ours
    if last is not None:
        sql += " AND (received < ? OR (received = ? AND id > ?))"
        values += [last.received, last.received, last.id]
    sql += " ORDER BY received DESC, id"
    if limit is not None:
        sql += f" LIMIT {int(limit)}"
    chosen = fetch(connection, sql, values)[1]
    if not chosen:
        return []
    # The large columns are read of these alone.
    names = [name for name, _ in chosen]
    sql = (
        f"SELECT {_COLUMNS} FROM everything WHERE received BETWEEN ? AND ?"  # noqa: S608 -- ours
        " AND id IN (SELECT unnest(?)) ORDER BY received DESC, id"
    )
    span = (chosen[-1][1], chosen[0][1])
    return [Rejection(*row) for row in fetch(connection, sql, [*span, names])[1]]


def count(
    lake_dir: Path, journal_dir: Path, search: Search, by: str
) -> list[tuple[str | None, int, datetime, datetime]]:
    """By reason, stream, schema or sdk: how many, the first and the last; the most first.

    Raises:
        KeyError: `by` is none of `COUNTED`.
    """
    where, values = _condition(search)
    sql = (
        f"SELECT nullif({COUNTED[by]}, '') AS what, sum(coalesce(events, 1)) AS many,"  # noqa: S608 -- ours
        f" min(received), max(received) FROM everything WHERE {where} GROUP BY what"
        " ORDER BY many DESC, what"
    )
    with _all(lake_dir, journal_dir) as connection:
        return [
            (what, int(events), first, last)
            for what, events, first, last in fetch(connection, sql, values)[1]
        ]


def _condition(search: Search) -> tuple[str, list[object]]:
    """SQL and its values."""
    unsent = "id IS NULL OR id NOT IN (SELECT rejection FROM arrived)"
    parts: list[str] = [f"({unsent})" if search.unsent else "true"]
    values: list[object] = []

    def add(sql: str, *given: object) -> None:
        parts.append(f"({sql})")
        values.extend(given)

    if search.identifiers:
        add(" OR ".join(["starts_with(id, ?)"] * len(search.identifiers)), *search.identifiers)
    if search.stream is not None:
        add("stream = ? OR counted_as = ?", search.stream, search.stream)
    if search.schema is not None:
        uri = "/" + search.schema.strip("/")
        add("schema = ? OR schema = ? OR starts_with(schema, ?)", search.schema, uri, f"{uri}/")
    if search.reason is not None:
        add("reason = ?", search.reason)
    if search.sdk is not None:
        add("sdk = ? OR concat_ws('/', sdk, sdk_version) = ?", search.sdk, search.sdk)
    if search.since is not None:
        add("received >= ?", search.since)
    if search.until is not None:
        add("received < ?", search.until)
    if search.texts:
        one = "contains(lower(concat_ws(chr(10), raw, array_to_string(errors, chr(10)))), lower(?))"
        add(" OR ".join([one] * len(search.texts)), *search.texts)
    return " AND ".join(parts), values


@contextmanager
def _all(lake_dir: Path, journal_dir: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the view `everything`: of the lake, and what waits in the journal."""
    # First the journal: what the sink moves meanwhile is then seen twice, not missed, and told by
    # its id.
    unmoved = _waiting(lake_dir, journal_dir)
    with _view(lake_dir, unmoved) as connection:
        yield connection


@contextmanager
def _view(
    lake_dir: Path, unmoved: pa.Table, *, lake: bool = True
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the views `everything` and `arrived` (through a replay)."""
    with closing(connect(lake_dir, only={_REPLAYS, *({_NAME} if lake else ())})) as connection:
        connection.register("waiting", unmoved)
        tables = {row[0] for row in fetch(connection, "SELECT view_name FROM duckdb_views()")[1]}
        sql = f"SELECT {_COLUMNS} FROM waiting"  # noqa: S608 -- ours
        if REJECTED in tables:
            sql = (
                # By name: a lake of before lacks columns until its sink has begun.
                f"SELECT * FROM {_NAME} UNION ALL BY NAME {sql}"  # noqa: S608 -- ours
                f" WHERE id NOT IN (SELECT id FROM {_NAME} WHERE id IS NOT NULL)"
            )
        connection.execute(f"CREATE TEMP VIEW everything AS {sql}")
        sql = "SELECT NULL::VARCHAR AS rejection WHERE false"
        if REPLAYS in tables:
            sql = f"SELECT rejection FROM {_REPLAYS} WHERE state = 'done'"  # noqa: S608 -- ours
        connection.execute(f"CREATE TEMP VIEW arrived AS {sql}")
        yield connection


def _waiting(lake_dir: Path, journal_dir: Path) -> pa.Table:
    """Rejected events that are durable and that the sink has not moved yet."""
    with closing(open_catalog(lake_dir)) as catalog:
        tables = [
            parse_lines(batch.data, batch.start, REJECTED_SCHEMA).rows
            for batch in waiting(catalog, journal_dir, REJECTED)
        ]
    return pa.concat_tables([REJECTED_SCHEMA.empty_table(), *tables])


def shortest_prefixes(rejections: Sequence[Rejection], least: int = 8) -> int:
    """How many characters of the ids tell these rejections apart."""
    names = sorted(r.id for r in rejections if r.id)
    length = least
    for one, other in pairwise(names):
        while length < len(one) and one[:length] == other[:length]:
            length += 1
    return length


def as_dict(rejection: Rejection) -> dict[str, Any]:
    """The row's columns by name."""
    return asdict(rejection)
