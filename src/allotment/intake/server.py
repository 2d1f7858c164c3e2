"""Runs the intake in this process until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
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


def serve(settings: Settings) -> None:
    """Serve on `settings.host` and `settings.intake_port` until SIGTERM or SIGINT.

    Prints nothing but errors. What was answered 201 is durable however the process ends.
    """
    # The journal's thread comes back from every sync and must not wait 5 ms for its turn.
    sys.setswitchinterval(_SWITCH_SECONDS)
    # Parsed events hold no cycles; searching them for some takes a third of the time of a batch.
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    app = IntakeApp(settings)
    app.open()  # here, because the server would swallow what goes wrong
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
