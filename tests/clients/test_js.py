"""The JavaScript client's own checks, so that one command runs every test."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from tests.required_tools import require_tool


@pytest.mark.parametrize("script", ["check", "test"])
def test_js_client__npm_script__passes(js_folder: Path, script: str) -> None:
    done = subprocess.run(
        [require_tool("npm"), "run", script],
        cwd=js_folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if script == "test":
        passed = re.search(r"Tests\s+(\d+) passed", re.sub(r"\x1b\[[0-9;]*m", "", done.stdout))
        assert passed is not None
        assert int(passed[1]) > 100


def test_js_client__package__has_no_runtime_dependencies_and_no_addresses() -> None:
    folder = Path(__file__).parents[2] / "clients/js"
    package = json.loads((folder / "package.json").read_text())
    assert "dependencies" not in package
    for version in package["devDependencies"].values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), "pin exactly"
    assert '"resolved"' not in (folder / "package-lock.json").read_text()
