"""What really came into the lake in the last day: names, fields, actions, subjects.

The check holds it against the configuration. Names are what events say, so anybody can make some
up: of each list only the most frequent are given.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa

from allotment.lake.query import QueryError, Row, connect, fetch, identifier

SECONDS = 120.0
"""How long all questions may take; longer, and nothing is said."""
_MOST_NAMES = 1000
_MOST_ACTIONS = 20_000
_REJECTED = "event.rejected"
_NO_EVENTS = frozenset({"rejected", "duplicates", "ledger"})
_DAY = timedelta(days=1)

_EXPERIMENTS = """
SELECT name, part, sum(events)::BIGINT, sum(awaiting)::BIGINT, sum(subjects)::BIGINT FROM (
    SELECT name, CASE WHEN forced THEN NULL ELSE part END AS part, count(*) AS events,
           count(*) FILTER (subject = 'awaiting') AS awaiting,
           CASE WHEN min(subject) = max(subject) THEN 1
                ELSE approx_count_distinct(subject) END AS subjects
    FROM (
        SELECT pair.key AS name, pair.value AS part,
               coalesce(experiments.coordinators[pair.key] <> 'default', false) AS forced,
               experiments.subject_ids[pair.key] AS subject
        FROM (
            SELECT experiments, unnest(map_entries(experiments.assigned)) AS pair
            FROM {table} WHERE meta.dt >= $since::TIMESTAMPTZ
        )
    ) GROUP BY ALL
) GROUP BY name, part ORDER BY 3 DESC, name, part LIMIT {most}
"""
_ACTIONS = """
SELECT name, action, count(*) FROM (
    SELECT unnest(map_keys(experiments.assigned)) AS name, action
    FROM {table} WHERE meta.dt >= $since::TIMESTAMPTZ
) GROUP BY ALL ORDER BY 3 DESC, name, action LIMIT {most}
"""
_INSTRUMENTS = """
SELECT instrument_name, action, count(*)
FROM {table} WHERE meta.dt >= $since::TIMESTAMPTZ AND instrument_name IS NOT NULL
GROUP BY ALL ORDER BY 3 DESC, 1, 2 LIMIT {most}
"""
_STREAMS = """
SELECT stream, sum(coalesce(events, 1))::BIGINT AS many FROM "event"."rejected"
WHERE received >= $since::TIMESTAMPTZ AND reason = 'unknown_stream' AND stream <> ''
GROUP BY stream ORDER BY many DESC, stream LIMIT {most}
"""


@dataclass
class Observed:
    """What came since a moment.

    `items` has how many events named each experiment or instrument, `strange_streams` how many were
    refused because nobody knows their stream, `fields` by stream the dotted paths that any of its
    events carried, `actions` by item the actions, `awaiting` by experiment the events without a
    subject id that should have one, `groups` by experiment and group (subjects, events); forced
    groups are left out there.
    """

    since: datetime
    items: dict[str, int] = field(default_factory=dict)
    strange_streams: dict[str, int] = field(default_factory=dict)
    fields: dict[str, set[str]] = field(default_factory=dict)
    actions: dict[str, set[str]] = field(default_factory=dict)
    awaiting: dict[str, int] = field(default_factory=dict)
    groups: dict[str, dict[str, tuple[int, int]]] = field(default_factory=dict)

    def count(self, name: str, events: int) -> None:
        """Events that named an item."""
        self.items[name] = self.items.get(name, 0) + events


def of_last_day(lake_dir: Path, now: datetime) -> Observed | None:
    """What came in the 24 hours before now; None where it took longer than `SECONDS`."""
    try:
        connection = connect(lake_dir)
    except QueryError:
        return None
    with closing(connection):
        clock = threading.Timer(SECONDS, connection.interrupt)
        clock.start()
        try:
            return _asked(connection, now - _DAY)
        except duckdb.InterruptException:
            return None
        finally:
            clock.cancel()


def _asked(connection: duckdb.DuckDBPyConnection, since: datetime) -> Observed:
    found = Observed(since)
    for table in _tables(connection):
        name = identifier(f"event.{table}")
        columns = _columns(connection, name)
        leaves = set(_leaves(columns))
        if "meta.stream" not in leaves or "meta.dt" not in leaves:
            continue
        _fields(connection, name, sorted(leaves), found)
        if {
            "experiments.assigned",
            "experiments.subject_ids",
            "experiments.coordinators",
        } <= leaves:
            _experiments(connection, name, found)
            if "action" in leaves:
                _take_actions(_rows(connection, _ACTIONS, name, found.since), found)
        if {"instrument_name", "action"} <= leaves:
            rows = _rows(connection, _INSTRUMENTS, name, found.since)
            _take_actions(rows, found)
            for item, _, events in rows:
                found.count(item, events)
    if "rejected" in _listed(connection):
        rows = _rows(connection, _STREAMS, "", found.since, most=_MOST_NAMES)
        found.strange_streams = {stream: int(many) for stream, many in rows}
    return found


def _rows(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    table: str,
    since: datetime,
    most: int = _MOST_ACTIONS,
) -> list[Row]:
    return fetch(connection, sql.format(table=table, most=most), {"since": since.isoformat()}).rows


def _fields(
    connection: duckdb.DuckDBPyConnection, table: str, leaves: list[str], found: Observed
) -> None:
    """The paths that have a value in any event, by stream."""
    counted = ", ".join(f"count({_path(leaf)})" for leaf in leaves)
    rows = fetch(
        connection,
        f"SELECT meta.stream, {counted} FROM {table}"  # noqa: S608 - quoted names
        " WHERE meta.dt >= $since::TIMESTAMPTZ GROUP BY ALL",
        {"since": found.since.isoformat()},
    ).rows
    for stream, *counts in rows:
        carried = {leaf for leaf, count in zip(leaves, counts, strict=True) if count}
        found.fields.setdefault(stream, set()).update(carried)


def _experiments(connection: duckdb.DuckDBPyConnection, table: str, found: Observed) -> None:
    for name, group, events, awaiting, subjects in _rows(
        connection, _EXPERIMENTS, table, found.since
    ):
        found.count(name, events)
        if awaiting:
            found.awaiting[name] = found.awaiting.get(name, 0) + awaiting
        if group is not None:
            groups = found.groups.setdefault(name, {})
            before = groups.get(group, (0, 0))
            groups[group] = (before[0] + (subjects or 0), before[1] + events)


def _take_actions(rows: list[Row], found: Observed) -> None:
    for name, action, _ in rows:
        if action is not None:
            found.actions.setdefault(name, set()).add(action)


def _listed(connection: duckdb.DuckDBPyConnection) -> list[str]:
    rows = connection.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = 'event'"
        " ORDER BY table_name"
    ).fetchall()
    return [row[0] for row in rows]


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    return [name for name in _listed(connection) if name not in _NO_EVENTS]


def _columns(connection: duckdb.DuckDBPyConnection, table: str) -> pa.Schema:
    found: pa.Table = connection.execute(f"SELECT * FROM {table} LIMIT 0").to_arrow_table()  # noqa: S608 - a quoted name
    return found.schema


def _leaves(columns: pa.Schema | pa.StructType, at: str = "") -> Iterator[str]:
    for column in columns:
        if pa.types.is_struct(column.type):
            yield from _leaves(column.type, f"{at}{column.name}.")
        else:
            yield f"{at}{column.name}"


def _path(leaf: str) -> str:
    return ".".join('"' + step.replace('"', '""') + '"' for step in leaf.split("."))
