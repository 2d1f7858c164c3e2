"""What the sink cannot go on with: told, tried again, never skipped; the rest goes on."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from tests.lake.lake_parts import WEB, Writer, refused

from allotment.contract.tables import REJECTED
from allotment.journal.segments import SegmentReader
from allotment.lake.catalog import EVENT
from allotment.lake.file_io import local_path
from allotment.lake.ledger import Ledger, read_ledger
from allotment.lake.query import run_sql
from allotment.lake.sink import Sink, SinkLimits
from allotment.lake.standstills import FILE, Standstills, told


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.02)


def ledger_of(lake_dir: Path, journal: Writer) -> Ledger:
    return read_ledger((lake_dir, journal.directory), datetime.now(UTC) - timedelta(days=365))


def rows(lake_dir: Path, name: str) -> int:
    ((found,),) = run_sql(lake_dir, f"select count(*) from event.{name}")[1]
    return int(found)


def test_run__table_that_nothing_can_load__others_go_on_and_it_does_once_mended(
    journal: Writer,
    catalog: SqlCatalog,
    schemas: dict[str, pa.Schema],
    lake_dir: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sink = Sink(
        SegmentReader(journal.directory),
        catalog,
        schemas,
        SinkLimits(seconds=0.02, longest_pause_seconds=0.1),
        tell_in=lake_dir / FILE,
    )
    journal.events(range(3))
    assert sink.step() == 3
    metadata = local_path(catalog.load_table((EVENT, WEB)).metadata_location)
    whole = metadata.read_text()
    metadata.write_text('{"format-version": 2')
    journal.events(range(3, 5))
    journal.append(refused([{"n": 1}, {"n": 2}]), REJECTED)
    stop = threading.Event()
    running = threading.Thread(target=sink.run, args=(stop,))
    with caplog.at_level(logging.WARNING):
        running.start()
        try:
            table = catalog.load_table((EVENT, REJECTED))
            until(lambda: table.refresh().scan().count() == 2)
            until(lambda: sink._standstills._found[WEB].attempts > 4)
            said = [r for r in caplog.records if "could not go on" in r.getMessage()]
            assert [r.getMessage().partition(":")[0] for r in said] == [WEB], "once"
            assert said[0].exc_info is not None
            (fault,) = sink.faults()
            assert fault.startswith(f"{WEB}: the sink cannot go on since 20")
            assert told(lake_dir) == [fault]
        finally:
            metadata.write_text(whole)
            until(lambda: not sink.faults())
            stop.set()
            running.join()
    assert rows(lake_dir, WEB) == 5
    assert not (lake_dir / FILE).exists()
    assert f"{WEB}: the sink goes on" in caplog.text


def test_ledger__something_stands_still__does_not_balance_and_says_why(
    journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema], lake_dir: Path
) -> None:
    journal.events(range(3))
    assert Sink(SegmentReader(journal.directory), catalog, schemas).step() == 3
    assert ledger_of(lake_dir, journal).balanced
    Standstills(lake_dir / FILE, 1.0, 2.0).failed("topic", OSError(28, "No space left on device"))
    found = ledger_of(lake_dir, journal)
    assert not found.balanced
    (fault,) = found.faults
    assert "OSError: [Errno 28] No space left on device" in fault
    Standstills(lake_dir / FILE, 1.0, 2.0)
    assert ledger_of(lake_dir, journal).balanced, "a sink that begins anew has not met it yet"


def test_failed__again_and_again__pauses_grow_up_to_the_bound(
    caplog: pytest.LogCaptureFixture,
) -> None:
    found = Standstills(None, 1.0, 5.0)
    pauses = []
    for _ in range(6):
        begun = time.monotonic()
        found.failed("it", ValueError("no"))
        pauses.append(round(found._found["it"].next - begun))
        assert found.pauses("it")
        assert not found.pauses("something else")
    assert pauses == [1, 2, 4, 5, 5, 5]
    found.failed("it", ValueError("another"))
    assert len([r for r in caplog.records if r.levelno == logging.ERROR]) == 2, "once for a reason"
    found.try_now()
    assert not found.pauses("it")
    found.works("it")
    assert found.faults() == []
