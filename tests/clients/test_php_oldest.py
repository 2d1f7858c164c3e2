"""The PHP client holds to PHP 8.1, the oldest that it supports, in what it writes and calls.

Debian carries one newer PHP, under which `test_php.py` runs it all. So the sources are read by a
parser that knows what PHP 8.1 knew.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Sequence
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
LATER = {
    "readonly class A {}": "readonly class",
    "trait T { const X = 1; }": "constant of a trait",
    "class A { const string X = ''; }": "syntax error",
    "function f((A&B)|null $x) {}": "syntax error",
    "function f(): null {}": "type null",
    "function f(false $x) {}": "type false",
    "class A { private true $x; }": "type true",
    "function f(): true|int {}": "type true",
    "class A { function f() { return [1, \\json_validate('x')]; } }": "json_validate",
    "if (1) { array_find([], fn () => 1); }": "array_find",
    "new \\Random\\Randomizer();": r"random\\randomizer",
}
SINCE_8_1 = """
enum Suit: string { case Hearts = 'H'; const Wild = self::Hearts; }
final class A { public function __construct(private readonly ?int $n = null, B $b = new B()) {} }
function f(A&B $x, int|null $y): never { throw new E(match (true) { default => strlen(...) }); }
"""

Later = Callable[[Sequence[Path]], list[str]]


@pytest.fixture(scope="module")
def later() -> Later:
    """What of some files PHP 8.1 has not, a line each."""
    node, npm = require_tool("node"), require_tool("npm")
    installed = FOLDER / "node_modules/.package-lock.json"
    lock = FOLDER / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=FOLDER, check=True, timeout=300)

    def run(paths: Sequence[Path]) -> list[str]:
        done = subprocess.run(
            [node, FOLDER / "later_php.mjs", *paths],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return done.stdout.splitlines()

    return run


@pytest.mark.parametrize("code", LATER)
def test_later_php__what_came_after_8_1__is_found(later: Later, code: str, tmp_path: Path) -> None:
    path = tmp_path / "newer.php"
    path.write_text("<?php\n" + code)
    (line,) = later([path])
    assert re.search(LATER[code], line, re.IGNORECASE)
    assert line.startswith(f"{path}:2:")


def test_later_php__what_8_1_brought__passes(later: Later, tmp_path: Path) -> None:
    path = tmp_path / "of_8_1.php"
    path.write_text("<?php\n" + SINCE_8_1)
    assert later([path]) == []


def test_client__sources_and_examples__need_no_later_php(later: Later, tmp_path: Path) -> None:
    required = json.loads((CLIENT / "composer.json").read_text())["require"]["php-64bit"]
    assert required == ">=8.1"
    paths = [*CLIENT.glob("*.php"), *(CLIENT / "src").rglob("*.php")]
    assert len(paths) > 50
    assert len(EXAMPLES) > 1
    for number, example in enumerate(EXAMPLES):
        paths.append(tmp_path / f"example_{number}.php")
        paths[-1].write_text(example)
    assert later(paths) == []
