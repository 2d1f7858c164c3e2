"""What of an experiment or an instrument came into the lake in the last day: did it work?

Counts of events, not of subjects: whether both groups are measured, since when, from which sites,
and what was refused. Nothing here decides anything.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path

import duckdb

from allotment.lake.query import QueryError, Row, connect, fetch, identifier

SECONDS = 2.0
"""How long the questions may take; longer, and nothing is said."""
_KEPT_SECONDS = 10
_REJECTED = "event.rejected"
_SITES = 50

_OF_EXPERIMENT = """
    SELECT date_trunc('hour', meta.dt) AS hour, meta.dt AS moment,
           coalesce(mediawiki.database, '') AS site,
           CASE WHEN experiments.coordinators[$name] = 'default'
                THEN experiments.assigned[$name] END AS part
    FROM {table}
    WHERE meta.stream = $stream AND meta.dt >= $since::TIMESTAMPTZ
      AND experiments.assigned[$name] IS NOT NULL
"""
_OF_INSTRUMENT = """
    SELECT date_trunc('hour', meta.dt) AS hour, meta.dt AS moment,
           coalesce(mediawiki.database, '') AS site, coalesce(action, '') AS part
    FROM {table}
    WHERE meta.stream = $stream AND meta.dt >= $since::TIMESTAMPTZ AND instrument_name = $name
"""


@dataclass(frozen=True, slots=True)
class Source:
    """Whose events: the name, its stream, and the table that the stream's events land in."""

    name: str
    stream: str
    table: str
    experiment: bool = True


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Events since a moment, by part: an experiment's groups, or an instrument's actions.

    `hours` has the beginning of each hour with an event, and how many of each part came in it;
    `forced` counts those of groups that somebody forced, which are in no part; `refused` has how
    many events of the stream that name it the intake refused, by reason.
    """

    since: datetime
    last: datetime | None
    parts: dict[str, int]
    hours: tuple[tuple[datetime, dict[str, int]], ...]
    sites: tuple[tuple[str, int], ...]
    forced: int
    refused: tuple[tuple[str, int], ...]


def of_last_day(lake_dir: Path, source: Source, now: datetime) -> Arrivals | None:
    """What came in the 24 hours before now; None where the questions took longer than `SECONDS`,
    and where the table of a custom schema lacks the columns that tell.

    An answer is kept for ten seconds.
    """
    asked = int(now.timestamp() // _KEPT_SECONDS) * _KEPT_SECONDS
    since = datetime.fromtimestamp(asked, UTC) - timedelta(days=1)
    return _found(lake_dir, source, since)


@lru_cache(maxsize=64)
def _found(lake_dir: Path, source: Source, since: datetime) -> Arrivals | None:
    try:
        connection = connect(lake_dir, only=(source.table, _REJECTED))
    except QueryError:
        return None
    with closing(connection), _limited(connection):
        try:
            return _asked(connection, source, since)
        except (duckdb.InterruptException, duckdb.BinderException):
            return None


@contextmanager
def _limited(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    clock = threading.Timer(SECONDS, connection.interrupt)
    clock.start()
    try:
        yield
    finally:
        clock.cancel()


def _asked(connection: duckdb.DuckDBPyConnection, source: Source, since: datetime) -> Arrivals:
    given = {"name": source.name, "stream": source.stream, "since": since.isoformat()}
    seen = (_OF_EXPERIMENT if source.experiment else _OF_INSTRUMENT).format(
        table=identifier(source.table)
    )
    by_hour: list[Row] = []
    by_site: list[Row] = []
    if _there(connection, source.table):
        by_hour = fetch(
            connection,
            f"SELECT hour, part, count(*), max(moment) FROM ({seen})"  # noqa: S608 - a quoted name
            " GROUP BY ALL ORDER BY ALL",
            given,
        ).rows
        by_site = fetch(
            connection,
            f"SELECT site, count(*) AS many FROM ({seen}) GROUP BY site"  # noqa: S608 - a quoted name
            f" ORDER BY many DESC, site LIMIT {_SITES}",
            given,
        ).rows
    parts: dict[str, int] = {}
    hours: dict[datetime, dict[str, int]] = {}
    forced = 0
    for hour, part, many, _ in by_hour:
        if part is None:
            forced += many
            continue
        parts[part] = parts.get(part, 0) + many
        hours.setdefault(hour, {})[part] = many
    return Arrivals(
        since=since,
        last=max((row[3] for row in by_hour), default=None),
        parts=parts,
        hours=tuple(hours.items()),
        sites=tuple((site, many) for site, many in by_site),
        forced=forced,
        refused=_refused(connection, given),
    )


def _refused(
    connection: duckdb.DuckDBPyConnection, given: dict[str, str]
) -> tuple[tuple[str, int], ...]:
    if not _there(connection, _REJECTED):
        return ()
    rows = fetch(
        connection,
        f"SELECT reason, count(*) AS many FROM {_REJECTED}"  # noqa: S608 - a constant
        " WHERE received >= $since::TIMESTAMPTZ AND stream = $stream AND contains(raw, $quoted)"
        " GROUP BY reason ORDER BY many DESC, reason",
        {"since": given["since"], "stream": given["stream"], "quoted": f'"{given["name"]}"'},
    ).rows
    return tuple((reason, many) for reason, many in rows)


def _there(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    schema, _, name = table.partition(".")
    found = connection.execute(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = ?",
        [schema, name],
    ).fetchone()
    return found is not None
