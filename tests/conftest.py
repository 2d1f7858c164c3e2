"""What several rooms' tests share: a real browser, and stand-ins for registry and intake."""

from collections.abc import Iterator
from pathlib import Path

import playwright
import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.leftovers import watched
from tests.required_tools import require_start, require_tool
from tests.sdk.stand_ins import Intake, Registry, intake_server, registry_server

BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_configure(config: pytest.Config) -> None:
    """What tests start ends with them, also where the run is killed."""
    watcher = watched()
    if watcher is not None:
        config.add_cleanup(watcher.end)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real browser, without a window."""
    program = require_tool("chromium", "chromium-browser")
    node = Path(playwright.__file__).parent / "driver" / "node"
    require_start([str(node), "--version"], "what drives the browser, which does not start")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=BROWSER_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A stand-in for the registry, over real HTTP."""
    with registry_server() as state:
        yield state


@pytest.fixture
def intake() -> Iterator[Intake]:
    """A stand-in for the intake, over real HTTP."""
    with intake_server() as state:
        yield state
