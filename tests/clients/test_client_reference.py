"""The generated pages of the PHP and JavaScript clients say what their sources say."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.required_tools import require_tool
from tools import client_reference


@pytest.mark.parametrize("language", ["php"])
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
