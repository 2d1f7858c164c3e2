"""The ledger that the analyst publishes: every number from a real journal and lake, read back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from tests.lake.lake_parts import WEB, Writer, refused, web_event

from allotment.analysis import lab_ledger
from allotment.analysis.lab_ledger import LabLedger, LedgerKeeper, StreamAccount
from allotment.contract.schemas import SchemaRepository
from allotment.contract.tables import REJECTED
from allotment.journal.segments import SegmentReader
from allotment.lake.catalog import open_catalog
from allotment.lake.sink import Sink, SinkLimits
from allotment.lake.tables import event_schemas

STREAM = "product_metrics.web_base"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
AT = "2026-11-22T10:00"


def line(number: int, **changes: object) -> bytes:
    meta = {"stream": STREAM, "dt": f"{AT}:{number:02d}Z", "id": f"event-{number}", **changes}
    return orjson.dumps(web_event(number, meta=meta))


@pytest.fixture
def journal(tmp_path: Path) -> Writer:
    found = Writer(tmp_path / "journal")
    bad = orjson.dumps({**web_event(0), "action": 5, "meta": {"stream": STREAM, "dt": f"{AT}:00Z"}})
    found.append([*map(line, range(9)), line(3), bad])
    found.append(refused([web_event(n, action=n) for n in range(3)]), topic=REJECTED)
    return found


@pytest.fixture
def sink(tmp_path: Path, journal: Writer) -> Iterator[Sink]:
    with closing(open_catalog(tmp_path / "lake")) as catalog:
        schema = event_schemas(SchemaRepository([]))[WEB]
        yield Sink(SegmentReader(journal.directory), catalog, {WEB: schema}, SinkLimits(events=10))


def made(folder: Path, now: datetime = NOW) -> LabLedger:
    found = lab_ledger.make(folder / "lake", folder / "journal", now)
    lab_ledger.publish(folder / "lake", found)
    assert lab_ledger.latest(folder / "lake") == found
    return found


def parts(account: StreamAccount) -> int:
    kinds = ("written", "duplicate", "rejected", "waiting", "lost", "missing")
    return sum(getattr(account, kind) for kind in kinds)


def test_make__while_the_sink_moves_them__received_are_always_those_of_every_kind(
    tmp_path: Path, sink: Sink
) -> None:
    found = made(tmp_path)
    (account,) = found.streams
    assert found.balanced
    assert (account.stream, account.received, account.waiting) == (STREAM, 14, 14)
    assert account.oldest == datetime(2026, 11, 22, 10, tzinfo=UTC)
    for _ in range(10):
        sink.step()
        (account,) = made(tmp_path).streams
        assert account.received == parts(account) == 14
    assert (account.written, account.duplicate, account.rejected) == (9, 1, 4)
    assert (account.waiting, account.missing, account.oldest) == (0, 0, None)


def test_make__a_day_later__nothing_of_it(tmp_path: Path, sink: Sink) -> None:
    for _ in range(10):
        sink.step()
    assert made(tmp_path, NOW + timedelta(days=1)).streams == ()


def test_make__rows_are_gone_from_the_lake__missing_and_not_balanced(
    tmp_path: Path, sink: Sink
) -> None:
    for _ in range(10):
        sink.step()
    with closing(open_catalog(tmp_path / "lake")) as catalog:
        catalog.load_table(("event", WEB)).delete()
    found = made(tmp_path)
    (account,) = found.streams
    assert (account.missing, account.minutes, parts(account)) == (9, 1, account.received)
    assert not found.balanced


def test_keeper__lake_that_cannot_be_counted__said_and_tried_again(
    tmp_path: Path, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    LedgerKeeper(tmp_path / "nowhere", tmp_path / "nothing").step()
    assert "there is neither a lake" in caplog.text
    keeper = LedgerKeeper(tmp_path / "lake", tmp_path / "journal", every_seconds=0)
    assert lab_ledger.latest(tmp_path / "lake") is None
    keeper.step()
    assert lab_ledger.latest(tmp_path / "lake") is not None


def test_latest__damaged_file__none(tmp_path: Path) -> None:
    (tmp_path / lab_ledger.FILE).write_text('{"at": 5}')
    assert lab_ledger.latest(tmp_path) is None
