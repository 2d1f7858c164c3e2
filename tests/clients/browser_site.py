"""A site of pages with the built script, which records the events that are posted to it."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.clients.tab import Tab

BUILT = Path(__file__).parents[2] / "src/allotment/sdk/browser"
MEMBERSHIP = {
    "enrolled": ["foo"],
    "assigned": {"foo": "treatment"},
    "subject_ids": {"foo": "92bd577d"},
    "sampling_units": {"foo": "mw-user"},
    "coordinators": {"foo": "default"},
    "versions": {"foo": "3"},
}
STREAMS = {
    "product_metrics.web_base": {
        "schema_title": "analytics/product_metrics/web/base",
        "producers": {"metrics_platform_client": {"provide_values": ["page_id"]}},
    },
    "related-articles": {
        "schema_title": "analytics/product_metrics/web/base",
        "producers": {
            "metrics_platform_client": {
                "provide_values": ["page_id", "performer_session_id", "performer_pageview_id"],
                "stream_name": "product_metrics.web_base",
            }
        },
        "sample": {"unit": "pageview", "rate": 1},
    },
}
# What a page does not catch; what a test throws into it is not the browser's.
REPORT = """for (const type of ["error", "unhandledrejection"])
  addEventListener(type, ({ isTrusted, message, reason }) =>
    isTrusted && navigator.sendBeacon("/errors", message ?? `${reason}`));"""
# Observers are told in the order in which they were made: once this one knows, all do.
OBSERVED = """() => new Promise((done) =>
  new IntersectionObserver((entries, self) => { self.disconnect(); done(); })
    .observe(document.getElementById("card")))"""


class Site(ThreadingHTTPServer):
    """Serves pages and the built scripts, and records the events that are posted to it."""

    daemon_threads = True
    request_queue_size = 64  # a page that is left sends what it has all at once

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages: dict[str, str] = {"/other": "<!doctype html><title>other</title>"}
        self.posts: list[tuple[dict[str, str], list[dict[str, Any]]]] = []
        self.statuses: list[int] = []
        self.errors: list[str] = []

    @contextmanager
    def served(self) -> Iterator["Site"]:
        """Answers meanwhile; none of its pages may have had an error that it did not catch."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            thread.join()
            self.server_close()
        assert self.errors == []

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.server_port}"

    @property
    def elsewhere(self) -> str:
        """The same server, as another site."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def intake(self) -> str:
        """Another origin than the pages', as in real life."""
        return f"http://127.0.0.1:{self.server_port}/v1/events"

    @property
    def events(self) -> list[dict[str, Any]]:
        """In the order of their times: a request may overtake the one that was sent before it."""
        found = [event for _, events in list(self.posts) for event in events]
        return sorted(found, key=lambda event: str(event.get("dt")))

    def write(
        self, path: str, body: str, config: object = None, tag: str = "", before: str = ""
    ) -> None:
        """A page whose head sets the two variables and has the script, `before` that a script."""
        known = {
            "intakeUrl": self.intake,
            "site": "demowiki",
            "streams": STREAMS,
            "context": {"page": {"id": 7}},
        }
        self.pages[path] = (
            f"<!doctype html><html><head><meta charset=utf-8><script>{REPORT}"
            f"window.allotmentUserExperiments = {json.dumps(MEMBERSHIP)};"
            f"window.allotmentConfig = {json.dumps(known if config is None else config)};"
            f'{before}</script><script src="/allotment.js" {tag}></script></head>'
            f"<body>{body}</body></html>"
        )


class Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        built = BUILT / path.removeprefix("/")
        if path == "/w/api.php":
            self._answer(200, "application/json", json.dumps({"streams": STREAMS}).encode())
        elif path in self.server.pages:
            self._answer(200, "text/html", self.server.pages[path].encode())
        elif built.is_file():
            self._answer(200, "text/javascript", built.read_bytes())
        else:
            self._answer(404, "text/plain", b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/errors":
            self.server.errors.append(body.decode())
            self._answer(204, "text/plain", b"")
            return
        status = self.server.statuses.pop(0) if self.server.statuses else 201
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.posts.append((headers, json.loads(body)))
        self._answer(status, "text/plain", b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: the tests say what matters."""

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()
        self.wfile.write(body)


def wait_for(found: Callable[[], object], seconds: float = 60) -> None:
    """Poll until something is there; fail at the deadline."""
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.02)


def flushed(page: Tab) -> dict[str, Any]:
    """Send all, and give the counters once all is answered."""
    page.evaluate("allotment.flush()")
    page.wait_for_function("allotment.counters.waiting === 0")
    counters: dict[str, Any] = page.evaluate("allotment.counters")
    return counters


def scroll_to(page: Tab, y: int) -> None:
    page.evaluate("(y) => window.scrollTo(0, y)", y)
    page.evaluate(OBSERVED)


def each_once(site: Site) -> list[dict[str, Any]]:
    """For sites of several pages with the client.

    Where a page is left before the intake has answered, the next one sends the same event again
    once it has been there for a second: a slow machine takes so long.
    """
    return list({event["meta"]["id"]: event for event in site.events}.values())


def actions(site: Site) -> list[str]:
    """What was done, in its order."""
    return [event["action"] for event in site.events]
