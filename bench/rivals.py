"""What `clients.py` compares the client libraries with: their rivals' SDKs, beside the benchmarks.

They are installed as `rivals/` locks them, by version and hash, and are no part of the product. PHP
has none here: rivals' SDKs for PHP come from Packagist alone, which is no registry of this project.
"""

from __future__ import annotations

import importlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "rivals"
PYTHON = FOLDER / ".python"
"""With a dot, so that no checker of types takes it for sources of this project."""
VARIATIONS = ["control", "prompt"]
PLAIN: dict[str, Any] = {
    "key": "search-prompt",
    "variations": VARIATIONS,
    "coverage": 0.5,
    "hashVersion": 2,
}
RICH: dict[str, Any] = {
    **PLAIN,
    "weights": [0.25, 0.75],
    "filters": [{"seed": "search", "ranges": [[0, 0.5]], "attribute": "id", "hashVersion": 2}],
    "condition": {"page_namespace_id": 0, "mediawiki_skin": {"$in": ["vector", "minerva"]}},
}
EXPERIMENTS = {"plain": PLAIN, "rich": RICH}
"""The experiments of `clients.py`, as GrowthBook says them."""


def why_no_javascript() -> str | None:
    """Make the rivals in JavaScript ready; why they cannot be, or None."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "node and npm are not installed"
    if (FOLDER / "node_modules/@growthbook").is_dir():
        return None
    return _run(["npm", "ci", "--no-audit", "--no-fund"])


def why_no_python() -> str | None:
    """Make the rival in Python ready; why it cannot be, or None."""
    if (PYTHON / "growthbook").is_dir():
        return None
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes"]
    return _run([*command, "--target", str(PYTHON), "-r", "python.txt"])


def _run(command: list[str]) -> str | None:
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return None
    return f"{' '.join(command[:3])} failed: {done.stderr.strip()[-300:]}"


def python_evaluation(kind: str, attributes: Mapping[str, object]) -> Callable[[int], object]:
    """GrowthBook's evaluation in Python of one experiment, for the subject of a number."""
    if str(PYTHON) not in sys.path:
        sys.path.append(str(PYTHON))
    growthbook: Any = importlib.import_module("growthbook")
    experiment = growthbook.Experiment(**EXPERIMENTS[kind])
    client = growthbook.GrowthBook()

    def evaluate(number: int) -> object:
        client.set_attributes({**attributes, "id": str(number)})
        return client.run(experiment)

    return evaluate
