"""The ledger over a real journal and a real lake: balanced when all is well, and only then."""

import asyncio
import itertools
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from tests.lake.lake_parts import TALLYING, WEB, Writer, refused, web_event

from allotment.contract.counting import LOST, count_lines
from allotment.contract.tables import DUPLICATES, LEDGER, REJECTED
from allotment.journal import layout
from allotment.journal.protocol import Partition
from allotment.journal.segments import SegmentReader, SegmentWriter
from allotment.journal.tally import Tallying
from allotment.lake import sink as sink_module
from allotment.lake.balance import Account
from allotment.lake.catalog import EVENT, open_catalog
from allotment.lake.ledger import Ledger, LedgerError, read_ledger
from allotment.lake.ledger_rendering import json_of, text_of
from allotment.lake.maintenance import Care, Maintenance
from allotment.lake.offsets import LakeFormatError
from allotment.lake.sink import Sink, SinkLimits
from allotment.lake.writing import append_rows

Row = dict[str, Any]
STREAM = "product_metrics.web_base"
MINUTE = "2026-11-22T10:00"
BAD = orjson.dumps({**web_event(0), "action": 5, "meta": {"stream": STREAM, "dt": f"{MINUTE}:00Z"}})
EVER = datetime(1, 1, 1, tzinfo=UTC)


def line(number: int, **changes: object) -> bytes:
    meta = {"stream": STREAM, "dt": f"{MINUTE}:{number % 60:02d}Z", "id": f"event-{number}"}
    return orjson.dumps(web_event(number, meta={**meta, **changes}))


@pytest.fixture
def sink(journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema]) -> Sink:
    reader = SegmentReader(journal.directory)
    return Sink(reader, catalog, {WEB: schemas[WEB]}, SinkLimits(events=10))


@pytest.fixture
def look(journal: Writer, lake_dir: Path) -> Callable[[], Ledger]:
    return lambda: read_ledger((lake_dir, journal.directory), EVER)


def drain(sink: Sink) -> None:
    for _ in range(10):
        sink.step()


def account(ledger: Ledger) -> Account:
    assert set(ledger.totals) == {STREAM}, ledger.totals
    return ledger.totals[STREAM]


def everything(journal: Writer) -> None:
    """Ten events, one of them twice, one unreadable, three rejected."""
    journal.append([*map(line, range(9)), line(3), BAD])
    journal.append(refused([web_event(n, action=n) for n in range(3)]), topic=REJECTED)


def test_ledger__all_of_every_kind__balanced_at_each_stage(
    journal: Writer, sink: Sink, look: Callable[[], Ledger]
) -> None:
    everything(journal)
    found = look()
    assert found.balanced
    total = account(found)
    assert (total.received, total.accepted, total.waiting, total.written) == (14, 11, 11, 0)
    assert total.rejected == total.rejected_waiting == {"invalid": 3}
    assert found.lags[STREAM].bytes > 11 * 100
    sink.step()
    found = look()
    assert found.balanced, text_of(found, minutes=True)
    assert 0 < account(found).waiting < 11
    drain(sink)
    found = look()
    assert found.balanced, text_of(found, minutes=True)
    total = account(found)
    assert (total.written, total.duplicate, total.unreadable, total.waiting) == (9, 1, 1, 0)
    assert total.kept == {"invalid": 3}
    assert found.lags == {}
    assert found.faults == found.notes == []


def test_ledger__rows_that_stand_for_many__each_event_is_counted(
    journal: Writer, sink: Sink, look: Callable[[], Ledger]
) -> None:
    lines = refused([1] * 2000)
    assert len(lines) < 1000
    journal.append(lines, topic=REJECTED)
    found = look()
    assert found.balanced, text_of(found, minutes=True)
    total = found.totals["unknown"]
    assert total.rejected == total.rejected_waiting == {"not_an_object": 2000}
    for _ in range(200):
        sink.step()
    found = look()
    assert found.balanced, text_of(found, minutes=True)
    assert found.totals["unknown"].kept == {"not_an_object": 2000}


