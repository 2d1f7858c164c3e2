"""The durable record of replays, and whether an event is there already.

Every event that is sent again is first recorded as begun, and as done or refused once its fate is
known. A replay that was killed in between leaves events that are begun; whether those arrived is
then looked up by stream and `meta.id`, as the sink knows events, in the lake and in what the
journal holds for it.

A commit of the record carries the number of the last one and is refused where somebody else has
recorded meanwhile, so that two replays that know nothing of each other cannot both begin an event.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import orjson
import pyarrow as pa
from pydantic import Field
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException, ValidationException
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update import ValidatableTableRequirement

from allotment.contract.tables import REPLAYS
from allotment.lake.arrow_schema import TIMESTAMP
from allotment.lake.catalog import EVENT
from allotment.lake.maintenance import Care, expire_snapshots, join_small_files
from allotment.lake.query import connect, fetch, identifier
from allotment.lake.tables import ensure_table
from allotment.lake.waiting import waiting
from allotment.lake.writing import merge_append

REPLAYS_SCHEMA = pa.schema(
    [
        pa.field("rejection", pa.string()),
        pa.field("event_id", pa.string()),
        pa.field("state", pa.string()),
        pa.field("number", pa.int64()),
        pa.field("at", TIMESTAMP),
        pa.field("who", pa.string()),
        pa.field("mended", pa.string()),
        pa.field("topic", pa.string()),
        pa.field("dt", TIMESTAMP),
        pa.field("stream", pa.string()),
    ]
)
Key: TypeAlias = tuple[str, str | None, str]
"""Topic, stream and `meta.id`: what an event is known by."""
_OF_REJECTIONS: Final = """
    SELECT * FROM {source} WHERE rejection IN (SELECT unnest(?))
    QUALIFY row_number() OVER (
        PARTITION BY rejection
        ORDER BY state = 'done' DESC, if(state = 'done', -number, number) DESC
    ) = 1
"""
_ARRIVED: Final = """
    SELECT DISTINCT rejection FROM {source}
    WHERE state = 'done' AND rejection IN (SELECT unnest(?))
"""
_OF_EVENTS: Final = """
    SELECT DISTINCT topic, stream, event_id FROM {source}
    WHERE state = 'done' AND event_id IN (SELECT unnest(?))
