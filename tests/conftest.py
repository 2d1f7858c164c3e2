"""What several rooms' tests share: real browsers, and stand-ins for registry and intake."""

from collections.abc import Callable, Iterator
from pathlib import Path

import playwright
import pytest
from hypothesis import HealthCheck, settings
from playwright.sync_api import Browser, sync_playwright
from tests.clients import engines
from tests.clients.webdriver import FirefoxWire, HttpWire
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


# How long an example took says what else the machine did.
settings.register_profile(
    "tests",
    settings(),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("tests")


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


@pytest.fixture(scope="session")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirefoxWire]:
    with engines.firefox(tmp_path_factory.mktemp("firefox")) as wire:
        yield wire


@pytest.fixture(scope="session")
def webkit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpWire]:
    with engines.webkit(tmp_path_factory.mktemp("webkit")) as wire:
        yield wire


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> engines.Engine:
    """The engine that the test names; Chromium's where it names none.

    A module whose tests are for every engine says `pytestmark = engines.EVERY`.
    """
    name = getattr(request, "param", "chromium")
    browser = request.getfixturevalue(name)
    kinds: dict[str, Callable[..., engines.Engine]] = {
        "chromium": engines.Chromium,
        "firefox": engines.Firefox,
        "webkit": engines.WebKit,
    }
    return kinds[name](browser)


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
