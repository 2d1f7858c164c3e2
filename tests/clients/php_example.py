"""Runs an example of the docs as a page of a site that has the PHP client installed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.required_tools import require_tool

AUTOLOAD = Path(__file__).parents[2] / "clients/php/autoload.php"


def run_example(example: str, folder: Path) -> None:
    """Run it in an empty folder, with its assertions on; nothing may fail or be warned of."""
    (folder / "vendor").mkdir()
    (folder / "vendor/autoload.php").write_text(f"<?php require '{AUTOLOAD}';")
    (folder / "page.php").write_text(example)
    strict = ["-d", "zend.assertions=1", "-d", "error_reporting=-1", "-d", "display_errors=1"]
    done = subprocess.run(
        [require_tool("php"), *strict, "page.php"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search("Warning|Notice|Deprecated", done.stdout + done.stderr), done.stdout
