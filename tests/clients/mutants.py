"""Makes each change of the law in a copy of each language, and demands that its vectors then fail.

`python -m tests.clients.mutants` makes all of them and prints a table; exit code 1 if one passes.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.clients.js_package import with_tools
from tests.clients.law_changes import JAVASCRIPT, PHP, PYTHON, Change
from tests.required_tools import require_phpunit, require_tool

ROOT = Path(__file__).parents[2]
NO_MUTANT = re.compile(
    r"SyntaxError|IndentationError|NameError|ImportError|Transform failed|Parse error|no tests"
    r"|not what SHA256SUMS lists|Cannot find module|ERR_MODULE_NOT_FOUND"
)
"""What a copy says that failed for another reason than that it is wrong about the law."""
TIMEOUT = 300


@dataclass(frozen=True)
class Language:
    """Where a language's law lies, and what tries a copy of it on the vectors."""

    name: str
    law: str
    """The folder of the sources, below the repository's root."""
    copied: Sequence[str]
    linked: Sequence[str]
    folder: str
    command: Sequence[str]
    changes: Sequence[Change]

    def copy(self, root: Path) -> None:
        """Make a repository of this language's part alone, in an empty folder."""
        for path in self.copied:
            shutil.copytree(
                ROOT / path,
                root / path,
                ignore=shutil.ignore_patterns("node_modules", "__pycache__", "browser"),
            )
        for path in self.linked:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).symlink_to(ROOT / path)

    def change(self, root: Path, change: Change) -> None:
        """Make the change in a copy.

        Raises:
            ValueError: its text does not stand there exactly once: the sources have changed.
        """
        path = root / self.law / change.file
        text = path.read_text(encoding="utf-8")
        if text.count(change.before) != 1:
            raise ValueError(
                f"{self.name}: {change.file} has {change.before!r} {text.count(change.before)} "
                "times; mend tests/clients/law_changes.py"
            )
        path.write_text(text.replace(change.before, change.after), encoding="utf-8")

    def passes(self, root: Path) -> bool:
        """Whether the copy agrees with the vectors.

        Raises:
            RuntimeError: it failed without having been asked.
        """
        done = subprocess.run(
            self.command,
            cwd=root / self.folder,
            env={
                **os.environ,
                "PYTHONPATH": f"{root / 'src'}{os.pathsep}{ROOT}",
                "PYTHONDONTWRITEBYTECODE": "1",
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            },
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        said = done.stdout + done.stderr
        if done.returncode not in {0, 1, 2} or NO_MUTANT.search(said):
            raise RuntimeError(f"{self.name}: the vectors could not be tried: {said[-3000:]}")
        return done.returncode == 0


NAMES = ("Python", "JavaScript", "PHP")


def language(name: str) -> Language:
    """One of `NAMES`. Where its tools are not here, the test that asks is reported as skipped."""
    if name == "PHP":
        return Language(
            name,
            "clients/php/src/Allocation",
            ["clients/php", "vectors"],
            [],
            "clients/php",
            [require_phpunit(), "--stop-on-failure", "tests/Allocation/VectorsTest.php"],
            PHP,
        )
    if name == "JavaScript":
        vitest = with_tools() / "node_modules/vitest/vitest.mjs"
        return Language(
            name,
            "clients/js/src",
            ["clients/js", "vectors"],  # Vite reads nothing outside of its folder
            ["clients/js/node_modules"],
            "clients/js",
            [
                *(require_tool("node"), str(vitest), "run", "--bail", "1"),
                *("tests/law.test.ts", "tests/evaluation.test.ts"),
                *("tests/enrollments.test.ts", "tests/exposure.test.ts"),
            ],
            JAVASCRIPT,
        )
    vectors = str(ROOT / "tests/vectors")
    pytest = [sys.executable, "-m", "pytest", "-x", "-q", "-c", "pytest.ini", "-k", "agree"]
    alone = ["--import-mode=importlib", "-p", "no:cacheprovider", "--confcutdir", vectors]
    # What clients make of the law is no part of the copy.
    law_alone = [f"--ignore={vectors}/test_make_{name}.py" for name in ("events", "exposures")]
    return Language(
        name,
        "src/allotment/allocation",
        ["src/allotment/allocation"],
        ["src/allotment/__init__.py"],
        ".",
        [*pytest, *alone, *law_alone, vectors],
        PYTHON,
    )


def survives(language: Language, change: Change | None) -> bool:
    """Whether a copy with the change, or with none, agrees with the vectors all the same."""
    with TemporaryDirectory(prefix="mutant-") as folder:
        root = Path(folder)
        language.copy(root)
        (root / "pytest.ini").write_text("[pytest]\n")
        if change is not None:
            language.change(root, change)
        return language.passes(root)


def tried(
    languages: Iterable[Language], workers: int
) -> list[tuple[Language, Change | None, bool]]:
    """Each language without a change, then with each of its changes: whether it still agrees."""
    asked = [(language, change) for language in languages for change in (None, *language.changes)]
    with ThreadPoolExecutor(workers) as pool:
        found = pool.map(lambda pair: survives(*pair), asked)
        return [(*pair, result) for pair, result in zip(asked, found, strict=True)]


def main() -> int:
    """Try all, print a table; 1 where a changed law agrees, or an unchanged one does not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("languages", nargs="*", help=f"{', '.join(NAMES)}; all by default")
    given = parser.parse_args()
    if unknown := set(given.languages) - set(NAMES):
        parser.error(f"no language is called {', '.join(unknown)}")
    began = time.monotonic()
    chosen = [language(name) for name in given.languages or NAMES]
    lines, wrong = [], 0
    for of, change, agrees in tried(chosen, given.workers):
        right = agrees == (change is None)
        wrong += not right
        what = f"{change.what:<30} {change.file}" if change else "unchanged"
        verdict = ("agrees" if agrees else "fails") + ("" if right else ", and must not")
        lines.append(f"{of.name:<11} {what:<52} {verdict}")
    lines.append(
        f"{len(lines) - len(chosen)} changes of {len(chosen)} languages, {wrong} not as it must be "
        f"({time.monotonic() - began:.0f} s)"
    )
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
