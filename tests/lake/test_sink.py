"""The sink against a real segment journal and real Iceberg tables."""

import asyncio
import logging
import threading
from contextlib import closing
from pathlib import Path

import orjson
import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table
from tests.lake.lake_parts import RECEIVED, TALLYING, WEB, Writer, refused, web_event

from allotment.contract.counting import UNREADABLE, count_lines
from allotment.contract.schemas import SchemaRepository
from allotment.contract.streams import StreamConfig
from allotment.contract.tables import LEDGER
from allotment.intake.pipeline import EventPipeline
from allotment.intake.rejected_rows import rejected_record
from allotment.journal.protocol import Partition
from allotment.journal.segments import SegmentReader, SegmentWriter
from allotment.journal.tally import Tallying
from allotment.lake import sink as sink_module
from allotment.lake.catalog import EVENT, open_catalog
from allotment.lake.maintenance import Care, Maintenance
from allotment.lake.offsets import OFFSET, POSITIONS, chosen, commit_if_unchanged
from allotment.lake.query import Row, run_sql
from allotment.lake.sink import Sink, SinkLimits
from allotment.lake.tables import event_schemas
from allotment.lake.writing import write_data_files


def make(
    journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema], **limits: int
) -> Sink:
    return Sink(
        SegmentReader(journal.directory), catalog, schemas, SinkLimits(seconds=0.05, **limits)
    )


def ids(lake_dir: Path) -> list[str]:
    return [
        row[0] for row in run_sql(lake_dir, f"select meta.id from event.{WEB} order by page.id")[1]
    ]


def rejected(lake_dir: Path) -> list[Row]:
    return run_sql(lake_dir, "select reason, errors, raw from event.rejected order by raw")[1]


def expected(numbers: range) -> list[str]:
    return [f"event-{number}" for number in numbers]


def test_step__empty_journal__nothing_and_tables_are_there(
    journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema], lake_dir: Path
) -> None:
    assert make(journal, catalog, schemas).step() == 0
    assert ids(lake_dir) == []
    assert rejected(lake_dir) == []


def test_step__events_in_journal__each_is_a_row_with_its_fields(
    journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema], lake_dir: Path
) -> None:
    membership = {
        "enrolled": ["card"],
        "assigned": {"card": "control"},
        "subject_ids": {"card": "ab"},
        "sampling_units": {"card": "mw-user"},
        "coordinators": {"card": "default"},
        "versions": {"card": "7"},
    }
    journal.append([orjson.dumps(web_event(1, experiments=membership))])
    assert make(journal, catalog, schemas).step() == 1
    columns, rows = run_sql(
        lake_dir, f'select "$schema", action, experiments, meta.dt, dt from event.{WEB}'
    )
    assert columns[0] == "$schema"
    schema, action, experiments, received, seen = rows[0]
    assert (schema, action) == ("/analytics/product_metrics/web/base/1.3.0", "click")
    assert experiments == membership
    assert received.isoformat() == "2026-11-02T10:00:00+00:00"
    assert seen.isoformat() == "2026-11-22T10:00:00.123000+00:00"


def test_step__more_than_a_batch__several_commits_without_gap(
    journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema], lake_dir: Path
) -> None:
    journal.events(range(25))
    sink = make(journal, catalog, schemas, events=10)
    assert [sink.step() for _ in range(4)] == [10, 10, 5, 0]
    assert ids(lake_dir) == expected(range(25))
    assert sink.lag() == {Partition(WEB, 0): 0, Partition("ledger", 0): 0}


def test_step__new_sink_on_old_lake__goes_on_where_the_table_stands(
    journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema], lake_dir: Path
) -> None:
    journal.events(range(5))
    make(journal, catalog, schemas).step()
    journal.events(range(5, 8))
    assert make(journal, catalog, schemas).step() == 3
    assert ids(lake_dir) == expected(range(8))


def test_step__two_partitions__both_are_read(
    journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema], lake_dir: Path
) -> None:
    with closing(SegmentWriter(journal.directory)):  # holds partition 0
        journal.events(range(4))
    journal.events(range(4, 6))
    sink = make(journal, catalog, schemas)
    assert sink.step() == 6
    assert ids(lake_dir) == expected(range(6))
    assert {Partition(WEB, 0), Partition(WEB, 1)} < set(sink.lag())


