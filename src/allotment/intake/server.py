"""Runs the intake in this process until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
import sys
from typing import Final

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from allotment.intake.app import IntakeApp
from allotment.settings import Settings

_BACKLOG: Final = 1024
_SWITCH_SECONDS: Final = 0.0005
_GC_THRESHOLDS: Final = (50_000, 20, 20)


class AddressError(OSError):
    """The intake cannot listen on its address; the message says why and what to do."""


def serve(settings: Settings) -> None:
    """Serve on `settings.host` and `settings.intake_port` until SIGTERM or SIGINT.

    Prints nothing but errors. What was answered 201 is durable however the process ends.

    Raises:
        AddressError: nobody can listen there; the message says what to do.
        JournalUnavailableError: the journal's folder cannot be used.
    """
    _check_address(settings.host, settings.intake_port)
    asyncio.run(_serve(settings))


def _check_address(host: str, port: int) -> None:
    """Find out now, in plain words: the server would tell it as a trace of its own inside."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise AddressError(
                f"the intake cannot listen on {host} port {port}: {error.strerror or error}; "
                "stop what listens there, or set ALLOTMENT_INTAKE_PORT to a free port"
            ) from error


async def _serve(settings: Settings) -> None:
    app = IntakeApp(settings)
    app.open()  # here, because the server would swallow what goes wrong
    # The journal's thread comes back from every sync and must not wait 5 ms for its turn.
    sys.setswitchinterval(_SWITCH_SECONDS)
    # Parsed events hold no cycles; searching them for some costs a batch some 15% more time.
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    server = Server(
        app,
        address=settings.host,
        port=settings.intake_port,
        interface=Interfaces.RSGI,
        backlog=_BACKLOG,
        backpressure=_BACKLOG,
        websockets=False,
        log_access=False,
        log_level=LogLevels.error,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    try:
        await server.serve()
    finally:
        app.close()
