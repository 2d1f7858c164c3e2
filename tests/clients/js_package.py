"""The JavaScript client's folder with its tools, and a site that has its package installed."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from hashlib import sha256
from pathlib import Path

from tests.required_tools import require_tool

FOLDER = Path(__file__).parents[2] / "clients/js"


def with_tools() -> Path:
    """`clients/js`, with its development tools installed as the lock says."""
    require_tool("node")
    npm = require_tool("npm")
    name = sha256(str(FOLDER).encode()).hexdigest()[:16]
    # Tests run in several processes, and npm takes away what is there before it begins.
    with (Path(tempfile.gettempdir()) / f"allotment-npm-{name}").open("w") as lock_file:
        fcntl.flock(lock_file, fcntl.LOCK_EX)
        installed = FOLDER / "node_modules/.package-lock.json"
        lock = FOLDER / "package-lock.json"
        if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
            # The first run brings some 50 packages.
            _run([npm, "ci", "--no-audit", "--no-fund"], FOLDER)
    return FOLDER


def install_into(folder: Path) -> None:
    """Install the package into a site's folder, with what a site brings itself."""
    installed = folder / "node_modules/allotment"
    # Not by `npm pack`, which builds in one place, where another process may do so, too.
    _run([require_tool("node"), "package.mjs", installed / "dist"], FOLDER)
    shutil.copy(FOLDER / "package.json", installed)
    for name in ("@openfeature", "@types", "undici-types"):
        (folder / "node_modules" / name).symlink_to(FOLDER / "node_modules" / name)
    _add_programs(folder)


def bundle_node_into(folder: Path) -> None:
    """Only the client for Node, without types: in a second, where the package takes ten."""
    installed = folder / "node_modules/allotment"
    built = ["--bundle", "--platform=node", "--format=esm", '--define:__VERSION__="0.1.0"']
    tool = FOLDER / "node_modules/.bin/esbuild"
    _run([tool, "src/node.ts", *built, f"--outfile={installed}/node.mjs"], FOLDER)
    (installed / "package.json").write_text('{"exports": {"./*": "./*.mjs"}}')
    _add_programs(folder)


def _add_programs(folder: Path) -> None:
    for program in (FOLDER / "tests/node").glob("*.mjs"):
        shutil.copy(program, folder)
    (folder / "package.json").write_text('{"type": "module"}')


def _run(command: list[str | Path], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
