"""Stand-ins for registry and intake, spoken to over real HTTP.

The real ones are exercised in tests/end_to_end; here their failures must be made on command, and
the library must be tested without what it must not depend on.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.free_ports import free_port

Request = socket.socket | tuple[bytes, socket.socket]

WEB_BASE = "product_metrics.web_base"
WEB_SCHEMA = "/analytics/product_metrics/web/base/1.3.0"

EXPERIMENT: dict[str, Any] = {
    "name": "related-articles-card",
    "start": "2020-01-01T00:00:00Z",
    "end": "2100-01-01T00:00:00Z",
    "user_identifier_type": "edge-unique",
    "sample_rate": {"default": 1},
    "groups": ["control", "card"],
    "weights": [1, 1],
    "stream_name": WEB_BASE,
    "schema_id": WEB_SCHEMA,
    "contextual_attributes": ["performer_is_logged_in"],
    "version": "3",
    "phase_index": 0,
}
INSTRUMENT: dict[str, Any] = {
    "name": "demo-article-clicks",
    "start": "2020-01-01T00:00:00Z",
    "end": "2100-01-01T00:00:00Z",
    "sample_unit": "session",
    "sample_rate": {"default": 1, "0": ["quietwiki"]},
    "stream_name": WEB_BASE,
    "schema_title": "analytics/product_metrics/web/base",
    "contextual_attributes": ["page_id"],
}
STREAMS: dict[str, Any] = {
    WEB_BASE: {
        "stream": WEB_BASE,
        "schema_title": "analytics/product_metrics/web/base",
        "destination_event_service": "allotment",
        "producers": {"metrics_platform_client": {"provide_values": ["mediawiki_database"]}},
    },
    "demo-article-clicks": {
        "stream": "demo-article-clicks",
        "schema_title": "analytics/product_metrics/web/base",
        "producers": {
            "metrics_platform_client": {"provide_values": ["page_id"], "stream_name": WEB_BASE}
        },
        "sample": {"unit": "session", "rate": 1},
    },
}


@dataclass
class Registry:
    """A registry whose answers a test sets."""

    url: str = ""
    experiments: Any = field(default_factory=lambda: [dict(EXPERIMENT)])
    instruments: Any = field(default_factory=lambda: [dict(INSTRUMENT)])
    streams: Any = field(default_factory=lambda: dict(STREAMS))
    version: int | None = 1
    status: int = 200
    raw: bytes | None = None
    delay_seconds: float = 0.0
    requests: list[tuple[str, str]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def body(self, path: str) -> bytes:
        if self.raw is not None:
            return self.raw
        documents = {
            "/api/v1/experiments": self.experiments,
            "/api/v1/instruments": self.instruments,
            "/w/api.php": {"streams": self.streams},
        }
        return json.dumps(documents[path]).encode()


@dataclass
class Intake:
    """An intake that keeps what it took. `script` holds answers to give first: (status, body)."""

    url: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)
    encodings: list[str] = field(default_factory=list)
    script: list[tuple[int, bytes]] = field(default_factory=list)
    asked: int = 0


class Server(ThreadingHTTPServer):
    """Answers in threads that end with the test; closes kept connections when it stops."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, handler: type[BaseHTTPRequestHandler], port: int = 0) -> None:
        self._open: set[Request] = set()
        super().__init__(("127.0.0.1", port), handler)

    def process_request(self, request: Request, client_address: object) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Request) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Request, client_address: object) -> None:
        """A client that went away in mid-answer is what some tests are about."""

    def close_connections(self) -> None:
        for request in list(self._open):
            self.shutdown_request(request)


class Quiet(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Access-Control-Allow-Origin", "*")  # pages of another origin read it
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def running(handler: type[BaseHTTPRequestHandler], port: int = 0) -> Iterator[int]:
    server = Server(handler, port or free_port())  # one that another may take up when it is gone
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.close_connections()
        server.server_close()
        thread.join()


@contextmanager
def registry_server(state: Registry | None = None, port: int = 0) -> Iterator[Registry]:
    found = state or Registry()

    class Handler(Quiet):
        def do_GET(self) -> None:
            time.sleep(found.delay_seconds)
            found.requests.append((self.path, self.headers.get("If-None-Match", "")))
            body = found.body(urlsplit(self.path).path) if found.status < 500 else b"broken"
            etag = f'"{hash((found.version, body)):x}"'
            headers = {"ETag": etag}
            if found.version is not None:
                headers["X-Allotment-Config-Version"] = str(found.version)
            status = found.status
            if status == 200 and self.headers.get("If-None-Match") == etag:
                status, body = 304, b""
            found.statuses.append(status)
            self.answer(status, body, headers)

    with running(Handler, port) as bound:
        found.url = f"http://127.0.0.1:{bound}"
        yield found


@contextmanager
def intake_server(state: Intake | None = None, port: int = 0) -> Iterator[Intake]:
    found = state or Intake()

    class Handler(Quiet):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["Content-Length"]))
            encoding = self.headers.get("Content-Encoding", "")
            events = json.loads(gzip.decompress(data) if encoding == "gzip" else data)
            found.asked += 1
            status, body = found.script.pop(0) if found.script else (201, b"")
            if status == 0:  # hang up without an answer
                self.close_connection = True
                return
            if status in {201, 202, 207}:
                found.events.extend(events)
            found.batches.append(len(events))
            found.encodings.append(encoding)
            self.answer(status, body)

    with running(Handler, port) as bound:
        found.url = f"http://127.0.0.1:{bound}/v1/events"
        yield found


def wait_until(condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Poll until the condition holds; fail by name after so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.01)
