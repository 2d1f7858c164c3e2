"""Disks that fail under a running intake: it says so, acknowledges nothing, and comes back.

The failures are given to the process from outside by strace, call by call, as the kernel would give
them; so they need neither root nor a disk that can be broken.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.intake.conftest import TOPIC, Intake, StartIntake, event, wait_until
from tests.required_tools import require_start, require_tool

from allotment.settings import from_environ, to_environ

STREAM = "product_metrics.web_base"


@pytest.fixture(scope="module")
def strace() -> str:
    found = require_tool("strace")
    require_start([found, "-e", "trace=none", "true"], "the right to trace processes")
    return found


@contextmanager
def failing(strace: str, intake: Intake, calls: str, error: str) -> Iterator[None]:
    """System calls of a process that touch its journal fail, until the end of the block."""
    journal = intake.data / "journal"
    files = [path for path in journal.rglob("*") if not path.name.isdecimal()]
    touched = [*files, *journal.rglob("0000"), journal / ".locks" / "0000.probe"]
    tracer = subprocess.Popen(
        [
            strace,
            "-f",
            *("-p", str(intake.process.pid)),
            *("-e", f"trace={calls}"),
            *("-e", f"inject={calls}:error={error}"),
            *(word for path in touched for word in ("-P", str(path))),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert tracer.stderr is not None
    for line in tracer.stderr:
        if "attached" in line:
            break
    try:
        yield
    finally:
        tracer.terminate()
        tracer.communicate()


FAILURES = {
    "a sync that fails": ("fdatasync,fsync", "EIO", "Input/output error"),
    "a full disk": ("write,pwrite64", "ENOSPC", "No space left on device"),
    "a quota that is used up": ("write,pwrite64", "EDQUOT", "Disk quota exceeded"),
    "a disk made read-only": ("write,pwrite64,openat,unlink", "EROFS", "Read-only file system"),
}


@pytest.mark.parametrize(("calls", "error", "words"), FAILURES.values(), ids=FAILURES)
def test_disk__fails_and_works_again__503_meanwhile_and_all_acknowledged_is_there(
    strace: str, start_intake: StartIntake, calls: str, error: str, words: str
) -> None:
    intake = start_intake()
    wait_until(intake.ready, "ready")
    acknowledged = [f"before-{n}" for n in range(20)]
    for name in acknowledged:
        assert intake.send(event(meta={"stream": STREAM, "id": name})).status == 201
    assert intake.send(event(action=5)).status == 400  # now the journal has that topic too
    with failing(strace, intake, calls, error):
        assert intake.send(event(meta={"stream": STREAM, "id": "never-0"})).status == 503
        for name in ("never-1", "never-2"):
            reply = intake.send([event(meta={"stream": STREAM, "id": name}), 5])
            assert (reply.status, reply.json()["type"]) == (503, "unavailable")
            assert int(reply.headers["retry-after"]) > 0
        assert intake.send(event(), "/v1/events?hasty=1").status == 503
        ready = intake.request("GET", "/readyz")
        assert ready.status == 503
        assert words in ready.json()["reasons"][0]
        assert "the journal cannot write" in ready.json()["reasons"][0]
        assert intake.request("GET", "/healthz").status == 200
        metrics = intake.request("GET", "/metrics").body.decode()
        assert re.search(r"^allotment_intake_journal_available\S* 0$", metrics, re.MULTILINE)
        time.sleep(1.5)  # the journal is probed each second, and must not be taken for well
        assert not intake.ready()
    wait_until(intake.ready, "ready again")
    for n in range(20):
        acknowledged.append(f"after-{n}")
        assert intake.send(event(meta={"stream": STREAM, "id": acknowledged[-1]})).status == 201
    intake.kill()
    again = start_intake()
    wait_until(again.ready, "ready after a new start")
    found = Counter(record["meta"]["id"] for record in again.records())
    assert {name: found[name] for name in acknowledged} == dict.fromkeys(acknowledged, 1)
    assert set(found) == set(acknowledged)


def test_journal__removed_while_it_runs__503_until_started_again(
    start_intake: StartIntake,
) -> None:
    intake = start_intake()
    wait_until(intake.ready, "ready")
    assert intake.send(event()).status == 201
    shutil.rmtree(intake.data / "journal")
    assert intake.send(event(element_id="lost")).status == 503
    ready = intake.request("GET", "/readyz")
    assert ready.status == 503
    assert "removed or replaced" in ready.json()["reasons"][0]
    assert "start the intake again" in ready.json()["reasons"][0]
    intake.kill()
    again = start_intake()
    wait_until(again.ready, "ready after a new start")
    assert again.send(event(element_id="kept")).status == 201
    assert [record["element_id"] for record in again.records()] == ["kept"]


def begin(data: Path, port: int) -> subprocess.CompletedProcess[str]:
    """`allotment intake` where it cannot begin."""
    settings = from_environ(
        {
            "ALLOTMENT_DATA": str(data),
            "ALLOTMENT_INTAKE_PORT": str(port),
            "ALLOTMENT_REGISTRY_URL": "http://127.0.0.1:1",
        }
    )
    return subprocess.run(
        [sys.executable, "-m", "allotment", "intake"],
        env=to_environ(settings),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("what", ["the durable end", "a segment", "the folder of a topic"])
def test_start__a_file_of_the_journal_cannot_be_read__ends_and_says_which(
    start_intake: StartIntake, what: str
) -> None:
    intake = start_intake()
    wait_until(intake.ready, "ready")
    assert intake.send(event()).status == 201
    intake.stop()
    folder = intake.data / "journal" / TOPIC / "0000"
    # A folder in the place of a file cannot be read by anybody, root included.
    if what == "the folder of a topic":
        broken = folder
        shutil.rmtree(folder)
        folder.write_text("")
    else:
        broken = next(folder.glob("synced" if what == "the durable end" else "*.ndjson"))
        kept = broken.read_bytes()
        broken.unlink()
        broken.mkdir()
    found = begin(intake.data, intake.port)
    assert found.returncode == 1
    assert "Traceback" not in found.stderr
    assert str(intake.data / "journal") in found.stderr
    if what == "the folder of a topic":
        return
    broken.rmdir()
    broken.write_bytes(kept)
    again = start_intake()
    wait_until(again.ready, "ready once it can be read")
    assert len(again.records()) == 1
