"""The demo wiki over real HTTP, with stand-ins for registry and intake."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from tests.sdk.stand_ins import Intake, Registry, wait_until

from allotment.sdk import Client
from allotment_demo.app import make_application


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def client(registry: Registry, intake: Intake) -> Iterator[Client]:
    made = Client(
        registry_url=registry.url, intake_url=intake.url, site="demowiki", refresh_seconds=0.05
    )
    with made:
        wait_until(lambda: made.configuration.age_seconds is not None, "the configuration arrives")
        yield made


@pytest.fixture
def wiki(client: Client) -> Iterator[str]:
    """The wiki's address."""
    application = make_application(client, b"k" * 32)
    with make_server("127.0.0.1", 0, application, _Server, _Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
