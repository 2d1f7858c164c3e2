"""Tools that some tests need and a laptop may lack: skipped by name there, demanded in CI."""

import os
import shutil
import subprocess
from typing import NoReturn

import pytest

_PHP_PACKAGES = {
    "Psr/Log/autoload.php": "php-psr-log",
    "Psr/Cache/autoload.php": "php-psr-cache",
    "GuzzleHttp/autoload.php": "php-guzzlehttp-guzzle",
    "Symfony/Component/Cache/autoload.php": "php-symfony-cache",
}
"""What the PHP client's tests read from PHP's include path, and the packages that bring it."""


def require_tool(*names: str) -> str:
    """The path of the first of these programs that is there.

    Outside CI the test that asks is reported as skipped by the tool's name; in CI it fails.
    """
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None:
        lacking(f"needs {names[0]}, which is not installed")
    return found


def require_start(command: list[str], what: str) -> None:
    """Like `require_tool`, for a program that is there and may lack something to start with."""
    tried = subprocess.run(command, capture_output=True, text=True, check=False)
    if tried.returncode:
        lacking(f"needs {what}: {tried.stderr.strip()}")


def require_phpunit() -> str:
    """Like `require_tool` for PHPUnit, and for what the PHP client's tests need beside it."""
    find = (
        "foreach (array_slice($argv, 1) as $f) if (!stream_resolve_include_path($f)) echo $f, ' ';"
    )
    absent = subprocess.run(
        [require_tool("php"), "-r", find, *_PHP_PACKAGES],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    if absent:
        names = ", ".join(_PHP_PACKAGES[path] for path in absent)
        lacking(f"needs {names}, which PHP does not find")
    return require_tool("phpunit")


def lacking(message: str) -> NoReturn:
    """Skip the test, saying what is lacking; in CI fail it."""
    if os.environ.get("CI"):
        pytest.fail(f"{message}; .ci/run must install it")
    pytest.skip(message)
