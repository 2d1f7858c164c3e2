"""The docs' examples in JavaScript and PHP, run as they stand; those in Python run `test_docs.py`.

What is marked `html` is put into a page, `js` is a module of that page, and `js node` one of Node;
they may say by `console.assert` what must have come out. `php` is a page that PHP serves once.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page
from tests.clients.browser_site import STREAMS, Site, wait_for
from tests.clients.php_example import run_example
from tests.required_tools import require_tool

ROOT = Path(__file__).parents[2]
PHP = ROOT / "clients/php/autoload.php"
VISITOR = {
    "enrolled": ["search-prompt"],
    "assigned": {"search-prompt": "prompt"},
    "subject_ids": {"search-prompt": "92bd577d"},
    "sampling_units": {"search-prompt": "edge-unique"},
    "coordinators": {"search-prompt": "default"},
    "versions": {"search-prompt": "3"},
}
INSTRUMENTS = dict.fromkeys(["article-links", "demo-article-clicks"], STREAMS["related-articles"])
BODY = """
<p id="menu">menu</p>
<form class="search"><input id="search"></form>
<p id="article-links"><a id="link" href="#leek">leek</a></p>
"""


def examples(info: str) -> list[object]:
    """Those of all pages, each with the page and a number for its name."""
    pattern = re.compile(rf"^```{info}\n(.*?)^```$", re.DOTALL | re.MULTILINE)
    return [
        pytest.param(body, id=f"{page.relative_to(ROOT)}-{number}")
        for page in sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
        for number, body in enumerate(pattern.findall(page.read_text()))
    ]


def write(site: Site, example: str) -> None:
    """A page with an example, for a visitor of an experiment, with instruments that send."""
    example = example.replace("/_allotment/", "/").replace('"./', '"/')
    example = example.replace("https://registry.example", site.origin)
    example = example.replace("https://intake.example/v1/events", site.intake)
    config = {"intakeUrl": site.intake, "site": "demowiki", "streams": STREAMS | INSTRUMENTS}
    head = (
        f"<script>window.allotmentUserExperiments = {json.dumps(VISITOR)};"
        f"window.allotmentConfig = {json.dumps(config)};</script>"
        "<script src=/allotment.js defer></script>"
    )
    if "data-registry" in example:  # it is the tag itself
        head, example = example, ""
    site.pages["/"] = (
        "<!doctype html><head><meta charset=utf-8><link rel=icon href=data:,>"
        f"{head}</head><body>{BODY}{example}</body>"
    )


@pytest.mark.parametrize("example", examples("(?:html|js)"))
def test_example__in_a_page__runs_without_a_word_and_its_events_arrive(
    example: str, site: Site, page: Page
) -> None:
    is_module = "<script" not in example
    write(site, f'<script type="module">{example}</script>' if is_module else example)
    said: list[str] = []
    page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    site.pages["/other"] = "<!doctype html><link rel=icon href=data:,><title>other</title>"
    page.goto(site.origin)
    page.wait_for_function("window.allotment?.version")
    page.click("#menu")
    page.press("#search", "a")
    page.click("#link")
    page.goto(f"{site.origin}/other")
    named = re.findall(r"get(?:Instrument|Experiment)\(\"([^\"]+)\"\)", example)
    # What is forced in a test is only written down.
    expected = set() if "useFakeExperiments" in example else set(named)
    wait_for(lambda: expected <= {event.get("instrument_name") for event in site.events})
    assert said == []


@pytest.mark.parametrize("example", examples("js node"))
def test_example__in_node__runs_without_a_word(example: str, node_site: Path) -> None:
    (node_site / "example.mjs").write_text(example)
    done = subprocess.run(
        [require_tool("node"), "example.mjs"],
        cwd=node_site,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("example", examples("php"))
def test_example__in_php__runs_without_a_word(example: str, tmp_path: Path) -> None:
    run_example(example, tmp_path)


def test_examples__of_the_clients_own_pages__are_found() -> None:
    assert len(examples("(?:html|js)")) >= 5
    assert len(examples("php")) >= 4
