"""The ledger's side of the tables: what one state of each of them holds, by stream and minute."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from typing import Final, TypeAlias

import duckdb
import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.table import Table

from allotment.contract.counting import UNKNOWN_STREAM, minute_text
from allotment.contract.masking import SEALED
from allotment.contract.tables import DUPLICATES, LEDGER, REJECTED, RESERVED
from allotment.lake.balance import Accounts
from allotment.lake.catalog import EVENT
from allotment.lake.offsets import COVERED, OFFSET
from allotment.lake.query import connect_tables, identifier

Place: TypeAlias = tuple[str, str, int]
"""Journal, topic, partition number."""

_DAY_ONE: Final = "0002-01-01T00:00"
_LAST_DAY: Final = "9999-01-01T00:00"
_PLACES: Final = pa.schema(
    [
        pa.field("journal", pa.string()),
        pa.field("topic", pa.string()),
        pa.field("partition", pa.int32()),
        pa.field("offset", pa.int64()),
    ]
)


class Tables:
    """Every table that the ledger asks, each as it was when it was loaded.

    The tables of events are loaded first: what is recorded of their lines up to their positions is
    then in the others.
    """

    def __init__(self, catalog: Catalog) -> None:
        """Load them; those that no sink has made yet are left out."""
        listed = sorted(name for _, name in catalog.list_tables(EVENT))
        names = [name for name in listed if name not in RESERVED]
        self._tables: dict[str, Table] = {}
        for name in (*names, REJECTED, DUPLICATES, LEDGER):
            try:
                self._tables[name] = catalog.load_table((EVENT, name))
            except NoSuchTableError:
                continue
        self.events = [name for name in names if name in self._tables]

    @property
    def lake(self) -> str | None:
        """The lake's id; None where no sink has begun it."""
        ledger = self._tables.get(LEDGER)
        return None if ledger is None else str(ledger.metadata.table_uuid)

    def properties(self) -> dict[str, dict[str, str]]:
        """The properties of each table, by name."""
        return {name: dict(table.properties) for name, table in self._tables.items()}

    def positions(self) -> dict[Place, int]:
        """Up to where each partition of every journal is in its table."""
        found: dict[Place, int] = {}
        for topic, table in self._tables.items():
            for key, value in table.properties.items():
                if key.startswith(OFFSET):
                    journal, _, number = key.removeprefix(OFFSET).partition(".")
                    found[journal, topic, int(number)] = int(value)
        return found

    def covered(self) -> dict[Place, int]:
        """Up to where the lines of each partition are counted in the ledger's table."""
        found: dict[Place, int] = {}
        ledger = self._tables.get(LEDGER)
        for key, value in {} if ledger is None else ledger.properties.items():
            if key.startswith(COVERED):
                journal, topic, number = key.removeprefix(COVERED).split(".")
                found[journal, topic, int(number)] = int(value)
        return found

    def count(self, accounts: Accounts, covered: Mapping[Place, int], since: str) -> None:
        """Add what the tables hold from a minute on.

        Args:
            accounts: where to.
            covered: up to where each partition is counted, in the table or beyond it in the
                journal; rows of a stretch that reaches further are a part of it only.
            since: the first minute.
        """
        tables = {f"{EVENT}.{name}": table for name, table in self._tables.items()}
        with closing(connect_tables(tables)) as connection:
            connection.register("covered", _places(covered))
            connection.register("positions", _places(self.positions()))
            if LEDGER in self._tables:
                _count_tally(connection, accounts, since)
            for name in self.events:
                _count_written(connection, accounts, name, since)
            if DUPLICATES in self._tables:
                _count_duplicates(connection, accounts, since)
            if REJECTED in self._tables:
                _count_unreadable(connection, accounts, since)
                _count_rejected(connection, accounts, since)


def _places(offsets: Mapping[Place, int]) -> pa.Table:
    rows = [(*place, offset) for place, offset in offsets.items()]
    return pa.Table.from_pylist(
        [dict(zip(_PLACES.names, row, strict=True)) for row in rows], schema=_PLACES
    )


_OF_MINUTE: Final = "(minute >= $since OR minute = '')"
_DONE: Final = (
    "JOIN positions p ON p.journal = t.journal AND p.topic = t.topic"
    ' AND p."partition" = t."partition" AND t."offset" < p."offset"'
)
"""What is recorded beyond a position is decided, and not yet done."""


