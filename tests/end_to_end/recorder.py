"""A wire tap between clients and the intake: passes every request on and remembers it."""

import json
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Sent:
    """One request as it went over the wire: who sent it, what, and what the intake answered."""

    user_agent: str
    events: list[dict[str, Any]]
    status: int | None = None  # while the intake has not answered

    @property
    def by_browser(self) -> bool:
        """Whether a browser sent it, not the site's server."""
        return self.user_agent.startswith("Mozilla/")


@dataclass
class Recorder:
    """Listens on a port of its own; `url` is where clients send to."""

    intake: str
    sent: list[Sent] = field(default_factory=list)

    def start(self, port: int) -> None:
        """Listen until `stop`."""
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_OPTIONS(self) -> None:
                self._answer(*self._pass_on(b""))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                events = json.loads(body)
                listed = events if isinstance(events, list) else [events]
                # Before it is passed on: the lake never holds what is not yet remembered here.
                sent = Sent(self.headers["User-Agent"], listed)
                recorder.sent.append(sent)
                answer = self._pass_on(body)
                sent.status = answer[0]
                self._answer(*answer)

            def _pass_on(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
                kept = {k: v for k, v in self.headers.items() if k.lower() != "host"}
                request = urllib.request.Request(
                    recorder.intake, data=body, headers=kept, method=self.command
                )
                try:
                    with urllib.request.urlopen(request, timeout=10) as answer:
                        status, headers, content = answer.status, answer.headers, answer.read()
                except urllib.error.HTTPError as error:
                    with error:
                        status, headers, content = error.code, error.headers, error.read()
                dropped = {"transfer-encoding", "content-length", "connection"}
                return status, [h for h in headers.items() if h[0].lower() not in dropped], content

            def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                try:
                    self.end_headers()
                    self.wfile.write(content)
                except BrokenPipeError:
                    self.close_connection = True  # a page that has gone does not read answers

            def log_message(self, *args: object) -> None:
                """Quiet: the test looks at what was recorded."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def events(self, *, by_browser: bool | None = None) -> list[dict[str, Any]]:
        """All events that came until now, or those of browsers or of servers only.

        Each once: what a page sends again, since it was left before the answer, is the same event.
        """
        found = {
            event["meta"]["id"]: event
            for sent in list(self.sent)
            for event in sent.events
            if by_browser is None or sent.by_browser is by_browser
        }
        return list(found.values())
