"""The house of the design: who may import whom, how long a module may be, what a file may say."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "allotment"
LONGEST_MODULE = 500

MAY_IMPORT = {
    "allocation": set(),
    "contract": {"allocation"},
    "registry": {"contract", "allocation", "analysis", "orphans", "settings", "sign_in_settings"},
    "intake": {"contract", "journal", "settings"},
    "journal": set(),
    "lake": {"contract", "journal"},
    "analysis": {"lake"},
    "sdk": {"allocation"},
    "replay": {"contract", "lake", "intake", "journal", "sdk"},
}
MAY_IMPORT_ALL = {"commands", "rehearsal"}
LEAVES = {
    "settings": {"database_settings", "sign_in_settings"},
    "database_settings": set(),
    "orphans": set(),
    "sign_in_settings": set(),
    "supervisor": set(),
}
BANNED_NAMES = {"utils", "helpers", "common", "misc", "base"}


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names = [node.module or ""]
            if node.module == "allotment":
                names = [f"allotment.{alias.name}" for alias in node.names]
        rooms |= {n.split(".")[1] for n in names if n.startswith("allotment.")}
    return rooms


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_room__imports__follow_the_arrows(room: str) -> None:
    for path in (SOURCE / room).rglob("*.py"):
        extra = imported_rooms(path) - MAY_IMPORT[room] - {room, "__version__"}
        assert not extra, f"{path.relative_to(ROOT)} may not import {sorted(extra)}"


def test_rooms__all__are_known() -> None:
    rooms = {p.name for p in SOURCE.iterdir() if p.is_dir() and not p.name.startswith("_")}
    assert rooms <= set(MAY_IMPORT) | MAY_IMPORT_ALL


@pytest.mark.parametrize("leaf", LEAVES)
def test_leaf__imports__stay_out_of_the_rooms(leaf: str) -> None:
    extra = imported_rooms(SOURCE / f"{leaf}.py") - LEAVES[leaf]
    assert not extra, f"{leaf}.py may not import {sorted(extra)}"


def test_demo__imports__are_the_sdk_and_leaves() -> None:
    for path in (ROOT / "demo").rglob("*.py"):
        assert imported_rooms(path) <= {"sdk", "orphans", "settings"}, path


def tracked(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [ROOT / name for name in listed.stdout.split("\n") if name and (ROOT / name).exists()]


def test_modules__all__are_short_and_aptly_named() -> None:
    for path in tracked("src/*.py", "demo/*.py", "clients/*.ts", "tests/*.py", "bench/*.py"):
        if "migrations" in path.parts:
            continue
        lines = len(path.read_text().splitlines())
        assert lines <= LONGEST_MODULE, f"{path.relative_to(ROOT)} has {lines} lines"
        if path.parent.name == "postgresql":  # Django finds a backend by this name alone
            continue
        assert path.stem not in BANNED_NAMES, path.relative_to(ROOT)


def test_lock_files__all__hold_no_addresses() -> None:
    for path in tracked("requirements/*.txt", "*package-lock.json"):
        text = path.read_text()
        assert '"resolved"' not in text, path
        if path.suffix == ".txt":
            assert not re.search(r"https?://|--index-url|--find-links", text), path


def test_text_files__all__name_no_path_of_one_machine() -> None:
    pattern = re.compile(r"(?<![\w.}])/(?:work|home|root|farm)/\w")
    for path in tracked(
        "*.py", "*.md", "*.ts", "*.html", "*.yaml", "*.toml", "Makefile", ".ci/run"
    ):
        assert not pattern.search(path.read_text()), path.relative_to(ROOT)