def test_ledger__tally_not_yet_written__lines_are_counted(
    journal: Writer, sink: Sink, look: Callable[[], Ledger]
) -> None:
    """The sink is ahead of the tally, then the tally is complete, then neither is."""

    async def run() -> None:
        writer = SegmentWriter(journal.directory, tallying=TALLYING)
        await writer.append({WEB: [line(n) for n in range(5)]})
        assert account(look()).waiting == 5
        sink.step()
        found = look()
        assert found.balanced
        assert account(found).accepted == account(found).written == 5
        await writer.append({WEB: [line(n) for n in range(5, 8)]})
        found = look()
        assert found.balanced
        assert (account(found).accepted, account(found).waiting) == (8, 3)
        writer.close()
        assert look().balanced
        assert account(look()).accepted == 8

    asyncio.run(run())


def test_ledger__looked_at_while_all_go_on__balanced_every_time(
    journal: Writer,
    schemas: dict[str, pa.Schema],
    lake_dir: Path,
    look: Callable[[], Ledger],
) -> None:
    """With a journal that is trimmed at once, so that lines vanish under the reader's hands."""
    stop = threading.Event()
    SegmentWriter(journal.directory).close()

    async def write() -> None:
        often = Tallying(topic=LEDGER, count=count_lines, seconds=0.05)
        writer = SegmentWriter(journal.directory, segment_bytes=3000, tallying=often)
        numbers = iter(range(10**9))
        while not stop.is_set():
            some = [line(n) for n in itertools.islice(numbers, 7)]
            await writer.append({WEB: [*some, some[3]], REJECTED: refused([5])})
            await asyncio.sleep(0.005)
        writer.close()

    def move() -> None:
        with closing(open_catalog(lake_dir)) as catalog:
            limits = SinkLimits(seconds=0.01, keep_journal_bytes=0)
            care = Maintenance(lake_dir, Care(every_seconds=0, keep_snapshots=2, small_files=5))
            reader = SegmentReader(journal.directory)
            Sink(reader, catalog, {WEB: schemas[WEB]}, limits, care).run(stop)

    threads = [threading.Thread(target=move), threading.Thread(target=asyncio.run, args=(write(),))]
    for thread in threads:
        thread.start()
    try:
        deadline = time.monotonic() + 200
        looks = duplicates = 0
        while looks < 12 or not duplicates:
            assert time.monotonic() < deadline
            found = look()
            assert found.balanced, text_of(found, minutes=True)
            duplicates += sum(account.duplicate for account in found.totals.values())
            looks += 1
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    oldest = SegmentReader(journal.directory).trim(Partition(WEB, 0), 0)
    assert oldest > 0, "nothing was trimmed: the test shows less than it says"
    assert look().balanced


def test_ledger__minutes_and_streams__each_on_its_own(
    journal: Writer, sink: Sink, lake_dir: Path
) -> None:
    other = {"stream": "another", "dt": "2026-11-22T11:30:00+01:00"}
    journal.append([line(1), line(2, **other), line(3, dt="2026-11-22T10:01:00Z")])
    drain(sink)
    data = (lake_dir, journal.directory)
    keys = [key for key, _ in read_ledger(data, EVER).accounts]
    assert keys == [("another", "2026-11-22T10:30"), (STREAM, MINUTE), (STREAM, "2026-11-22T10:01")]
    late = read_ledger(data, datetime(2026, 11, 22, 10, 1, tzinfo=UTC))
    assert [key[1] for key, _ in late.accounts] == ["2026-11-22T10:30", "2026-11-22T10:01"]
    one = read_ledger(data, EVER, stream="another")
    assert [key[0] for key, _ in one.accounts] == ["another"]
    assert late.balanced
    assert one.balanced


