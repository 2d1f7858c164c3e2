"""A real intake in its own process, and a stand-in for the registry.

The stand-in is a plain HTTP server that serves one stream configuration: the room under test may
not import the registry, and the tests must make it answer wrongly, slowly or not at all, which the
real one does not do on demand.
"""

from __future__ import annotations

import copy
import functools
import http.client
import http.server
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.free_ports import free_port

from allotment.contract.schemas import SchemaRepository
from allotment.journal.protocol import Partition
from allotment.journal.segments import SegmentReader
from allotment.settings import from_environ, to_environ

WEB = "/analytics/product_metrics/web/base/1.3.0"
TOPIC = "product_metrics_web_base"
JSON = "application/json"
DEADLINE_SECONDS = 60.0
_SERVE = (
    "from allotment.settings import from_environ as f; from allotment.intake.server import serve"
)
_LIMITED = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, -1))"

STREAMS: dict[str, Any] = {
    "product_metrics.web_base": {
        "stream": "product_metrics.web_base",
        "schema_title": "analytics/product_metrics/web/base",
    },
    "product_metrics.app_base": {
        "stream": "product_metrics.app_base",
        "schema_title": "analytics/product_metrics/app/base",
    },
    "card-clicks": {
        "stream": "card-clicks",
        "schema_title": "analytics/product_metrics/web/base",
        "producers": {"metrics_platform_client": {"stream_name": "product_metrics.web_base"}},
    },
}


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Poll with a deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {DEADLINE_SECONDS} s: {what}"
        time.sleep(0.01)


@functools.cache
def _example() -> dict[str, Any]:
    found: dict[str, Any] = SchemaRepository([]).load(WEB).body["examples"][0]
    return found


def event(**changes: object) -> dict[str, Any]:
    """A valid web event; its `meta` leaves all to the intake that may be left."""
    made = copy.deepcopy(_example())
    made["meta"] = {"stream": "product_metrics.web_base", "domain": "demo.example"}
    made.update(changes)
    return made


@dataclass
class StandIn:
    """The registry's stream configuration API; change the fields to change the answer."""

    body: bytes = field(default_factory=lambda: json.dumps({"streams": STREAMS}).encode())
    status: int = 200
    version: str = "7"
    asked: int = 0
    not_modified: int = 0
    url: str = ""

    def serve(self, streams: object, version: str) -> None:
        """Serve another configuration from now on."""
        self.body, self.version = json.dumps({"streams": streams}).encode(), version


@contextmanager
def stand_in_registry() -> Iterator[StandIn]:
    """Runs a stand-in on a free port."""
    stand_in = StandIn()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            stand_in.asked += 1
            tag = f'"{hash(stand_in.body)}"'
            if stand_in.status == 200 and self.headers["If-None-Match"] == tag:
                stand_in.not_modified += 1
                self.send_response(304)
                if stand_in.version:
                    self.send_header("X-Allotment-Config-Version", stand_in.version)
                self.end_headers()
                return
            self.send_response(stand_in.status)
            self.send_header("ETag", tag)
            self.send_header("X-Allotment-Config-Version", stand_in.version)
            self.send_header("Content-Length", str(len(stand_in.body)))
            self.end_headers()
            self.wfile.write(stand_in.body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stand_in
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def registry() -> Iterator[StandIn]:
    with stand_in_registry() as found:
        yield found


@dataclass
class Reply:
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 -- any JSON value
        """The body, parsed."""
        return orjson.loads(self.body)


class Intake:
    """An intake process."""

    def __init__(
        self, data: Path, registry_url: str, *, file_limit: int | None = None, **settings: str
    ) -> None:
        self.data = data
        self._reader = SegmentReader(data / "journal")
        self._marks: dict[Partition, int] = {}
        self.port = free_port()
        chosen = {
            "ALLOTMENT_DATA": str(data),
            "ALLOTMENT_INTAKE_PORT": str(self.port),
            "ALLOTMENT_REGISTRY_URL": registry_url,
            "ALLOTMENT_CONFIG_REFRESH_SECONDS": "0.1",
            **settings,
        }
        kept = {k: v for k, v in os.environ.items() if not k.startswith("ALLOTMENT_")}
        code = _SERVE + "; serve(f())"
        if file_limit is not None:
            code = f"{_LIMITED.format(limit=file_limit)}; {code}"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            env={**kept, **to_environ(from_environ(chosen))},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        wait_until(self._listens, "the intake listens")

    def _listens(self) -> bool:
        assert self.process.poll() is None, self.process.communicate()[0].decode()
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def request(
        self, method: str, path: str, body: bytes | str | None = None, **headers: str
    ) -> Reply:
        """One request; `content_type=` becomes `content-type:`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return Reply(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def send(self, value: object, path: str = "/v1/events", **headers: str) -> Reply:
        """POST a JSON value."""
        return self.request("POST", path, json.dumps(value), content_type=JSON, **headers)

    def ready(self) -> bool:
        """Whether `/readyz` says so."""
        return self.request("GET", "/readyz").status == 200

    def records(self, topic: str = TOPIC) -> list[dict[str, Any]]:
        """What is durable in the journal, since the mark."""
        partition = Partition(topic, 0)
        data = self._reader.read(partition, self._marks.get(partition, 0), 1 << 30).data
        return [orjson.loads(line) for line in data.splitlines()]

    def mark(self) -> None:
        """Let `records` begin with what comes from now on."""
        self._marks = {part: self._reader.end(part) for part in self._reader.partitions()}

    def limit_files(self, size: int) -> None:
        """Change how large any file of the process may grow: a disk that is full, or has room."""
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> str:
        """End it in good order; what it printed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        printed, _ = self.process.communicate(timeout=DEADLINE_SECONDS)
        return printed.decode()


StartIntake = Callable[..., Intake]


@pytest.fixture
def start_intake(tmp_path: Path, registry: StandIn) -> Iterator[StartIntake]:
    """Starts intakes on one data folder; ends what still runs after the test."""
    started: list[Intake] = []

    def start(*, file_limit: int | None = None, **settings: str) -> Intake:
        found = Intake(tmp_path / "data", registry.url, file_limit=file_limit, **settings)
        started.append(found)
        return found

    yield start
    for intake in started:
        if intake.process.poll() is None:
            intake.kill()
        if intake.process.stdout is not None:
            intake.process.stdout.close()


@pytest.fixture(scope="session")
def shared_intake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Intake]:
    """One process for the many tests that only ask and look."""
    with stand_in_registry() as registry:
        found = Intake(tmp_path_factory.mktemp("intake") / "data", registry.url)
        wait_until(found.ready, "the intake is ready")
        yield found
        found.stop()


@pytest.fixture
def intake(shared_intake: Intake) -> Intake:
    """A running intake that is ready and whose journal looks empty."""
    shared_intake.mark()
    return shared_intake
