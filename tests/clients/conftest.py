"""The JavaScript client's folder with what its tools need, and a site with its script."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.clients import engines, js_package
from tests.clients.browser_site import Site, wait_for
from tests.clients.engines import Chromium, Engine, Firefox, WebKit
from tests.clients.tab import Tab
from tests.clients.webdriver import FirefoxWire, HttpWire
from tests.intake.conftest import Intake, stand_in_registry


@pytest.fixture(scope="session")
def js_folder() -> Path:
    """`clients/js`, with its development tools installed as the lock says."""
    return js_package.with_tools()


@pytest.fixture(scope="session")
def node_site(js_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site's folder in which the client is installed from its package."""
    folder = tmp_path_factory.mktemp("node_site")
    js_package.install_into(folder)
    return folder


@pytest.fixture
def site() -> Iterator[Site]:
    with Site().served() as server:
        yield server


@pytest.fixture(scope="session")
def real_intake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Intake]:
    """The intake that pages really send to."""
    with stand_in_registry() as registry:
        found = Intake(tmp_path_factory.mktemp("intake") / "data", registry.url)
        try:
            wait_for(found.ready, 20)
            yield found
        finally:
            found.stop()


@pytest.fixture(scope="session")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FirefoxWire]:
    with engines.firefox(tmp_path_factory.mktemp("firefox")) as wire:
        yield wire


@pytest.fixture(scope="session")
def webkit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpWire]:
    with engines.webkit(tmp_path_factory.mktemp("webkit")) as wire:
        yield wire


@pytest.fixture(scope="module")
def engine(request: pytest.FixtureRequest) -> Engine:
    """The engine that the test names; Chromium's where it names none.

    A module whose tests are for every engine says `pytestmark = engines.EVERY`.
    """
    name = getattr(request, "param", "chromium")
    browser = request.getfixturevalue(name)
    kinds: dict[str, Callable[..., Engine]] = {
        "chromium": Chromium,
        "firefox": Firefox,
        "webkit": WebKit,
    }
    return kinds[name](browser)


@pytest.fixture
def page(engine: Engine) -> Iterator[Tab]:
    with engine.page() as opened:
        yield opened
