"""The generated pages of the PHP and JavaScript clients say what their sources say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.required_tools import require_tool
from tools import client_reference


@pytest.mark.parametrize("language", ["php", "javascript"])
def test_api_page__of_a_client__is_current(language: str, request: pytest.FixtureRequest) -> None:
    if language == "php":
        require_tool("php")
    else:
        request.getfixturevalue("js_folder")
    page = client_reference.page_of(language)
    text = client_reference.text_of(language, client_reference.entries(language))
    assert page.read_text() == text, f"run tools/write_reference.py: {page.name} is old"


def test_php_api__list_of_classes__leaves_out_only_what_sites_do_not_name() -> None:
    source = Path(__file__).parents[2] / "clients/php/src"
    written = {str(p.relative_to(source))[:-4].replace("/", "\\") for p in source.rglob("*.php")}
    listed = set(client_reference.PHP_CLASSES)
    assert listed <= written
    in_doors = {"Client", "Visitor", "ExperimentHandle", "InstrumentHandle", "WebRequest"}
    assert in_doors <= listed


def test_migration_guide__each_call_that_it_names__is_there(js_folder: Path) -> None:
    require_tool("php")
    guide = (client_reference.ROOT / "docs/how-to/migrate-from-test-kitchen.md").read_text()
    known = {
        name.rpartition(".")[2].rpartition("\\")[2]
        for language in ("javascript", "php")
        for entry in client_reference.entries(language)
        for name in entry.names()
    }
    ours = [row.split("|")[2] for row in guide.splitlines() if row.startswith("| ")]
    named = {name for cell in ours for name in re.findall(r"(\w+)\(", cell)}
    assert len(named) > 25
    assert sorted(named - known) == []


def test_table_of_clients__each_name__is_in_that_client(js_folder: Path) -> None:
    require_tool("php")
    of = {
        language: {name for entry in client_reference.entries(language) for name in entry.names()}
        for language in client_reference.HEADS
    }
    columns = [of["javascript"], of["javascript"], of["php"], of["python"]]
    text = (client_reference.REFERENCE / "clients.md").read_text()
    rows = [row.split("|")[2:6] for row in text.splitlines() if row.startswith("| ")]
    checked = 0
    for row in rows:
        for cell, names in zip(row, columns, strict=True):
            # What an argument is called stands in no list of names.
            for name in re.findall(r"(?<!the argument )`([\w\\]+(?:\.\w+)?)`", cell):
                assert name in names, f"{name}: the client has no such name"
                checked += 1
    assert checked > 80
