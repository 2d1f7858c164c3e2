"""The servers that the intake's benchmarks load: the intake, its limit, and a peer in Node."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from allotment.contract.schemas import SchemaRepository
from allotment.settings import from_environ, to_environ

TITLE = "analytics/product_metrics/web/base"
STREAM = "product_metrics.web_base"
STREAMS = {STREAM: {"schema_title": TITLE}}
EVENT_BYTES = 1700
NODE = Path(__file__).parent / "node_intake"
_INTAKE = (
    "from allotment.settings import from_environ; from allotment.intake.server import serve; "
    "serve(from_environ())"
)
_LIMIT = """
import asyncio, sys, uvloop
from allotment.intake import answers
from allotment.intake.limits import Limits
from allotment.intake.listener import Listener
from allotment.intake.server import bind

async def main():
    limits = Limits(body_bytes=4 << 20)
    listener = Listener(lambda request, reply: reply(answers.CREATED), limits, print)
    await listener.start(bind("127.0.0.1", int(sys.argv[1])))
    await asyncio.Event().wait()

uvloop.run(main())
"""


@dataclass(frozen=True)
class Side:
    """A running server."""

    name: str
    port: int
    pid: int


class _Registry(http.server.BaseHTTPRequestHandler):
    """Serves one stream configuration."""

    def do_GET(self) -> None:
        """Answer the one question."""
        body = json.dumps({"streams": STREAMS}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def schema() -> dict[str, Any]:
    """The schema of the event."""
    return dict(SchemaRepository([]).latest(TITLE).body)


def typical_event() -> dict[str, Any]:
    """An event as the browser client sends it from a page with long titles, 1.7 kB."""
    event: dict[str, Any] = dict(schema()["examples"][0])
    token = "0123456789abcdefghij"
    event |= {
        "meta": {"stream": STREAM, "domain": "demo.example"},
        "action_source": "search results",
        "element_friendly_name": "related articles card",
        "funnel_entry_token": token,
        "funnel_event_sequence_position": 3,
        "instrument_name": "related-articles-clicks",
        "mediawiki": {"database": "demowiki", "skin": "vector", "version": "1.44.0"},
        "page": {"id": 42, "title": "Bread", "namespace_id": 0, "namespace_name": ""},
        "performer": {"is_logged_in": True, "session_id": token, "pageview_id": token},
        "sample": {"unit": "session", "rate": 1},
        "experiments": {
            "enrolled": ["related-card"],
            "assigned": {"related-card": "control"},
            "subject_ids": {"related-card": "0" * 64},
            "sampling_units": {"related-card": "mw-user"},
            "coordinators": {"related-card": "default"},
            "versions": {"related-card": "7"},
        },
    }
    event["action_context"] = ""
    event["action_context"] = "c" * (EVENT_BYTES - len(json.dumps(event)))
    return event


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_ready(port: int) -> None:
    for _ in range(400):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as raw:
                raw.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                if raw.recv(64).startswith(b"HTTP/1.1 20"):
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError("a server did not start")


@contextmanager
def _process(name: str, port: int, command: list[str], env: dict[str, str]) -> Iterator[Side]:
    process = subprocess.Popen(command, env={**os.environ, **env})
    try:
        _wait_ready(port)
        yield Side(name, port, process.pid)
    finally:
        process.terminate()
        process.wait()


@contextmanager
def intake(name: str = "intake") -> Iterator[Side]:
    """One worker, on a data folder of its own, with a stand-in for the registry."""
    registry = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Registry)
    threading.Thread(target=registry.serve_forever, daemon=True).start()
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        settings = from_environ(
            {
                "ALLOTMENT_DATA": folder,
                "ALLOTMENT_INTAKE_PORT": str(port),
                "ALLOTMENT_REGISTRY_URL": f"http://127.0.0.1:{registry.server_port}",
            }
        )
        command = [sys.executable, "-c", _INTAKE]
        with _process(name, port, command, to_environ(settings)) as side:
            yield side
    registry.shutdown()


@contextmanager
def limit() -> Iterator[Side]:
    """The same server with a handler that reads the body and answers."""
    port = _free_port()
    with _process("limit", port, [sys.executable, "-c", _LIMIT, str(port)], {}) as side:
        yield side


def why_no_node() -> str | None:
    """Make the peer in Node ready; why it cannot be, or None."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "node and npm are not installed"
    if not (NODE / "node_modules" / "ajv").is_dir():
        done = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund"], cwd=NODE, capture_output=True, check=False
        )
        if done.returncode:
            return f"npm ci failed: {done.stderr.decode().strip()[-300:]}"
    return None


@contextmanager
def node() -> Iterator[Side]:
    """The peer: the same checks in Node with Ajv, appended to a file without fsync."""
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        schema_file = Path(folder) / f"{uuid.uuid4()}.json"
        schema_file.write_text(json.dumps(schema()))
        streams_file = Path(folder) / "streams.json"
        streams_file.write_text(json.dumps(STREAMS))
        output = Path(folder) / "events.jsonl"
        command = ["node", str(NODE / "server.js"), str(schema_file), str(streams_file)]
        with _process("node", port, [*command, str(output), str(port)], {}) as side:
            yield side
