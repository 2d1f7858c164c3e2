"""What `allotment up` owes whoever starts it, where the start is cut off or cannot be."""

import json
import subprocess
import sys
import threading
import time
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from tests.free_ports import free_ports
from tests.sdk.stand_ins import Intake, Registry

from allotment.settings import Settings, from_environ
from allotment.up import UpError, _send_synthetic_readers, up

ASK = """
import sys
from allotment.settings import from_environ
from allotment.registry.bootstrap import configure
configure(from_environ())
from django.contrib.auth import authenticate
sys.exit(authenticate(username="admin", password=sys.argv[1]) is None)
"""


def settings_in(data: Path, **more: str) -> Settings:
    names = ("ALLOTMENT_REGISTRY_PORT", "ALLOTMENT_INTAKE_PORT", "ALLOTMENT_DEMO_PORT")
    given = dict(zip(names, map(str, free_ports(3)), strict=True))
    return from_environ({"ALLOTMENT_DATA": str(data), **given, **more})


def test_up__data_folder_is_a_file__error_says_so_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "var"
    path.write_text("")
    with pytest.raises(UpError, match=r"var cannot be used: .*; choose another with --data"):
        up(settings_in(path), Console(file=StringIO()), empty=True)


def test_up__ctrl_c_while_preparing__password_is_shown_and_opens_the_registry(
    tmp_path: Path,
) -> None:
    settings = settings_in(tmp_path / "var")
    ports = (settings.registry_port, settings.intake_port, settings.demo_port)
    parts = ("registry", "intake", "demo")
    command = [sys.executable, "-m", "allotment", "up", "--empty", "--data", str(settings.data)]
    for part, port in zip(parts, ports, strict=True):
        command += [f"--{part}-port", str(port)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as started:
        database = settings.registry_dir / "registry.sqlite3"
        deadline = time.monotonic() + 90
        while not database.exists():
            assert started.poll() is None, "it ended by itself"
            assert time.monotonic() < deadline, "there is no database"
            time.sleep(0.01)
        # As a terminal does it: every process of the foreground group is told.
        subprocess.run(["kill", "-INT", "--", f"-{started.pid}"], check=True)
        said, _ = started.communicate(timeout=120)
    assert started.returncode == 0
    shown = said.partition("one-time password ")[2].split()[0]
    asked = subprocess.run(
        [sys.executable, "-c", ASK, shown],
        env={"ALLOTMENT_DATA": str(settings.data), "PYTHONPATH": ":".join(sys.path)},
        check=False,
    )
    assert asked.returncode == 0, said


def test_synthetic_readers__cut_off_and_sent_again__are_other_readers(
    tmp_path: Path, registry: Registry, intake: Intake
) -> None:
    settings = settings_in(
        tmp_path, ALLOTMENT_REGISTRY_URL=registry.url, ALLOTMENT_INTAKE_URL=intake.url
    )
    console = Console(file=StringIO())
    stop = threading.Event()

    def stop_at_the_first_event() -> None:
        while not intake.events:
            stop.wait(0.005)
        stop.set()

    threading.Thread(target=stop_at_the_first_event, daemon=True).start()
    _send_synthetic_readers(settings, console, stop)
    assert not (tmp_path / "synthetic-readers.json").exists()
    cut_off = subjects(intake)
    assert cut_off
    intake.events.clear()
    _send_synthetic_readers(settings, console, threading.Event())
    assert json.loads((tmp_path / "synthetic-readers.json").read_text())["readers"] == 3000
    assert len(subjects(intake)) == 3000
    assert not cut_off & subjects(intake)


def subjects(intake: Intake) -> set[str]:
    return {s for event in intake.events for s in event["experiments"]["subject_ids"].values()}
