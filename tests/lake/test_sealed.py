"""What masks hide: where it lies, who can see it, and when it goes."""

from __future__ import annotations

import stat
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from tests.lake.lake_parts import RECEIVED, Writer

from allotment.contract.masking import SEALED
from allotment.journal.segments import SegmentReader
from allotment.lake.query import QueryError, run_sql, snapshots
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
