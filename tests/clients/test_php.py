"""The PHP client's own checks, so that one command runs every test."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from tests.clients.php_example import run_example
from tests.required_tools import require_phpunit, require_tool

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "clients/php"


def phpunit(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [require_phpunit(), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_php_client__phpunit__passes() -> None:
    done = phpunit(FOLDER)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"OK \((\d+) tests", done.stdout)
    assert passed is not None, done.stdout
    assert int(passed[1]) >= 75


EXAMPLES = re.findall(
    r"^```php\n(.*?)^```$",
    (ROOT / "docs/reference/php-client.md").read_text(),
    re.DOTALL | re.MULTILINE,
)


@pytest.mark.parametrize("example", EXAMPLES)
def test_php_reference__example__runs_as_it_stands(example: str, tmp_path: Path) -> None:
    run_example(example, tmp_path)
    assert len(EXAMPLES) == 3


def test_php_client__package__requires_php_alone() -> None:
    package = json.loads((FOLDER / "composer.json").read_text())
    assert package["require"] == {"php-64bit": ">=8.1"}
    assert not any(name.startswith("vendor") for name in map(str, FOLDER.iterdir()))
    suggested = {name for name in package["suggest"] if name.startswith("psr/")}
    assert suggested == {"psr/log", "psr/cache", "psr/http-client", "psr/http-factory"}


def test_php_client__every_file__is_strict_and_lints() -> None:
    files = sorted(FOLDER.rglob("*.php"))
    assert files
    for path in files:
        assert "declare(strict_types=1);" in path.read_text(), path
    for path in files:
        done = subprocess.run(
            [require_tool("php"), "-l", str(path)], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout
