"""The lines that the Install tab gives are run as they stand, with the configuration served."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.test import Client as Browser
from playwright.sync_api import Browser as Chromium
from tests.clients.browser_site import Site, wait_for
from tests.registry.page_reading import Page
from tests.required_tools import require_tool

from allotment.registry import lifecycle
from allotment.registry.plan import ExperimentPlan, InstrumentPlan
from allotment.sdk import Client
from allotment.sdk.testing import recording

EXPERIMENT, INSTRUMENT = "search-suggestions", "desktop-ui-interactions"
GROUP = "described"
LINES = {
    EXPERIMENT: f"/experiments/{EXPERIMENT}/install",
    INSTRUMENT: f"/instruments/{INSTRUMENT}/install",
}
PHP = Path(__file__).parents[2] / "clients/php/autoload.php"

Lines = Callable[[str, str], str]
pytestmark = pytest.mark.usefixtures("database_beside_a_loop")


@pytest.fixture
def lines(
    visitor: Browser,
    experiment_plan: Callable[..., ExperimentPlan],
    instrument_plan: Callable[..., InstrumentPlan],
) -> Lines:
    """The lines for an item in a language, by the ending of their file; both items run."""
    lifecycle.activate(lifecycle.create(experiment_plan()))
    lifecycle.activate(lifecycle.create(instrument_plan(default_rate=Decimal(1))))

    def read(name: str, ending: str) -> str:
        page = Page(visitor.get(LINES[name]).content.decode())
        (found,) = (e.text for e in page.all("pre") if e.attributes["aria-label"].endswith(ending))
        return found

    return read


@pytest.fixture
def site() -> Iterator[Site]:
    server = Site()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def served(visitor: Browser, path: str) -> Any:  # noqa: ANN401 - it is JSON
    return json.loads(visitor.get(path).content)


@pytest.mark.parametrize("name", LINES)
def test_lines_for_pages__in_a_browser__send_what_they_say(
    name: str, lines: Lines, visitor: Browser, chromium: Chromium, site: Site
) -> None:
    record = {"enrolled": [EXPERIMENT], "assigned": {EXPERIMENT: GROUP}}
    config = {
        "intakeUrl": site.intake,
        "streams": served(visitor, "/w/api.php?action=streamconfigs&format=json")["streams"],
    }
    script = lines(name, ".js").replace("/_allotment/", "/")
    site.pages["/"] = f"""<!doctype html><link rel=icon href=data:,>
        <script>
          allotmentUserExperiments = {json.dumps(record)}; allotmentConfig = {json.dumps(config)};
          const shown = [];
          const showFeature = () => shown.push("feature");
          const showWhatIsThereToday = () => shown.push("today");
        </script>
        <script src=/allotment.js defer></script>
        <p id="the-feature">feature</p><p id="the-menu"><a href="#menu">menu</a></p>
        <script type="module">{script}</script>"""
    page = chromium.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(site.origin)
    clicked = "#the-feature" if name == EXPERIMENT else "#the-menu a"
    expected = {"impression", "click"} | ({"open"} if name == INSTRUMENT else set())
    wait_for(lambda: page.evaluate("allotment.flush()") or site.events)
    page.click(clicked)
    wait_for(
        lambda: page.evaluate("allotment.flush()") or expected <= {e["action"] for e in site.events}
    )
    assert {event["instrument_name"] for event in site.events} == {name}
    assert page.evaluate("shown") == (["feature"] if name == EXPERIMENT else [])
    assert said == []
    page.close()


@pytest.mark.parametrize("name", LINES)
def test_lines_for_python__run__send_what_they_say(
    name: str, lines: Lines, visitor: Browser
) -> None:
    client = Client(
        registry_url="http://127.0.0.1:9", intake_url="http://127.0.0.1:9/v1/events", site="mywiki"
    )
    shown = {"render_feature": lambda: "feature", "render_what_is_there_today": lambda: "today"}
    with recording() as allotment:
        allotment.configure(
            experiments=served(visitor, "/api/v1/experiments"),
            instruments=served(visitor, "/api/v1/instruments"),
        )
        allotment.force(EXPERIMENT, GROUP)
        given: dict[str, Any] = {"environ": {"allotment.visitor": client.visitor()}, **shown}
        exec(lines(name, ".py"), given)
        actions = [event["action"] for event in allotment.events]
    assert actions == (["impression", "click"] if name == EXPERIMENT else ["open"])
    assert given.get("html") == ("feature" if name == EXPERIMENT else None)


@pytest.mark.parametrize("name", LINES)
def test_lines_for_php__run__without_a_word(name: str, lines: Lines, tmp_path: Path) -> None:
    script = tmp_path / "lines.php"
    script.write_text(
        f"""<?php require '{PHP}';
        $allotment = new Allotment\\Client('http://127.0.0.1:9', 'http://127.0.0.1:9/v1/events',
            'mywiki', new Allotment\\Configuration\\MemoryStore());
        $_GET['mpo'] = '{EXPERIMENT}:{GROUP}';
        $_SERVER['QUERY_STRING'] = 'mpo={EXPERIMENT}:{GROUP}';
        function renderFeature() {{ echo 'feature'; }}
        function renderWhatIsThereToday() {{ echo 'today'; }}
        {lines(name, ".php")}"""
    )
    strict = ["-d", "zend.assertions=1", "-d", "error_reporting=-1", "-d", "display_errors=1"]
    done = subprocess.run(
        [require_tool("php"), *strict, script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "feature" if name == EXPERIMENT else "")
