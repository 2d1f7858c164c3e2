"""How many events a second the intake takes on this machine.

    python bench/intake.py [--seconds 5] [--connections 32]

It starts one intake process on a data folder of its own, and loads it from one asyncio process over
keep-alive connections with single events and with batches. It prints events per second, requests
per second, the 50th and 99th percentile of the answer time, and the intake's CPU time per event.
The load generator takes a share of the same cores, so the rates are a lower bound.
"""

from __future__ import annotations

import argparse
import asyncio
import http.server
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from allotment.contract.schemas import SchemaRepository
from allotment.settings import from_environ, to_environ

TITLE = "analytics/product_metrics/web/base"
STREAM = "product_metrics.web_base"
SERVE = (
    "from allotment.settings import from_environ; from allotment.intake.server import serve; "
    "serve(from_environ())"
)


class Registry(http.server.BaseHTTPRequestHandler):
    """Serves one stream configuration."""

    def do_GET(self) -> None:
        """Answer the one question."""
        body = json.dumps({"streams": {STREAM: {"schema_title": TITLE}}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@dataclass
class Result:
    """One load."""

    events: int
    requests: int
    seconds: float
    cpu_seconds: float
    times: list[float]

    def row(self, name: str) -> str:
        """A line of the table."""
        times = sorted(self.times)
        p50, p99 = times[len(times) // 2] * 1e3, times[int(len(times) * 0.99)] * 1e3
        return (
            f"{name:>10} {self.events / self.seconds:>12,.0f}"
            f" {self.requests / self.seconds:>12,.0f}"
            f" {p50:>8.2f} {p99:>8.2f} {self.cpu_seconds / self.events * 1e6:>10.1f}"
        )


def typical_event() -> dict[str, object]:
    """An event as the browser client sends it, some 1.1 kB."""
    event: dict[str, object] = dict(SchemaRepository([]).latest(TITLE).body["examples"][0])
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
    return event


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def load(port: int, pid: int, batch: int, connections: int, seconds: float) -> Result:
    """Send batches of one size until the time is up."""
    body = json.dumps([typical_event()] * batch if batch > 1 else typical_event()).encode()
    request = (
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    times: list[float] = []
    until = time.perf_counter() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while (started := time.perf_counter()) < until:
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 201"):
                raise RuntimeError(head.decode())
            times.append(time.perf_counter() - started)
        writer.close()

    before, started = cpu_seconds(pid), time.perf_counter()
    await asyncio.gather(*(client() for _ in range(connections)))
    took = time.perf_counter() - started
    return Result(len(times) * batch, len(times), took, cpu_seconds(pid) - before, times)


def wait_ready(port: int) -> None:
    """Until the intake has its configuration."""
    for _ in range(400):
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as raw:
                raw.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                if raw.recv(64).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError("the intake did not start")


def main() -> None:
    """Run the loads and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=32)
    chosen = parser.parse_args()
    registry = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=registry.serve_forever, daemon=True).start()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        settings = from_environ(
            {
                "ALLOTMENT_DATA": folder,
                "ALLOTMENT_INTAKE_PORT": str(port),
                "ALLOTMENT_REGISTRY_URL": f"http://127.0.0.1:{registry.server_port}",
            }
        )
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE], env={**os.environ, **to_environ(settings)}
        )
        try:
            wait_ready(port)
            size = len(json.dumps(typical_event()))
            print(f"one intake process, {chosen.connections} connections, {size} bytes an event")
            print(
                f"{'batch':>10} {'events/s':>12} {'requests/s':>12} {'p50 ms':>8} {'p99 ms':>8}"
                f" {'us CPU/ev':>10}"
            )
            for batch in (1, 10, 100):
                found = asyncio.run(
                    load(port, process.pid, batch, chosen.connections, chosen.seconds)
                )
                print(found.row(str(batch)), flush=True)
        finally:
            process.terminate()
            process.wait()
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        print(f"peak memory of the intake: {peak // 1024} MiB")


if __name__ == "__main__":
    main()
