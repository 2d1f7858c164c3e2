"""The JavaScript client's folder with what its tools need, and a real browser."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright
from tests.required_tools import require_tool

FOLDER = Path(__file__).parents[2] / "clients/js"
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A real browser, without a window."""
    program = require_tool("chromium", "chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=BROWSER_ARGUMENTS)
        yield browser
        browser.close()
