"""The documentation says what the code does: generated pages, links, and examples that are run."""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from allotment.analysis.reports import ensure_reports_table
from allotment.contract.schemas import SchemaRepository, shipped_repository
from allotment.contract.tables import REPLAYS
from allotment.lake.catalog import EVENT, open_catalog
from allotment.lake.query import run_sql
from allotment.lake.replays import REPLAYS_SCHEMA
from allotment.lake.tables import ensure_event_tables, ensure_table, event_schemas

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_reference__generated_pages__are_current() -> None:
    for path, text in load(ROOT / "tools" / "write_reference.py").pages().items():
        assert path.read_text() == text, f"run tools/write_reference.py: {path.name} is old"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_page__links_and_pictures__lead_somewhere(page: Path) -> None:
    prose = FENCE.sub("", page.read_text())
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", prose):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def examples(info: str) -> list[tuple[Path, str]]:
    return [
        (page, match["body"])
        for page in PAGES
        for match in FENCE.finditer(page.read_text())
        if match["info"].strip() == info
    ]


@pytest.mark.parametrize(("page", "body"), examples("console run"))
def test_example__console__prints_what_the_page_shows(
    page: Path, body: str, tmp_path: Path
) -> None:
    """`$ command` and below it what it prints; a line `…` stands for any lines."""
    environ = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for block in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
        command, _, expected = block.partition("\n")
        while command.endswith("\\"):
            more, _, expected = expected.partition("\n")
            command = f"{command[:-1]} {more}"
        found = subprocess.run(
            ["sh", "-c", command],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        pattern = re.escape(expected.strip()).replace("…", r"[\s\S]*")
        printed = (found.stdout + found.stderr).strip()
        assert re.fullmatch(pattern, printed), f"{page.name}: {command}\n{printed}"


@pytest.mark.parametrize(("page", "body"), examples("python"))
def test_example__python__runs(page: Path, body: str, tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", body],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert found.returncode == 0, f"{page.name}:\n{found.stderr}"


@pytest.mark.parametrize(("page", "body"), examples("json"))
def test_example__json__is_json(page: Path, body: str) -> None:
    assert json.loads(body) is not None, page


@pytest.fixture(scope="module")
def empty_lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake that has every table, and no row."""
    folder = tmp_path_factory.mktemp("lake")
    catalog = open_catalog(folder)
    ensure_event_tables(catalog, event_schemas(SchemaRepository([shipped_repository()])))
    ensure_table(catalog, (EVENT, REPLAYS), REPLAYS_SCHEMA)
    ensure_reports_table(catalog)
    return folder


@pytest.mark.parametrize(
    ("page", "body"),
    [(page, body) for page, body in examples("sql") if page.name != "run-on-postgresql.md"],
)
def test_example__sql__asks_for_what_there_is(page: Path, body: str, empty_lake: Path) -> None:
    assert run_sql(empty_lake, body).columns, page


def test_help__commands__are_all_in_the_reference() -> None:
    text = (ROOT / "docs" / "reference" / "cli.md").read_text()
    top = subprocess.run(
        shlex.split(f"{sys.executable} -m allotment --help"),
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    listed = re.findall(r"^  ([a-z]+) ", top.split("Commands:")[1], re.MULTILINE)
    assert listed
    for command in listed:
        assert f"## `allotment {command}`" in text
