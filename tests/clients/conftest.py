"""The JavaScript client's folder with what its tools need, and a site with its script."""

import shutil
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


@pytest.fixture(scope="session")
def node_site(js_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site's folder in which the client is installed from its package."""
    folder = tmp_path_factory.mktemp("node_site")
    installed = folder / "node_modules/allotment"
    # Not by `npm pack`, which builds in one place, where another process may do so, too.
    done = subprocess.run(
        [require_tool("node"), "package.mjs", installed / "dist"],
        cwd=js_folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.copy(js_folder / "package.json", installed)
    # What the site brings itself, as the package asks for it.
    for name in ("@openfeature", "@types", "undici-types"):
        (folder / "node_modules" / name).symlink_to(js_folder / "node_modules" / name)
    for program in (js_folder / "tests/node").glob("*.mjs"):
        shutil.copy(program, folder)
    (folder / "package.json").write_text('{"type": "module"}')
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