"""
_NUMBER: Final = "allotment.replays"
_NAME: Final = f"{EVENT}.{REPLAYS}"
_MARGIN: Final = timedelta(seconds=1)


class State(StrEnum):
    """How far the replay of one rejected event is."""

    BEGUN = "begun"
    DONE = "done"
    REFUSED = "refused"


class RivalError(RuntimeError):
    """Somebody else has recorded a replay meanwhile; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One event that is sent again."""

    rejection: str
    event_id: str
    topic: str
    """The table that it lands in."""
    dt: datetime
    """Its `meta.dt`."""
    mended: str = ""
    """What was changed, in words."""
    stream: str | None = None
    """Its `meta.stream`; None in what was recorded before that was kept: any stream is its."""

    @property
    def key(self) -> Key:
        """What the event is known by."""
        return self.topic, self.stream, self.event_id

    def is_event(self, stream: str | None) -> bool:
        """Whether an event of its topic and id is this one; None: nothing says of which stream."""
        return stream is None or self.stream in {None, stream}


@dataclass(frozen=True, slots=True)
class Recorded:
    """The latest that is recorded of a replay."""

    replay: Replay
    state: State
    at: datetime
    who: str


class AssertNumber(ValidatableTableRequirement):
    """The last commit of the record must be this one."""

    type: Literal["assert-allotment-replays"] = Field(default="assert-allotment-replays")
    number: int

    def validate(self, base_metadata: TableMetadata | None) -> None:  # type: ignore[override]
        """Compare with the current metadata.

        Raises:
            CommitFailedException: another replay has recorded something.
        """
        found = _number({} if base_metadata is None else base_metadata.properties)
        if found != self.number:
            raise CommitFailedException(f"replay {found} was recorded after {self.number}")


class Record:
    """The record: asked about some rejections at a time, and added to by this process alone."""

    def __init__(self, catalog: Catalog, lake_dir: Path, who: str) -> None:
        """Write in the name of `who`, from where the record stands now."""
        self._table = ensure_table(catalog, (EVENT, REPLAYS), REPLAYS_SCHEMA)
        self._lake_dir, self._who = lake_dir, who
        self._number = _number(self._table.properties)

    def of(self, rejections: Collection[str]) -> dict[str, Recorded]:
        """By rejection the latest that is known of it."""
        return recorded(self._lake_dir, rejections)

    def done(self, replays: Collection[Replay]) -> set[Key]:
        """Which of these events have arrived through a replay, perhaps of other rejections."""
        wanted: dict[str, list[Replay]] = {}
        for replay in replays:
            wanted.setdefault(replay.event_id, []).append(replay)
        rows = _rows(self._lake_dir, _OF_EVENTS, sorted(wanted))
        return {
            replay.key
            for row in rows
            for replay in wanted[row["event_id"]]
            if row["topic"] == replay.topic and replay.is_event(row["stream"])
        }

    def add(self, replays: Iterable[Replay], state: State) -> None:
        """Record; durable when it returns.

        Raises:
            RivalError: somebody else has recorded meanwhile; nothing of this is recorded.
        """
        found = list(replays)
        if not found:
            return
        now = datetime.now(UTC)
        number = self._number + 1
        rows = [
            {
                "rejection": one.rejection,
                "event_id": one.event_id,
                "state": state.value,
                "number": number,
                "at": now,
                "who": self._who,
                "mended": one.mended,
                "topic": one.topic,
                "dt": one.dt,
                "stream": one.stream,
            }
            for one in found
        ]
        transaction = self._table.transaction()
        transaction._requirements += (AssertNumber(number=self._number),)  # type: ignore[operator]  # noqa: SLF001
        merge_append(transaction, self._table, pa.Table.from_pylist(rows, schema=REPLAYS_SCHEMA))
        transaction.set_properties({_NUMBER: str(number)})
        try:
            transaction.commit_transaction()
        except CommitFailedException as refused:
            raise RivalError(
                "somebody else replays at this moment; run the command again when they are through"
            ) from refused
        self._number = number

    def tidy(self) -> None:
        """Join the small files of many commits, unless somebody is in the way."""
        with suppress(CommitFailedException, ValidationException):
            join_small_files(self._table, Care())
            expire_snapshots(self._table, Care().keep_snapshots)


def arrived(
    catalog: Catalog, lake_dir: Path, journal_dir: Path, replays: Collection[Replay]
) -> set[Key]:
    """Which of these events are in the journal or in the lake already.

    Whoever sent one of them must have ended, and the intake must have had time to store it.

    Raises:
        WaitingError: the journal cannot be read.
    """
    found: set[Key] = set()
    by_topic: dict[str, list[Replay]] = {}
    for replay in replays:
        by_topic.setdefault(replay.topic, []).append(replay)
    for topic, those in by_topic.items():
        wanted: dict[str, list[Replay]] = {}
        for replay in those:
            wanted.setdefault(replay.event_id, []).append(replay)
        # The journal first: what the sink moves meanwhile is then in the lake.
        for batch in waiting(catalog, journal_dir, topic):
            found |= _met(wanted, _ids(batch.data))
        found |= _met(wanted, _in_lake(lake_dir, topic, wanted, [replay.dt for replay in those]))
    return found


def _met(
    wanted: Mapping[str, Sequence[Replay]], events: Iterable[tuple[str | None, str]]
) -> set[Key]:
    """Those of which there is an event, told by its stream and id."""
    return {
        replay.key
        for stream, name in events
        for replay in wanted.get(name, ())
        if replay.is_event(stream)
    }


def _ids(lines: bytes) -> Iterable[tuple[str | None, str]]:
    for line in lines.splitlines():
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        meta = event.get("meta") if isinstance(event, dict) else None
        name = meta.get("id") if isinstance(meta, dict) else None
        if isinstance(meta, dict) and isinstance(name, str):
            stream = meta.get("stream")
            yield stream if isinstance(stream, str) else None, name


def _in_lake(
    lake_dir: Path, topic: str, wanted: Collection[str], times: Collection[datetime]
) -> list[tuple[str | None, str]]:
    name = f"{EVENT}.{topic}"
    with closing(connect(lake_dir, only={name})) as connection:
        tables = fetch(connection, "SELECT table_name FROM information_schema.tables")[1]
        if (topic,) not in tables:
            return []
        columns = fetch(connection, f"DESCRIBE {identifier(name)}")[1]
        has_stream = any(row[0] == "meta" and "stream" in str(row[1]) for row in columns)
        sql = (
            f"SELECT DISTINCT {'meta.stream' if has_stream else 'NULL'}, meta.id"  # noqa: S608 -- quoted
            f" FROM {identifier(name)}"
            " WHERE meta.dt BETWEEN ? AND ? AND meta.id IN (SELECT unnest(?))"
        )
        span = (min(times) - _MARGIN, max(times) + _MARGIN)
        return [(row[0], row[1]) for row in fetch(connection, sql, [*span, sorted(wanted)])[1]]


def recorded(lake_dir: Path, rejections: Collection[str]) -> dict[str, Recorded]:
    """By rejection the latest of its replay: that it has arrived, or else what was recorded last.

    Those that were never replayed are left out.
    """
    return {
        row["rejection"]: Recorded(
            Replay(
                rejection=row["rejection"],
                event_id=row["event_id"],
                topic=row["topic"],
                dt=row["dt"],
                mended=row["mended"],
                stream=row["stream"],
            ),
            State(row["state"]),
            row["at"],
            row["who"],
        )
        for row in _rows(lake_dir, _OF_REJECTIONS, sorted(rejections))
    }


def having_arrived(lake_dir: Path, rejections: Collection[str]) -> set[str]:
    """Those of the rejections whose event has arrived through a replay."""
    return {row["rejection"] for row in _rows(lake_dir, _ARRIVED, sorted(rejections))}


def _rows(lake_dir: Path, sql: str, names: Sequence[str]) -> list[dict[str, Any]]:
    if not names:
        return []
    with closing(connect(lake_dir, only={_NAME})) as connection:
        if not fetch(connection, "SELECT 1 FROM information_schema.tables")[1]:
            return []
        # A record of before has no such column until something is added to it.
        stream = "SELECT NULL::VARCHAR AS stream WHERE false"
        source = f"({stream} UNION ALL BY NAME SELECT * FROM {identifier(_NAME)})"  # noqa: S608 -- ours
        found = fetch(connection, sql.format(source=source), [list(names)])
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def _number(properties: Mapping[str, str]) -> int:
    return int(properties.get(_NUMBER, "0"))
