"""The JavaScript client's folder with what its tools need."""

import subprocess
from pathlib import Path

import pytest
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
