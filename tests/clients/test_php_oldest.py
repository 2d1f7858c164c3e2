"""The PHP client under PHP 8.1, the oldest that it supports.

Distributions carry one newer version, so this is PHP 8.1 compiled to WebAssembly, run by Node: the
same engine, without sockets, other processes and file locks. What needs these runs under the
system's PHP, in `test_php.py`.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.required_tools import require_tool

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients/php"
FOLDER = Path(__file__).with_name("php_8_1")
EXAMPLES = re.findall(
    r"^```php\n(.*?)^```$",
    (ROOT / "docs/reference/php-client.md").read_text(),
    re.DOTALL | re.MULTILINE,
)
LOAD_ALL = """
    error_reporting(-1);
    set_error_handler(function ($n, $text) { throw new ErrorException($text); });
    require 'autoload.php';
    $files = new RecursiveIteratorIterator(new RecursiveDirectoryIterator('src'));
    foreach ($files as $file) {
        if ($file->getExtension() === 'php' && !str_starts_with($file->getFilename(), 'Psr')) {
            require_once $file->getPathname();
        }
    }
    $own = fn ($name) => str_starts_with($name, 'Allotment');
    $all = [...get_declared_classes(), ...get_declared_interfaces()];
    echo PHP_VERSION, ' ', count(array_filter($all, $own));
"""

Php = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def php() -> Php:
    """Runs PHP 8.1 in a folder, with arguments as of the command line."""
    node, npm = require_tool("node"), require_tool("npm")
    installed = FOLDER / "node_modules/.package-lock.json"
    lock = FOLDER / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        done = subprocess.run(  # the first run brings some 60 MB
            [npm, "ci", "--no-audit", "--no-fund"],
            cwd=FOLDER,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        seen = [folder, ROOT / "clients", ROOT / "vectors", Path("/usr/share/php")]
        # Where PHPUnit's own command stands.
        if arguments[0].endswith("phpunit"):
            seen.append(Path(arguments[0]).parent)
        return subprocess.run(
            [node, FOLDER / "run.mjs", ",".join(map(str, seen)), *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_oldest_php__what_came_later__is_refused(php: Php, tmp_path: Path) -> None:
    (tmp_path / "newer.php").write_text("<?php readonly class Newer {}")
    done = php(tmp_path, "newer.php")
    assert done.returncode == 255
    assert "Parse error" in done.stdout
    done = php(tmp_path, "-r", "echo PHP_VERSION; str_increment('a');")
    assert done.stdout.startswith("8.1.")
    assert "undefined function str_increment()" in done.stdout


def test_oldest_php__required__is_the_one_that_is_run(php: Php, tmp_path: Path) -> None:
    required = json.loads((CLIENT / "composer.json").read_text())["require"]["php-64bit"]
    done = php(
        tmp_path, "-r", "echo '>=', PHP_MAJOR_VERSION, '.', PHP_MINOR_VERSION, PHP_INT_SIZE;"
    )
    assert done.stdout == f"{required}8"


def test_oldest_php__every_class__loads(php: Php) -> None:
    done = php(CLIENT, "-r", LOAD_ALL)
    assert done.returncode == 0, done.stdout
    version, count = done.stdout.split()
    assert version.startswith("8.1.")
    written = [path for path in (CLIENT / "src").rglob("*.php") if path.name[:3] != "Psr"]
    assert int(count) >= len(written) > 40


def test_oldest_php__law_and_events__agree_with_the_vectors(php: Php) -> None:
    done = php(CLIENT, require_tool("phpunit"), "--filter", "Allocation|EventsTest")
    assert done.returncode == 0, done.stdout
    passed = re.search(r"OK \((\d+) tests, (\d+) assertions", done.stdout)
    assert passed is not None, done.stdout
    assert int(passed[1]) >= 35
    assert int(passed[2]) > 350


@pytest.mark.parametrize("example", EXAMPLES)
def test_oldest_php__examples_of_the_reference__run(php: Php, example: str, tmp_path: Path) -> None:
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor/autoload.php").write_text(f"<?php require '{CLIENT}/autoload.php';")
    (tmp_path / "page.php").write_text(example)
    strict = ["-d", "zend.assertions=1", "-d", "error_reporting=-1", "-d", "display_errors=1"]
    done = php(tmp_path, *strict, "page.php")
    assert done.returncode == 0, done.stdout + done.stderr
    assert not re.search("Warning|Notice|Deprecated|Fatal", done.stdout + done.stderr), done.stdout
