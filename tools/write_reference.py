"""Write the parts of the reference that the code knows best: settings and command line.

`write_reference.py` writes them; the tests call `pages()` and fail when the files say otherwise.
"""

import os
import subprocess
import sys
from pathlib import Path

from allotment.settings import described

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
COMMANDS = (
    "",
    "up",
    "registry",
    "intake",
    "sink",
    "analyst",
    "demo",
    "allocate",
    "schemas",
    "schemas materialize",
    "schemas check",
    "schemas show",
    "sql",
    "analyze",
)


def pages() -> dict[Path, str]:
    """Each generated file and what it should hold."""
    return {REFERENCE / "settings.md": settings_page(), REFERENCE / "cli.md": cli_page()}


def settings_page() -> str:
    """The table of settings."""
    rows = [
        f"| `{variable}` | {f'`{default}`' if default else ''} | {meaning} |"
        for variable, default, meaning in described()
    ]
    return "\n".join(
        [
            "# Settings",
            "",
            "Every part reads the same environment variables; the options of `allotment up` set",
            "the same. A variable that begins with `ALLOTMENT_` and is not listed here is refused,",
            "so that a misspelt one is not passed over in silence.",
            "",
            "| variable | default | meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def cli_page() -> str:
    """The help text of every command."""
    parts = [
        "# Command line",
        "",
        "`make install` puts `allotment` into `.venv/bin`. Errors that you can mend end with one",
        "sentence and exit code 1.",
        "",
    ]
    for command in COMMANDS:
        parts += [
            f"## `{f'allotment {command}'.strip()}`",
            "",
            "```text",
            _help(command),
            "```",
            "",
        ]
    return "\n".join(parts)


def _help(command: str) -> str:
    found = subprocess.run(
        [sys.executable, "-m", "allotment", *command.split(), "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COLUMNS": "96", "TERMINAL_WIDTH": "96"},
    )
    text = found.stdout.replace("python -m allotment", "allotment").strip()
    return "\n".join(line.rstrip() for line in text.splitlines())


if __name__ == "__main__":
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(f"wrote {path.relative_to(ROOT)}")
