"""The command line, run as a person runs it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.free_ports import free_port
from tests.lake.lake_parts import WEB, Writer

from allotment.allocation import keyed_subject_id
from allotment.lake.query import QueryError, run_sql

EXPERIMENT = {"name": "foo", "groups": ["control", "treatment"], "sample_rate": {"default": 1}}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "allotment", *arguments], capture_output=True, text=True, check=False
    )


def imported(*arguments: str) -> set[str]:
    """The packages and modules that a command has imported when it is through."""
    program = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('\\nimported', *sys.modules))\n"
        "from allotment.cli import main\n"
        "main()\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    *_, last = found.stdout.splitlines()
    first, *modules = last.split()
    assert first == "imported", found.stderr
    return set(modules)


HEAVY = {"pyarrow", "duckdb", "pyiceberg", "sqlalchemy", "numpy", "scipy", "django", "granian"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("rejected", "--help"),
        ("rejected", "list", "--help"),
        ("check", "--help"),
        ("schemas", "diff", "--help"),
        ("ledger", "--help"),
        ("audit", "verify", "--help"),
    ],
)
def test_help__any_command__imports_no_part_of_the_lab(arguments: tuple[str, ...]) -> None:
    found = imported(*arguments)
    assert not found & {*HEAVY, "yaml", "rich.console", "jsonschema_rs"}
    rooms = {name.split(".")[1] for name in found if name.startswith("allotment.")}
    assert not rooms & {"contract", "lake", "analysis", "registry", "intake", "replay", "sdk"}


def test_check__files__imports_no_lake_and_no_statistics(tmp_path: Path) -> None:
    (tmp_path / "streams.yaml").write_text("streams: {}\n")
    found = imported("check", "--files", str(tmp_path))
    assert "allotment.contract.check" in found
    assert not found & HEAVY


def test_rejected_list__only_reads__imports_neither_intake_nor_what_writes(tmp_path: Path) -> None:
    found = imported("rejected", "list", "--data", str(tmp_path))
    assert "duckdb" in found
    assert not found & {"pyiceberg.io.pyarrow", "rich.console", "allotment.intake.pipeline"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "experiment.json"
    path.write_text(json.dumps(EXPERIMENT))
    return path


def test_allocate__published_vector__prints_one_object(config: Path) -> None:
    found = run("allocate", "--config", str(config), "--subject", "2")
    assert found.returncode == 0, found.stderr
    assert json.loads(found.stdout) == {
        "experiment": "foo",
        "subject_id": "377195904c99497c2cdb7aaecaf541ca717f34e5357dace55ebb1711d54190c2",
        "enrolled": True,
        "group": "control",
        "reason": "assigned",
    }


def test_allocate__site_with_rate_zero__is_not_sampled(config: Path) -> None:
    config.write_text(json.dumps({**EXPERIMENT, "sample_rate": {"default": 1, "0": ["xwiki"]}}))
    found = run("allocate", "--config", str(config), "--subject", "2", "--site", "xwiki")
    assert json.loads(found.stdout)["reason"] == "not_sampled"


def test_allocate__forced_group__is_overridden(config: Path) -> None:
    found = run("allocate", "--config", str(config), "--subject", "2", "--mpo", "foo:treatment")
    answer = json.loads(found.stdout)
    assert (answer["group"], answer["reason"]) == ("treatment", "overridden")


def test_allocate__key__shows_the_keyed_id_of_the_same_group(config: Path) -> None:
    key = config.with_name("key")
    key.write_bytes(b"use your own: secrets.token_hex(32)\n")
    ask = ("allocate", "--config", str(config), "--subject", "2", "--subject-key", str(key))
    answer = json.loads(run(*ask).stdout)
    assert answer["subject_id"] == keyed_subject_id(key.read_bytes()[:-1], "2", "foo")
    assert (answer["group"], answer["reason"]) == ("control", "assigned")
    assert json.loads(run(*ask, "--mpo", "foo:x").stdout)["subject_id"] == "overridden"
    key.write_bytes(b"\n")
    found = run(*ask)
    assert (found.returncode, "has 0 bytes" in found.stderr) == (1, True)
    key.unlink()
    found = run(*ask)
    assert (found.returncode, "cannot be read" in found.stderr) == (1, True)


def test_allocate__ended__is_not_active_unless_asked_about_then(config: Path) -> None:
    dates = {"start": "2026-01-01T00:00:00Z", "end": "2026-02-01T00:00:00Z"}
    config.write_text(json.dumps({**EXPERIMENT, **dates}))
    ask = ("allocate", "--config", str(config), "--subject", "2")
    assert json.loads(run(*ask).stdout)["reason"] == "not_active"
    then = run(*ask, "--at", "2026-01-15T00:00:00Z")
    assert json.loads(then.stdout)["reason"] == "assigned"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ('{"groups": ["a"]}', "'name' is None"),
        ('{"name": "x", "groups": []}', "0 entries"),
        ('{"name": "x", "groups": ["a"], "sample_rate": {"default": 2}}', "from 0 to 1"),
        ('{"name": "x", "groups": ["a"], "weights": [1, 2]}', "one whole number a group"),
    ],
)
def test_allocate__bad_config__says_what_to_mend(config: Path, text: str, message: str) -> None:
    config.write_text(text)
    found = run("allocate", "--config", str(config), "--subject", "2")
    assert found.returncode == 1
    assert message in found.stderr
    assert "Traceback" not in found.stderr


def test_allocate__no_such_file__says_so(tmp_path: Path) -> None:
    found = run("allocate", "--config", str(tmp_path / "none.json"), "--subject", "2")
    assert found.returncode == 1
    assert "none.json cannot be read" in found.stderr


def test_sink__window_of_duplicates_set__is_kept_to(tmp_path: Path) -> None:
    """Of one second: what comes again after it is written again."""
    journal, lake = Writer(tmp_path / "journal"), tmp_path / "lake"

    def rows(table: str) -> int:
        try:
            return int(run_sql(lake, f"select count(*) from event.{table}")[1][0][0])
        except QueryError:
            return 0  # there is no lake yet

    def wait_for(count: int, table: str = WEB) -> None:
        deadline = time.monotonic() + 90
        while rows(table) != count:
            assert sink.poll() is None
            assert time.monotonic() < deadline, f"{rows(table)} in {table}"
            time.sleep(0.05)

    journal.events(range(2))
    journal.events(range(1))  # read in one piece with the first: no time passes between them
    set_here = {"ALLOTMENT_DUPLICATE_SECONDS": "1", "ALLOTMENT_SINK_SECONDS": "0.05"}
    sink = subprocess.Popen(
        [sys.executable, "-m", "allotment", "sink", "--data", str(tmp_path)],
        env={**os.environ, **set_here},
    )
    try:
        wait_for(2)
        wait_for(1, "duplicates")
        time.sleep(1.1)  # the window itself
        journal.events(range(1))
        wait_for(3)
    finally:
        sink.terminate()
        assert sink.wait(30) == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_intake__key_of_the_masks_cannot_be_read__ends_with_one_sentence(
    tmp_path: Path, workers: str
) -> None:
    key = tmp_path / "masking.key"
    key.mkdir()  # not even root can read that
    found = subprocess.run(
        [sys.executable, "-m", "allotment", "intake", "--data", str(tmp_path)],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "ALLOTMENT_INTAKE_WORKERS": workers,
            "ALLOTMENT_INTAKE_PORT": str(free_port()),
        },
        timeout=60,
        check=False,
    )
    assert found.returncode == 1
    told = {line for line in found.stderr.splitlines() if "is started again" not in line}
    assert (
        f"allotment: the key of the masks, {key}, cannot be read: Is a directory; let the user that"
        " runs the intake read it, or put it back from a copy of the lab" in told
    )
    assert len(told) == int(workers), told
