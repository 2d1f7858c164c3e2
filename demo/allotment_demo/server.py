"""Runs the demo wiki: one granian worker, with a client made from the settings."""

from __future__ import annotations

import atexit
import os
from typing import TYPE_CHECKING

from granian.constants import Interfaces
from granian.server import Server

from allotment.orphans import end_when_orphaned
from allotment.sdk import Client
from allotment.settings import Settings, from_environ, to_environ
from allotment_demo import app, readers

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def serve(settings: Settings) -> None:
    """Serve the wiki until the process is told to stop (SIGINT or SIGTERM)."""
    # The worker is another process: it reads the same settings from its environment.
    os.environ.update(to_environ(settings))
    Server(
        "allotment_demo.server:application",
        address=settings.host,
        port=settings.demo_port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=8,
        factory=True,
        websockets=False,
        log_access=False,
    ).serve()


def application() -> WSGIApplication:
    """The worker's application, made from the settings in its environment."""
    end_when_orphaned()
    settings = from_environ()
    client = Client(
        registry_url=settings.registry_url,
        intake_url=settings.intake_url,
        site=app.SITE,
        domain=settings.host,
        cache_file=settings.cache_dir / "demo-configuration.json",
        refresh_seconds=settings.config_refresh_seconds,
    )
    client.start()
    atexit.register(client.close)
    return app.make_application(client, readers.load_key(settings.cache_dir / "demo-login-key"))
