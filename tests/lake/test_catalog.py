"""A lake in a folder: shared by processes, durable, movable."""

import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import orjson
import pyarrow as pa
import pytest
from tests.lake.lake_parts import WEB, web_event
from tests.required_tools import require_tool

from allotment.lake.catalog import ANALYSIS, EVENT, SEALED, open_catalog
from allotment.lake.file_io import local_path
from allotment.lake.parsing import parse_lines
from allotment.lake.query import run_sql
from allotment.lake.tables import ensure_event_tables
from allotment.lake.writing import append_rows


def put(lake_dir: Path, schemas: dict[str, pa.Schema], number: int) -> None:
    with closing(open_catalog(lake_dir)) as catalog:
        ensure_event_tables(catalog, schemas)
        rows = parse_lines(orjson.dumps(web_event(number)) + b"\n", 0, schemas[WEB]).rows
        append_rows(catalog.load_table((EVENT, WEB)), rows)


def pages(lake_dir: Path) -> list[int]:
    return [row[0] for row in run_sql(lake_dir, f"select page.id from event.{WEB} order by 1")[1]]


def test_open__nothing_there__namespaces_and_no_table(tmp_path: Path) -> None:
    with closing(open_catalog(tmp_path / "a" / "lake")) as catalog:
        assert set(catalog.list_namespaces()) == {(EVENT,), (ANALYSIS,), (SEALED,)}
        assert catalog.list_tables(EVENT) == []


def test_open__four_processes_at_once__each_succeeds(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from allotment.lake.catalog import open_catalog;"
        "from allotment.lake.tables import event_schemas, ensure_event_tables;"
        "from allotment.contract.schemas import SchemaRepository;"
        "schemas = event_schemas(SchemaRepository([])); print(1, flush=True); input();"
        "ensure_event_tables(open_catalog(Path(sys.argv[1])), schemas)"
    )
    pipe = subprocess.PIPE
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], stdin=pipe, stdout=pipe, text=True
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        process.communicate("\n", timeout=60)
    assert [process.returncode for process in processes] == [0] * 4
    assert pages(tmp_path) == []


@pytest.mark.parametrize("name", ["plain", "with space & 100%25"])
def test_open__folder_moved__read_and_written_in_the_new_place_only(
    tmp_path: Path, schemas: dict[str, pa.Schema], name: str
) -> None:
    old, new = tmp_path / name / "lake", tmp_path / f"{name} 2" / "lake"
    put(old, schemas, 1)
    new.parent.mkdir()
    old.rename(new)
    put(new, schemas, 2)
    assert pages(new) == [1, 2]
    assert not old.exists()


def test_open__folder_copied__each_goes_its_own_way(
    tmp_path: Path, schemas: dict[str, pa.Schema]
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    put(old, schemas, 1)
    shutil.copytree(old, new)
    put(new, schemas, 2)
    put(old, schemas, 3)
    assert pages(new) == [1, 2]
    assert pages(old) == [1, 3]


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/place/a/x", "/now/x"),
        ("file:///place/a/x%20y", "/now/x y"),
        ("/place/ab/x", "/place/ab/x"),
        ("/elsewhere/x", "/elsewhere/x"),
    ],
)
def test_local_path__home_moved__only_what_lies_below_it(location: str, path: str) -> None:
    assert local_path(location, "/place/a", "/now") == Path(path)


def test_local_path__other_scheme__refused() -> None:
    with pytest.raises(ValueError, match="no local file"):
        local_path("s3://bucket/x")


def test_append__every_file_named_by_the_snapshot__was_synced_with_its_folder(
    tmp_path: Path, schemas: dict[str, pa.Schema]
) -> None:
    strace = require_tool("strace")
    put(tmp_path / "lake", schemas, 1)
    trace = tmp_path / "trace"
    code = (
        "import sys; from pathlib import Path; from tests.lake.test_catalog import put;"
        "from allotment.lake.tables import event_schemas;"
        "from allotment.contract.schemas import SchemaRepository;"
        "put(Path(sys.argv[1]), event_schemas(SchemaRepository([])), 2)"
    )
    watch = [strace, "-f", "-y", "-e", "trace=fsync,fdatasync", "-o", str(trace)]
    subprocess.run([*watch, sys.executable, "-c", code, str(tmp_path / "lake")], check=True)
    synced = trace.read_text()
    with closing(open_catalog(tmp_path / "lake")) as catalog:
        table = catalog.load_table((EVENT, WEB))
        snapshot = table.current_snapshot()
        assert snapshot is not None
        newest = [
            m for m in snapshot.manifests(table.io) if m.added_snapshot_id == snapshot.snapshot_id
        ]
        names = [
            table.metadata_location,
            snapshot.manifest_list,
            *(m.manifest_path for m in newest),
        ]
        names += [
            entry.data_file.file_path
            for manifest in newest
            for entry in manifest.fetch_manifest_entry(table.io)
            if entry.snapshot_id == snapshot.snapshot_id
        ]
    assert len(names) >= 4
    for name in names:
        path = local_path(name)
        assert f"<{path}>" in synced, f"{quote(str(path))} was not synced"
        assert f"<{path.parent}>" in synced
