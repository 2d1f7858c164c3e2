"""What masks hide: where it lies, who can see it, and when it goes."""

from __future__ import annotations

import asyncio
import stat
import threading
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from tests.lake.lake_parts import RECEIVED, TALLYING, Writer

from allotment.contract.masking import SEALED
from allotment.journal.segments import SegmentReader, SegmentWriter
from allotment.lake.maintenance import Care, Maintenance
from allotment.lake.query import QueryError, run_sql, snapshots
from allotment.lake.sealed import forget, forget_old, unseal
from allotment.lake.sink import Sink
from allotment.lake.tables import table_of_topic

SECRET = "s3cret-id"


def sealed_line(name: str, received: str = RECEIVED) -> bytes:
    values = {"/experiment/subject_id": f'"{SECRET}"'}
    return orjson.dumps({"id": name, "received": received, "values": values})


@pytest.fixture
def sink(journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema]) -> Sink:
    return Sink(SegmentReader(journal.directory), catalog, schemas)


def test_sealed__moved_by_the_sink__is_in_its_table_and_no_question_reaches_it(
    journal: Writer, sink: Sink, catalog: SqlCatalog, lake_dir: Path
) -> None:
    journal.append([sealed_line("a")], topic=SEALED)
    assert sink.step() == 1
    rows = catalog.load_table(table_of_topic(SEALED)).scan().to_arrow().to_pylist()
    assert rows[0]["values"] == [("/experiment/subject_id", f'"{SECRET}"')]
    assert not any("sealed" in name for name in snapshots(lake_dir))
    (file,) = (lake_dir / "sealed").rglob("*.parquet")
    for asked in ("sealed.rejected", "event.sealed", f"read_parquet('{file}')"):
        with pytest.raises(QueryError):
            run_sql(lake_dir, f"select * from {asked}")
    assert run_sql(lake_dir, "select table_schema from information_schema.tables group by all")[
        1
    ] == [("event",)]


def test_sealed__folder__is_for_the_labs_user_alone(sink: Sink, lake_dir: Path) -> None:
    assert sink.step() == 0
    assert stat.S_IMODE((lake_dir / "sealed").stat().st_mode) == 0o700


def test_sealed__damaged_line__is_counted_and_not_shown(
    journal: Writer, sink: Sink, lake_dir: Path
) -> None:
    damaged = f'"values": "{SECRET}"'.encode()
    journal.append([b'{"id": "a", ' + damaged + b"}", b'{"id": ' + damaged], topic=SEALED)
    assert sink.step() == 2
    rows = run_sql(lake_dir, "select * from event.rejected")[1]
    assert len(rows) == 2
    assert SECRET not in str(rows)


def known(catalog: SqlCatalog) -> set[str]:
    return set(unseal(catalog, ["a", "b", "c", "d"]))


def test_unseal__by_id__what_the_masks_hide(
    journal: Writer, sink: Sink, catalog: SqlCatalog
) -> None:
    assert unseal(catalog, ["a"]) == {}
    journal.append([sealed_line("a"), sealed_line("b")], topic=SEALED)
    sink.step()
    assert unseal(catalog, ["b", "z"]) == {"b": {"/experiment/subject_id": f'"{SECRET}"'}}
    assert unseal(catalog, []) == {}


def test_forget__some_of_several_files__the_others_stay_and_no_snapshot_has_them(
    journal: Writer, sink: Sink, catalog: SqlCatalog
) -> None:
    for lines in (["a", "b"], ["c"], ["d"]):
        journal.append([sealed_line(name) for name in lines], topic=SEALED)
        sink.step()
    forget(catalog, ["a", "c", "unknown"])
    assert known(catalog) == {"b", "d"}
    table = catalog.load_table(table_of_topic(SEALED))
    assert len(table.metadata.snapshots) == 1
    journal.append([sealed_line("a")], topic=SEALED)
    assert sink.step() == 1, "the sink goes on where it was"
    assert known(catalog) == {"a", "b", "d"}


def test_forget_old__days_past_the_retention__go_and_others_stay(
    journal: Writer, sink: Sink, catalog: SqlCatalog
) -> None:
    days = {"a": "2026-10-01", "b": "2026-10-22", "c": "2026-10-23", "d": "2026-11-22"}
    for name, day in days.items():
        journal.append([sealed_line(name, f"{day}T10:00:00Z")], topic=SEALED)
    sink.step()
    table = catalog.load_table(table_of_topic(SEALED))
    now = datetime(2026, 11, 22, 12, tzinfo=UTC)
    assert forget_old(table, 30, now) == 2
    assert known(catalog) == {"c", "d"}
    assert forget_old(table, 30, now) == 0


def test_maintenance__values_that_are_in_the_lake__are_gone_from_the_journal(
    journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema], lake_dir: Path
) -> None:
    """Of a writer that lives and of one that fell before it had written its tally."""
    care = Care(every_seconds=0, grace_seconds=0)
    sink = Sink(
        SegmentReader(journal.directory), catalog, schemas, maintenance=Maintenance(lake_dir, care)
    )
    stop = threading.Event()
    stop.set()

    async def write() -> None:
        writers = [
            SegmentWriter(journal.directory, aging={SEALED}, age_seconds=0.05, tallying=tallying)
            for tallying in (TALLYING, None)
        ]
        for writer in writers:
            await writer.append({SEALED: [sealed_line("a")]})
        deadline = asyncio.get_running_loop().time() + 60
        while any(SECRET in file.read_text() for file in journal.directory.rglob("*.ndjson")):
            assert asyncio.get_running_loop().time() < deadline
            sink.run(stop)
        for writer in writers:
            writer.close()

    asyncio.run(write())
    assert known(catalog) == {"a"}


def test_maintenance__old_values__are_forgotten_and_their_files_removed(
    journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema], lake_dir: Path
) -> None:
    care = Care(every_seconds=0, grace_seconds=0)
    maintenance = Maintenance(lake_dir, care)
    sink = Sink(SegmentReader(journal.directory), catalog, schemas, maintenance=maintenance)
    journal.append([sealed_line("a", "2020-01-01T00:00:00Z")], topic=SEALED)
    stop = threading.Event()
    stop.set()
    sink.run(stop)
    assert known(catalog) == set()
    assert list((lake_dir / "sealed").rglob("*.parquet")) == []
