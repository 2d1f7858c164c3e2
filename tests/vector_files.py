"""The test vectors, each file held to its digest, and the programs that make them."""

from __future__ import annotations

import hashlib
import json
import runpy
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "vectors"


def read_vectors(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """A file of vectors.

    Raises:
        ValueError: its digest is not the one that `SHA256SUMS` lists.
    """
    content = (folder / name).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if f"{digest}  {name}" not in (folder / "SHA256SUMS").read_text().splitlines():
        raise ValueError(f"vectors/{name} is not what SHA256SUMS lists; run: make vectors")
    found: dict[str, Any] = json.loads(content)
    return found


def run_program(name: str) -> dict[str, Any]:
    """What a program of `vectors/`, such as `make_allocation.py`, defines."""
    sys.path.insert(0, str(FOLDER))
    try:
        return runpy.run_path(str(FOLDER / name))
    finally:
        sys.path.remove(str(FOLDER))
