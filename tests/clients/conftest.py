"""The JavaScript client's folder with what its tools need, and a site with its script."""

import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from tests.clients.browser_site import Site
from tests.required_tools import require_tool

FOLDER = Path(__file__).parents[2] / "clients/js"


@pytest.fixture(scope="session")
def js_folder() -> Path:
    """`clients/js`, with its development tools installed as the lock says."""
    require_tool("node")
    npm = require_tool("npm")
    installed = FOLDER / "node_modules/.package-lock.json"
    lock = FOLDER / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        done = subprocess.run(  # the first run brings some 50 packages
            [npm, "ci", "--no-audit", "--no-fund"],
            cwd=FOLDER,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    return FOLDER


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
