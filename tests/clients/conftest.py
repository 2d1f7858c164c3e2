"""The JavaScript client's folder with what its tools need, and a site with its script."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients import js_package
from tests.clients.browser_site import Site, wait_for
from tests.clients.engines import Engine
from tests.clients.tab import Tab
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


@pytest.fixture
def page(engine: Engine) -> Iterator[Tab]:
    with engine.page() as opened:
        yield opened