def test_step__partition_that_fills_every_commit__the_other_has_its_turn(
    journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema], lake_dir: Path
) -> None:
    with closing(SegmentWriter(journal.directory)):  # holds partition 0
        journal.events(range(100, 103))
    sink = make(journal, catalog, schemas, events=2)
    for turn in range(3):
        journal.events(range(2 * turn, 2 * turn + 2))
        sink.step()
    assert {"event-100", "event-101"} <= set(ids(lake_dir))
    while sink.step():
        pass
    assert ids(lake_dir) == [*expected(range(6)), *expected(range(100, 103))]


def test_step__rival_committed_first__stale_batch_is_refused_and_read_again(
    journal: Writer,
    catalog: SqlCatalog,
    schemas: dict[str, pa.Schema],
    lake_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rival commits between this sink's read and its commit, the worst moment."""
    journal.events(range(5))
    with closing(open_catalog(lake_dir)) as other:
        rival, sink = make(journal, other, schemas), make(journal, catalog, schemas)
        commit = commit_if_unchanged

        def late(*args: object, **kwargs: object) -> None:
            monkeypatch.setattr(sink_module, "commit_if_unchanged", commit)
            assert rival.step() == 5
            commit(*args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(sink_module, "commit_if_unchanged", late)
        assert sink.step() == 0
    journal.events(range(5, 7))
    assert sink.step() == 2
    assert ids(lake_dir) == expected(range(7))


def test_append__stale_writer_without_the_requirement__doubles_rows(
    journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema], lake_dir: Path
) -> None:
    """The control: what the requirement is for. pyiceberg's own retry lets the stale append in."""
    journal.events(range(5))
    sink = make(journal, catalog, schemas)
    stale = catalog.load_table((EVENT, WEB))
    sink.step()
    rows = catalog.load_table((EVENT, WEB)).scan().to_arrow()
    with stale.transaction() as transaction:
        with transaction.update_snapshot().merge_append() as append:
            for file in write_data_files(stale.metadata, stale.io, rows):
                append.append_data_file(file)
        transaction.set_properties({"allotment.offset.0": "1"})
    assert len(ids(lake_dir)) == 10


BAD = [b'{"action":5}', b"not json", b'{"page":{"id":"x"}}', b"{} {}"]


def test_step__unreadable_lines_among_good__kept_whole_with_reason_and_place(
    journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema], lake_dir: Path
) -> None:
    good = [orjson.dumps(web_event(number)) for number in range(40)]
    journal.append([*good[:20], BAD[0], *good[20:30], *BAD[1:], *good[30:]])
    sink = make(journal, catalog, schemas)
    assert sink.step() == 44
    assert ids(lake_dir) == expected(range(40))
    found = rejected(lake_dir)
    assert [raw for _, _, raw in found] == sorted(line.decode() for line in BAD)
    assert {reason for reason, _, _ in found} == {UNREADABLE}
    place = len(b"\n".join(good[:20])) + 1
    text = next(errors[0] for _, errors, raw in found if raw == '{"action":5}')
    assert text.endswith(f"({WEB}/0 at offset {place})")
    assert sink.step() == 0


