"""`allotment audit` on a registry's real data folder."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

PREPARE = """
from allotment.registry.bootstrap import prepare
from allotment.settings import from_environ
prepare(from_environ())
"""


def run(*command: str, data: Path) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("ALLOTMENT_")}
    return subprocess.run(
        [sys.executable, *command],
        env=environ | {"ALLOTMENT_DATA": str(data)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a new registry."""
    folder = tmp_path_factory.mktemp("lab")
    made = run("-W", "error", "-c", PREPARE, data=folder)
    assert made.returncode == 0, made.stderr
    return folder


def test_audit__untouched_then_touched__verify_tells_the_first_broken_row(data: Path) -> None:
    found = run("-m", "allotment", "audit", "verify", data=data)
    assert found.returncode == 0, found.stderr
    head = found.stdout.rsplit("Head ", 1)[1].strip()

    exported = run("-m", "allotment", "audit", "export", data=data)
    lines = [json.loads(line) for line in exported.stdout.splitlines()]
    assert [line["number"] for line in lines] == list(range(1, len(lines) + 1))
    assert {"make-account"} <= {line["action"] for line in lines}
    assert lines[-1]["hash"] == head.split(":")[1]

    noted = run("-m", "allotment", "audit", "verify", "--head", head, data=data)
    assert noted.returncode == 0, noted.stderr

    with sqlite3.connect(data / "registry" / "registry.sqlite3") as database:
        with pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
            database.execute("DELETE FROM registry_auditentry")
        database.execute("DROP TRIGGER registry_auditentry_no_update")
        database.execute("UPDATE registry_auditentry SET who = 'eve' WHERE number = 2")
    database.close()
    broken = run("-m", "allotment", "audit", "verify", data=data)
    assert broken.returncode == 1
    assert "row 2 of the audit log is broken" in broken.stderr


def test_audit__no_registry_or_no_head__says_what_to_do(tmp_path: Path) -> None:
    found = run("-m", "allotment", "audit", "verify", data=tmp_path)
    assert (found.returncode, "name its folder by --data" in found.stderr) == (1, True)
    found = run("-m", "allotment", "audit", "verify", "--head", "latest", data=tmp_path)
    assert (found.returncode, "NUMBER:HASH" in found.stderr) == (1, True)
