"""The JavaScript client's folder with what its tools need, and a site with its script."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from tests.clients import js_package
from tests.clients.browser_site import Site


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
    server = Site()
    server.pages["/other"] = "<!doctype html><title>other</title>"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 800, "height": 600})
    context.set_default_timeout(10_000)
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert errors == []
