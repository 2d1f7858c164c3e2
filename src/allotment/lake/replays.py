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
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal, TypeAlias

import orjson
import pyarrow as pa
from pydantic import Field
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError
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
    """The record as it was when it was opened, and what is added to it by this process alone."""

    def __init__(self, catalog: Catalog, who: str) -> None:
        """Read the record, and write in the name of `who`."""
        self._table = ensure_table(catalog, (EVENT, REPLAYS), REPLAYS_SCHEMA)
        self._who = who
        self._number = _number(self._table.properties)
        self.replays: dict[str, Recorded] = {}
        """By rejection the latest that is known of it."""
        self._arrived: set[Key] = set()
        rows = self._table.scan().to_arrow().to_pylist()
        for row in sorted(rows, key=lambda row: row["number"]):
            replay = Replay(
                rejection=row["rejection"],
                event_id=row["event_id"],
                topic=row["topic"],
                dt=row["dt"],
                mended=row["mended"],
                stream=row["stream"],
            )
            self._note(Recorded(replay, State(row["state"]), row["at"], row["who"]))

    def done(self, replay: Replay) -> bool:
        """Whether the event has arrived through a replay, perhaps of another rejection."""
        of_any_stream = (replay.topic, None, replay.event_id)
        return replay.key in self._arrived or of_any_stream in self._arrived

    def add(self, replays: Iterable[Replay], state: State) -> None:
        """Record; durable when it returns.

        Raises:
            RivalError: somebody else has recorded meanwhile; nothing of this is recorded.
        """
        now = datetime.now(UTC)
        found = [Recorded(replay, state, now, self._who) for replay in replays]
        if not found:
            return
        number = self._number + 1
        rows = [
            {
                "rejection": one.replay.rejection,
                "event_id": one.replay.event_id,
                "state": state.value,
                "number": number,
                "at": now,
                "who": self._who,
                "mended": one.replay.mended,
                "topic": one.replay.topic,
                "dt": one.replay.dt,
                "stream": one.replay.stream,
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
        for one in found:
            self._note(one)

    def tidy(self) -> None:
        """Join the small files of many commits."""
        join_small_files(self._table, Care())
        expire_snapshots(self._table, Care().keep_snapshots)

    def _note(self, recorded: Recorded) -> None:
        held = self.replays.get(recorded.replay.rejection)
        if held is None or held.state is not State.DONE:
            self.replays[recorded.replay.rejection] = recorded
        if recorded.state is State.DONE:
            self._arrived.add(recorded.replay.key)


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


def recorded(catalog: Catalog) -> Mapping[str, State]:
    """By rejection the latest state of its replay; nothing where nothing was ever replayed."""
    try:
        catalog.load_table((EVENT, REPLAYS))
    except NoSuchTableError:
        return {}
    return {name: found.state for name, found in Record(catalog, "").replays.items()}


def _number(properties: Mapping[str, str]) -> int:
    return int(properties.get(_NUMBER, "0"))