def _count_tally(connection: duckdb.DuckDBPyConnection, accounts: Accounts, since: str) -> None:
    sql = f"""
        SELECT t.stream, t.minute, t.outcome, sum(t.events)
        FROM {identifier(f"{EVENT}.{LEDGER}")} t LEFT JOIN covered c
        ON c.journal = t.journal AND c.topic = t.topic AND c."partition" = t."partition"
        WHERE t.events > 0 AND {_OF_MINUTE} AND (t.topic IS NULL OR t."end" <= c."offset")
        GROUP BY ALL"""  # noqa: S608 -- names of ours
    for stream, minute, outcome, events in connection.execute(sql, {"since": since}).fetchall():
        accounts.tally({(stream, minute, outcome): int(events)})


def _count_written(
    connection: duckdb.DuckDBPyConnection, accounts: Accounts, name: str, since: str
) -> None:
    columns = connection.execute(f"DESCRIBE {identifier(f'{EVENT}.{name}')}").fetchall()
    has_stream = any(column[0] == "meta" and "stream" in column[1] for column in columns)
    stream = f"coalesce(meta.stream, '{UNKNOWN_STREAM}')" if has_stream else f"'{UNKNOWN_STREAM}'"
    sql = f"""
        SELECT {stream}, CAST(floor(epoch(meta.dt) / 60) AS BIGINT), count(*)
        FROM {identifier(f"{EVENT}.{name}")}
        WHERE meta.dt >= CAST($since AS TIMESTAMPTZ) OR meta.dt IS NULL
        OR meta.dt < CAST('{_DAY_ONE}' AS TIMESTAMPTZ)
        OR meta.dt >= CAST('{_LAST_DAY}' AS TIMESTAMPTZ)
        GROUP BY ALL"""  # noqa: S608 -- names of ours
    for found, minutes, events in connection.execute(sql, {"since": since}).fetchall():
        accounts[found, minute_text(minutes)].written += events


def _count_duplicates(
    connection: duckdb.DuckDBPyConnection, accounts: Accounts, since: str
) -> None:
    sql = f"""
        SELECT t.stream, t.minute, count(*) FROM {identifier(f"{EVENT}.{DUPLICATES}")} t {_DONE}
        WHERE {_OF_MINUTE} GROUP BY ALL"""  # noqa: S608 -- names of ours
    for stream, minute, events in connection.execute(sql, {"since": since}).fetchall():
        accounts[stream, minute].duplicate += events


def _count_unreadable(
    connection: duckdb.DuckDBPyConnection, accounts: Accounts, since: str
) -> None:
    sql = f"""
        SELECT t.counted_as, t.minute, count(*)
        FROM {identifier(f"{EVENT}.{REJECTED}")} t {_DONE}
        WHERE {_OF_MINUTE} AND t.topic NOT IN ('{REJECTED}', '{SEALED}', '{LEDGER}')
        GROUP BY ALL"""  # noqa: S608 -- names of ours
    for stream, minute, events in connection.execute(sql, {"since": since}).fetchall():
        accounts[stream, minute].unreadable += events


def _count_rejected(connection: duckdb.DuckDBPyConnection, accounts: Accounts, since: str) -> None:
    """What the intake rejected, and lines of the rejected that could not be read themselves."""
    columns = connection.execute(f"DESCRIBE {identifier(f'{EVENT}.{REJECTED}')}").fetchall()
    # A lake of before has no such column until its sink has begun.
    weight = "coalesce(events, 1)" if any(c[0] == "events" for c in columns) else "1"
    sql = f"""
        SELECT counted_as, CAST(floor(epoch(received) / 60) AS BIGINT), minute, reason,
        sum({weight})
        FROM {identifier(f"{EVENT}.{REJECTED}")}
        WHERE (topic IS NULL AND (received >= CAST($since AS TIMESTAMPTZ) OR received IS NULL))
        OR (topic = '{REJECTED}' AND {_OF_MINUTE})
        GROUP BY ALL"""  # noqa: S608 -- names of ours
    for stream, minutes, minute, reason, events in connection.execute(
        sql, {"since": since}
    ).fetchall():
        at = minute if minute is not None else minute_text(minutes)
        kept = accounts[stream or UNKNOWN_STREAM, at].kept
        kept[reason] = kept.get(reason, 0) + int(events)