def test_step__killed_between_rejects_and_rows__bad_lines_are_there_once(
    journal: Writer,
    catalog: SqlCatalog,
    schemas: dict[str, pa.Schema],
    lake_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The batch is read again with a further end, which holds one more bad line."""
    journal.append([orjson.dumps(web_event(0)), BAD[0]])
    sink = make(journal, catalog, schemas)

    class Killed(BaseException):
        pass

    def dies(table: Table, *arguments: object, **named: object) -> None:
        if table.name() == (EVENT, WEB):
            raise Killed
        commit_if_unchanged(table, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(sink_module, "commit_if_unchanged", dies)
    with pytest.raises(Killed):
        sink.step()
    monkeypatch.undo()
    assert len(rejected(lake_dir)) == 1
    assert ids(lake_dir) == []
    journal.append([orjson.dumps(web_event(1)), BAD[1]])
    assert make(journal, catalog, schemas).step() == 4
    assert [raw for _, _, raw in rejected(lake_dir)] == sorted(b.decode() for b in BAD[:2])
    assert ids(lake_dir) == expected(range(2))


def test_step__what_the_intake_refused__each_with_its_own_reason(
    journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema], lake_dir: Path
) -> None:
    invalid = web_event(1, action=5, agent=[])
    astray = web_event(2, meta={"stream": "nowhere"})
    broken_body = rejected_record(RECEIVED, "malformed_json", b"{", errors=["the body is not JSON"])
    lines = [*refused([invalid, astray, 7]), broken_body, b"broken"]
    journal.append(lines, topic="rejected")
    sink = make(journal, catalog, schemas)
    assert sink.step() == 5
    assert sink.step() == 0
    columns = "reason, stream, schema, errors, raw, received"
    found = {
        row[0]: row[1:] for row in run_sql(lake_dir, f"select {columns} from event.rejected")[1]
    }
    web, uri = "product_metrics.web_base", "/analytics/product_metrics/web/base/1.3.0"
    stream, schema, errors, raw, received = found["invalid"]
    assert (stream, schema) == (web, uri)
    assert sorted(errors) == ["'.action' should be string", "'.agent' should be object"]
    assert orjson.loads(raw)["action"] == 5
    assert received.isoformat() == "2026-11-22T10:00:00.123000+00:00"
    stream, schema, errors, raw, _ = found["unknown_stream"]
    assert (stream, schema, orjson.loads(raw)["page"]) == ("nowhere", uri, {"id": 2})
    assert [text.endswith("nowhere is not configured.") for text in errors] == [True]
    assert found["not_an_object"][:2] == (None, None)
    assert found["not_an_object"][3] == "7"
    assert found["malformed_json"][:4] == (None, None, ["the body is not JSON"], "{")
    assert found[UNREADABLE][3] == "broken"


def test_step__lines_that_no_row_can_hold__are_kept_within_bounds_and_without_addresses(
    journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema], lake_dir: Path
) -> None:
    meta = {"stream": "192.0.2.1", "from": "2001:db8::1"}
    long = orjson.dumps(web_event(2, action=5, action_context="x" * 70_000, meta={}))
    journal.append([orjson.dumps(web_event(1, action=5, meta=meta)), long])
    make(journal, catalog, schemas).step()
    columns = "stream, raw, truncated, size from event.rejected order by size"
    short, cut = run_sql(lake_dir, f"select {columns}")[1]
    assert short[:1] == ("masked:address",)
    assert orjson.loads(short[1])["meta"] == dict.fromkeys(meta, "masked:address")
    assert short[2] is False
    assert cut == (None, long[:65_536].decode(), True, len(long))


def test_step__schema_of_any_title__its_events_are_rows_of_its_table(
    journal: Writer, catalog: SqlCatalog, lake_dir: Path, tmp_path: Path
) -> None:
    title = "mediawiki/page-view"
    (tmp_path / "schemas" / title).mkdir(parents=True)
    (tmp_path / "schemas" / title / "1.0.0.yaml").write_text(
        f"title: {title}\n$id: /{title}/1.0.0\ntype: object\nproperties:\n"
        "  meta: {type: object, properties: {dt: {type: string, format: date-time}}}\n"
        "  free: {type: object, properties: {any: {}}}\n"
    )
    repository = SchemaRepository([tmp_path / "schemas"])
    outcome = EventPipeline(repository).process(
        [{"$schema": f"/{title}/1.0.0", "meta": {"stream": "views"}, "free": {"any": 1}}],
        {"views": StreamConfig("views", title, {})},
        received=RECEIVED,
        request_id=None,
    )
    for topic, lines in outcome.records.items():
        journal.append(lines, topic=topic)
    assert make(journal, catalog, event_schemas(repository)).step() == outcome.accepted == 1
    asked = "select meta.dt is null, count(*) from event.mediawiki_page_view group by all"
    assert run_sql(lake_dir, asked)[1] == [(False, 1)]


def test_step__topic_without_table__warned_of_once_and_left(
    journal: Writer,
    catalog: SqlCatalog,
    schemas: dict[str, pa.Schema],
    caplog: pytest.LogCaptureFixture,
) -> None:
    journal.append([b"{}"], topic="mystery")
    sink = make(journal, catalog, schemas)
    assert (sink.step(), sink.step()) == (0, 0)
    assert sum("'mystery' has no table" in r.getMessage() for r in caplog.records) == 1


def test_run__stopped__what_is_durable_is_moved_first(
    journal: Writer, catalog: SqlCatalog, schemas: dict[str, pa.Schema], lake_dir: Path
) -> None:
    stop = threading.Event()
    journal.events(range(30))
    stop.set()
    make(journal, catalog, schemas, events=10).run(stop)
    assert ids(lake_dir) == expected(range(30))


def test_run__catalog_fails_once__logged_and_tried_again(
    journal: Writer,
    catalog: SqlCatalog,
    schemas: dict[str, pa.Schema],
    lake_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    journal.events(range(3))
    sink = make(journal, catalog, schemas)
    stop, step = threading.Event(), sink.step

    def works() -> int:
        stop.set()
        return step()

    def fails_once() -> int:
        monkeypatch.setattr(sink, "step", works)
        raise OSError("no space left")

    monkeypatch.setattr(sink, "step", fails_once)
    with caplog.at_level(logging.ERROR):
        sink.run(stop)
    assert "it tries again" in caplog.text
    assert ids(lake_dir) == expected(range(3))


def test_run__maintenance__files_joined_snapshots_expired_journal_trimmed(
    tmp_path: Path, catalog: SqlCatalog, schemas: dict[str, pa.Schema], lake_dir: Path
) -> None:
    async def fill() -> None:
        writer = SegmentWriter(tmp_path / "journal", segment_bytes=2_000, tallying=TALLYING)
        for number in range(40):
            event = web_event(number, meta={"dt": "2026-11-22T00:00:00Z", "id": f"event-{number}"})
            await writer.append({WEB: [orjson.dumps(event)]})
        writer.close()

    asyncio.run(fill())
    reader = SegmentReader(tmp_path / "journal")
    care = Care(every_seconds=0, keep_snapshots=3, small_files=8)
    limits = SinkLimits(events=1, keep_journal_bytes=1_000)
    sink = Sink(reader, catalog, schemas, limits, Maintenance(lake_dir, care))
    stop = threading.Event()
    stop.set()
    sink.run(stop)
    table = catalog.load_table((EVENT, WEB))
    assert ids(lake_dir) == expected(range(40))
    assert len(list(table.scan().plan_files())) <= 8
    assert len(table.metadata.snapshots) <= 3
    oldest, end = reader.trim(Partition(WEB, 0), 0), reader.end(Partition(WEB, 0))
    assert 0 < oldest <= end - 1_000
    assert set(sink.lag().values()) == {0}


def test_run__lines_that_no_tally_covers__stay_in_the_journal(
    tmp_path: Path, catalog: SqlCatalog, schemas: dict[str, pa.Schema], lake_dir: Path
) -> None:
    late = Tallying(topic=LEDGER, count=count_lines, seconds=3600)
    writer = SegmentWriter(tmp_path / "journal", segment_bytes=1_000, tallying=late)

    async def fill() -> None:
        for number in range(10):
            await writer.append({WEB: [orjson.dumps(web_event(number))]})

    asyncio.run(fill())
    reader = SegmentReader(tmp_path / "journal")
    care = Maintenance(lake_dir, Care(every_seconds=0))
    sink = Sink(reader, catalog, {WEB: schemas[WEB]}, SinkLimits(keep_journal_bytes=0), care)
    stop = threading.Event()
    stop.set()
    sink.run(stop)
    assert ids(lake_dir) == expected(range(10))
    assert reader.trim(Partition(WEB, 0), 0) == 0
    writer.close()
    sink.run(stop)
    sink._maintain()
    assert reader.trim(Partition(WEB, 0), 0) > 0


def test_commit__position_moved_by_another__refused_and_nothing_written(
    catalog: SqlCatalog, schemas: dict[str, pa.Schema], journal: Writer, lake_dir: Path
) -> None:
    make(journal, catalog, schemas)
    table = catalog.load_table((EVENT, WEB))
    rows = pa.Table.from_pylist([{"action": "click"}], schema=schemas[WEB])
    one, other = f"{OFFSET}{'a' * 16}.0", f"{OFFSET}{'a' * 16}.1"

    def commit(rows: pa.Table, expected: dict[str, str], changes: dict[str, str]) -> None:
        commit_if_unchanged(table, rows, prefixes=POSITIONS, expected=expected, changes=changes)

    commit(rows, {}, {one: "10"})
    with pytest.raises(CommitFailedException, match="from 5 to 10"):
        commit(rows, {one: "5"}, {one: "20"})
    with pytest.raises(CommitFailedException, match="from None to 10"):
        commit(rows, {}, {other: "5"})  # a position that the batch knew nothing of
    commit(rows.slice(0, 0), {one: "10"}, {one: "20", other: "30"})
    assert len(ids(lake_dir)) == 1
    assert chosen(table.properties, POSITIONS) == {one: "20", other: "30"}
