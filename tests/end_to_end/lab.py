"""A lab for a test: `allotment up` on free ports and a data folder of its own."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

REFRESH_SECONDS = 1.0
VISIBLE_SECONDS = 60.0
"""How long a test is patient; how quick a lab is, the benchmarks tell."""
READY_SECONDS = 120.0

Found = TypeVar("Found")


def until(condition: Callable[[], Found], seconds: float, what: str) -> Found:
    """Poll until `condition` gives something true; fail with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.1)
    return found


@dataclass
class Lab:
    """A running lab and what a test asks of it."""

    data: Path
    registry_port: int
    intake_port: int
    demo_port: int
    extra: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def registry(self) -> str:
        """Address of the registry."""
        return f"http://127.0.0.1:{self.registry_port}"

    @property
    def intake(self) -> str:
        """Address that events are sent to."""
        return f"http://127.0.0.1:{self.intake_port}/v1/events"

    @property
    def demo(self) -> str:
        """Address of the demo wiki."""
        return f"http://127.0.0.1:{self.demo_port}"

    @property
    def console(self) -> str:
        """What `up` printed."""
        return (self.data.parent / "console.txt").read_text()

    def environ(self) -> dict[str, str]:
        """The settings of this lab, as a process of it reads them."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("ALLOTMENT_")}
        return {
            **kept,
            "ALLOTMENT_DATA": str(self.data),
            "ALLOTMENT_REGISTRY_PORT": str(self.registry_port),
            "ALLOTMENT_INTAKE_PORT": str(self.intake_port),
            "ALLOTMENT_DEMO_PORT": str(self.demo_port),
            "ALLOTMENT_CONFIG_REFRESH_SECONDS": str(REFRESH_SECONDS),
            "ALLOTMENT_SINK_SECONDS": "1",
            **self.extra,
        }

    def start(self, *options: str) -> None:
        """Run `allotment up` and wait until it says that it runs."""
        with (self.data.parent / "console.txt").open("wb") as console:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "allotment", "up", *options],
                env=self.environ(),
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        running = self.process

        def ready() -> bool:
            assert running.poll() is None, f"up ended with {running.returncode}:\n{self.console}"
            return "Allotment runs" in self.console

        until(ready, READY_SECONDS, "the lab is ready")

    def stop(self) -> int:
        """Press Ctrl-C and wait; the exit code."""
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(60)
        self.process = None
        return code

    def run(self, *arguments: str) -> str:
        """What an `allotment` command prints; it must succeed."""
        found = subprocess.run(
            [sys.executable, "-m", "allotment", *arguments],
            env=self.environ(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert found.returncode == 0, found.stderr
        return found.stdout

    def sql(self, query: str) -> list[dict[str, Any]]:
        """The rows that `allotment sql` gives."""
        rows: list[dict[str, Any]] = json.loads(self.run("sql", "--format", "json", query))
        return rows

    def part_process_ids(self) -> dict[str, int]:
        """The process id of each part that `up` keeps running."""
        assert self.process
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                stat = (entry / "stat").read_text()
                words = (entry / "cmdline").read_bytes().decode().split("\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(stat.rpartition(")")[2].split()[1]) == self.process.pid:
                found[words[-2]] = int(entry.name)
        return found


@contextmanager
def logged_in(lab: Lab) -> Iterator[httpx.Client]:
    """A session in the registry, by the button for local work."""
    # A busy machine may take long over the first page; how quick it is, the benchmark tells.
    with httpx.Client(base_url=lab.registry, follow_redirects=True, timeout=60) as session:
        post(session, "/login/local")
        yield session


def post(session: httpx.Client, path: str, fields: dict[str, Any] | None = None) -> httpx.Response:
    """Post a form as a browser would: with the token that the page before it held."""
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', session.get("/").text)
    assert token
    return session.post(path, data={**(fields or {}), "csrfmiddlewaretoken": token[1]})
