"""The wiki as `allotment demo` runs it: its own process, its own worker."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from tests.free_ports import free_port
from tests.sdk.stand_ins import Intake, Registry, registry_server, wait_until

PROGRAM = "from allotment_demo.server import serve; from allotment.settings import from_environ; "


@contextmanager
def running(
    data: Path, registry: str, intake: str
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    port = free_port()
    environ = {k: v for k, v in os.environ.items() if not k.startswith("ALLOTMENT_")}
    environ |= {
        "ALLOTMENT_DATA": str(data),
        "ALLOTMENT_DEMO_PORT": str(port),
        "ALLOTMENT_REGISTRY_URL": registry,
        "ALLOTMENT_INTAKE_URL": intake,
        "ALLOTMENT_CONFIG_REFRESH_SECONDS": "0.1",
    }
    command = [sys.executable, "-c", PROGRAM + "serve(from_environ())"]
    with (data / "log").open("ab") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"

    def healthy() -> bool:
        assert process.poll() is None, (data / "log").read_text()
        try:
            return httpx.get(f"{url}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until(healthy, "the wiki answers", 60)
        yield url, process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_serve__told_to_stop__delivers_what_waits(
    tmp_path: Path, registry: Registry, intake: Intake
) -> None:
    with running(tmp_path, registry.url, intake.url) as (url, _):
        wait_until(
            lambda: httpx.get(f"{url}/healthz").json()["configuration"]["version"] == 1,
            "the configuration arrives",
        )
        for _ in range(3):
            assert httpx.get(f"{url}/search?q=leek").status_code == 200
    assert [event["action"] for event in intake.events] == ["search"] * 3


def test_serve__registry_down_at_restart__last_good_copy(tmp_path: Path, intake: Intake) -> None:
    with registry_server() as registry, running(tmp_path, registry.url, intake.url) as (url, _):
        wait_until(
            lambda: httpx.get(f"{url}/healthz").json()["configuration"]["version"] == 1,
            "the configuration arrives",
        )
        dead = registry.url
    with running(tmp_path, dead, intake.url) as (url, _):
        assert "this reader is in group" in httpx.get(f"{url}/wiki/leek").text
        found = httpx.get(f"{url}/healthz").json()["configuration"]
        assert found["version"] == 1
        assert found["age_seconds"] >= 0
        wait_until(
            lambda: httpx.get(f"{url}/healthz").json()["configuration"]["problems"],
            "the trouble is told",
        )