def test_ledger__crashed_sink__decisions_ahead_of_rows_count_as_waiting(
    journal: Writer,
    sink: Sink,
    look: Callable[[], Ledger],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Killed(BaseException):
        """Stands for kill -9."""

    def dies(*_: object, **__: object) -> None:
        raise Killed

    everything(journal)
    monkeypatch.setattr(sink_module, "commit_if_unchanged", dies)
    monkeypatch.setattr(sink_module, "_OURS", {})
    for _ in range(4):
        with pytest.raises(Killed):
            sink._move(SegmentReader(journal.directory).identity() or "", WEB, [Partition(WEB, 0)])
    found = look()
    assert found.balanced, text_of(found, minutes=True)
    assert account(found).waiting == 11


def keep_only(catalog: SqlCatalog, name: str, kept: Callable[[Row], bool]) -> None:
    """Write a table anew with some of its rows, as nothing of ours ever would."""
    table = catalog.load_table((EVENT, name))
    rows = table.scan().to_arrow()
    table.delete()
    mask = pa.array([kept(row) for row in rows.to_pylist()])
    append_rows(catalog.load_table((EVENT, name)), rows.filter(mask))


def lose_row(catalog: SqlCatalog) -> None:
    keep_only(catalog, WEB, lambda row: row["page"]["id"] != 5)


def lose_tally_row(catalog: SqlCatalog) -> None:
    keep_only(catalog, LEDGER, lambda row: row["outcome"] != "invalid")


def lose_duplicate(catalog: SqlCatalog) -> None:
    keep_only(catalog, DUPLICATES, lambda _: False)


def lose_unreadable(catalog: SqlCatalog) -> None:
    keep_only(catalog, REJECTED, lambda row: row["topic"] is None)


def lose_rejected(catalog: SqlCatalog) -> None:
    keep_only(catalog, REJECTED, lambda row: row["topic"] is not None)


def double_row(catalog: SqlCatalog) -> None:
    table = catalog.load_table((EVENT, WEB))
    append_rows(table, table.scan().to_arrow().slice(0, 1))


@pytest.mark.parametrize(
    ("harm", "difference", "rejected"),
    [
        (lose_row, 1, {}),
        (double_row, -1, {}),
        (lose_tally_row, 0, {"invalid": -3}),
        (lose_duplicate, 1, {}),
        (lose_unreadable, 1, {}),
        (lose_rejected, 0, {"invalid": 3}),
    ],
)
def test_ledger__something_gone_or_doubled_in_the_lake__not_balanced(
    journal: Writer,
    sink: Sink,
    look: Callable[[], Ledger],
    catalog: SqlCatalog,
    harm: Callable[[SqlCatalog], None],
    difference: int,
    rejected: Mapping[str, int],
) -> None:
    everything(journal)
    drain(sink)
    assert look().balanced
    harm(catalog)
    found = look()
    assert not found.balanced
    assert found.faults == []
    total = account(found)
    assert total.rejected_differences == rejected
    assert total.difference == difference
    assert "NOT BALANCED" in text_of(found, minutes=False)


def test_ledger__segment_removed_before_the_sink_read_it__said_and_not_balanced(
    journal: Writer, sink: Sink, look: Callable[[], Ledger]
) -> None:
    async def fill() -> None:
        writer = SegmentWriter(journal.directory, segment_bytes=1500, tallying=TALLYING)
        for number in range(20):
            await writer.append({WEB: [line(number)]})
        writer.close()

    asyncio.run(fill())
    folder = layout.partition_dir(journal.directory, Partition(WEB, 0))
    base = layout.segment_bases(folder)[1]
    gone = layout.segment_path(folder, base).read_bytes().count(b"\n")
    layout.segment_path(folder, base).unlink()
    drain(sink)
    assert any("lacks offset" in fault for fault in sink.faults())
    found = look()
    assert not found.balanced
    assert any("lacks offset" in fault for fault in found.faults)
    assert account(found).difference == gone


def test_ledger__events_lost__not_balanced(
    journal: Writer, look: Callable[[], Ledger], sink: Sink
) -> None:
    writer = SegmentWriter(journal.directory, tallying=TALLYING)
    writer.count({(STREAM, MINUTE, LOST): 2})
    writer.close()
    drain(sink)
    found = look()
    assert not found.balanced
    assert (account(found).received, account(found).lost) == (2, 2)
    assert "2 events answered 202 could not be kept" in text_of(found, minutes=False)


def test_ledger__journal_lost__new_one_goes_on_and_what_was_lost_shows(
    journal: Writer, sink: Sink, look: Callable[[], Ledger], caplog: pytest.LogCaptureFixture
) -> None:
    journal.append([line(n) for n in range(5)])
    drain(sink)
    shutil.rmtree(journal.directory)
    found = look()
    assert not found.balanced
    assert any("is not there: restore its folder" in fault for fault in found.faults)
    journal.append([line(n) for n in range(5, 9)])
    found = look()
    assert found.balanced
    assert any("is new to this lake" in note for note in found.notes)
    drain(sink)
    assert any("is new to this lake" in r.getMessage() for r in caplog.records)
    found = look()
    assert found.balanced, text_of(found, minutes=True)
    assert account(found).written == 9


def test_ledger__journal_of_another_lake__nothing_is_moved_and_it_is_told(
    journal: Writer,
    sink: Sink,
    lake_dir: Path,
    catalog: SqlCatalog,
    schemas: dict[str, pa.Schema],
    tmp_path: Path,
) -> None:
    journal.append([line(1)])
    drain(sink)
    foreign = Writer(tmp_path / "foreign")
    foreign.append([line(n) for n in range(2, 6)])
    SegmentReader(foreign.directory).claim("another-lake", over=False)
    wrong = Sink(SegmentReader(foreign.directory), catalog, {WEB: schemas[WEB]})
    assert wrong.step() == 0
    assert any("belongs to another lake" in fault for fault in wrong.faults())
    found = read_ledger((lake_dir, foreign.directory), EVER)
    assert not found.balanced
    assert any("belongs to another lake" in fault for fault in found.faults)
    assert account(found).written == 1
    assert account(found).waiting == 0


def copied(journal: Writer, tmp_path: Path) -> Path:
    return Path(shutil.copytree(journal.directory, tmp_path / "older"))


def restored(journal: Writer, older: Path) -> None:
    shutil.rmtree(journal.directory)
    shutil.copytree(older, journal.directory)


@pytest.mark.parametrize("written_on", [False, True], ids=["as copied", "written on"])
def test_ledger__journal_restored_from_an_older_copy__said_and_nothing_skipped(
    journal: Writer,
    sink: Sink,
    look: Callable[[], Ledger],
    tmp_path: Path,
    *,
    written_on: bool,
) -> None:
    journal.append([line(1)])
    older = copied(journal, tmp_path)
    journal.append([line(2), line(3)])
    drain(sink)
    restored(journal, older)
    if written_on:
        journal.append([line(n) for n in range(10, 20)])
    words = "are not those that the lake has read" if written_on else "past the journal's durable"
    assert sink.step() == 0
    assert any(words in fault for fault in sink.faults())
    assert all("move the" in fault for fault in sink.faults())
    found = look()
    assert not found.balanced
    assert any(words in fault for fault in found.faults)


def test_ledger__stretch_cut_off_by_a_crash__counted_from_the_lines(
    journal: Writer, sink: Sink, look: Callable[[], Ledger]
) -> None:
    journal.append([line(1), line(2, dt="2026-11-22T10:01:00Z"), line(3)])
    folder = layout.partition_dir(journal.directory, Partition(LEDGER, 0))
    path = layout.segment_path(folder, 0)
    first = path.read_bytes().splitlines(keepends=True)[0]
    path.write_bytes(first)
    (folder / "synced").write_bytes(len(first).to_bytes(8, "little"))
    assert account(look()).accepted == 3
    drain(sink)
    found = look()
    assert found.balanced
    assert account(found).accepted == account(found).written == 3


def test_ledger__position_without_journal__refused_in_words(
    journal: Writer,
    sink: Sink,
    look: Callable[[], Ledger],
    catalog: SqlCatalog,
    schemas: dict[str, pa.Schema],
) -> None:
    journal.append([line(1)])
    drain(sink)
    with catalog.load_table((EVENT, WEB)).transaction() as transaction:
        transaction.set_properties({"allotment.offset.0": "10"})
    with pytest.raises(LakeFormatError, match="begin anew"):
        look()
    with pytest.raises(LakeFormatError, match="begin anew"):
        Sink(SegmentReader(journal.directory), catalog, {WEB: schemas[WEB]})


def test_ledger__nothing_there__says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="--data"):
        read_ledger((tmp_path / "lake", tmp_path / "journal"), EVER)
    assert not (tmp_path / "lake").exists()


def test_render__balanced_and_not__text_and_json_say_the_same(
    journal: Writer, sink: Sink, look: Callable[[], Ledger], catalog: SqlCatalog
) -> None:
    everything(journal)
    drain(sink)
    found = look()
    parsed = orjson.loads(json_of(found))
    assert parsed["balanced"] is True
    (stream,) = parsed["streams"]
    assert (stream["stream"], stream["received"], stream["difference"]) == (STREAM, 14, 0)
    assert stream["rejected"] == stream["rejected_kept"] == {"invalid": 3}
    assert [m["minute"] for m in parsed["minutes"]] == [MINUTE]
    text = text_of(found, minutes=False)
    assert text.endswith("Balanced.\n")
    assert "By minute" not in text
    assert MINUTE in text_of(found, minutes=True)
    lose_row(catalog)
    text = text_of(look(), minutes=False)
    assert f"{STREAM} {MINUTE}: 1 accepted events are nowhere" in text
    assert orjson.loads(json_of(look()))["balanced"] is False
