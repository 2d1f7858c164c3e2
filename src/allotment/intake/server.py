"""Runs the intake until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import resource
import signal
import socket
import sys
from functools import partial
from typing import Final

import uvloop

from allotment.intake.app import IntakeApp
from allotment.intake.limits import Limits
from allotment.intake.listener import Listener
from allotment.intake.workers import supervise
from allotment.journal.protocol import JournalUnavailableError
from allotment.settings import Settings

_SWITCH_SECONDS: Final = 0.0005
_GC_THRESHOLDS: Final = (50_000, 20, 20)
_DESCRIPTORS_OF_OURS: Final = 100
_LEAST_DRAIN_SECONDS: Final = 1.0


class AddressError(OSError):
    """The intake cannot listen on its address; the message says why and what to do."""


def serve(settings: Settings) -> None:
    """Serve on `settings.host` and `settings.intake_port` until SIGTERM or SIGINT.

    Prints nothing but errors. What was answered 201 is durable however the process ends.

    Raises:
        AddressError: nobody can listen there; the message says what to do.
        JournalUnavailableError: the journal's folder cannot be used.
        WorkersFailedError: none of several workers can start.
    """
    with bind(settings.host, settings.intake_port) as listening:
        if settings.intake_workers == 1:
            run_worker(settings, listening)
        else:
            work = partial(run_worker, settings, listening)
            plain = (JournalUnavailableError, OSError)
            supervise(settings.intake_workers, work, plain)


def bind(host: str, port: int) -> socket.socket:
    """A socket on an address, not listening yet.

    Raises:
        AddressError: it is taken, or not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen()  # two that only bind may share an address; found out now, not later
    except OSError as error:
        listening.close()
        raise AddressError(
            f"the intake cannot listen on {host} port {port}: {error.strerror or error}; "
            "stop what listens there, or set ALLOTMENT_INTAKE_PORT to a free port"
        ) from error
    return listening


def run_worker(settings: Settings, listening: socket.socket, tie: int | None = None) -> None:
    """Serve on a bound socket in this process until SIGTERM or SIGINT.

    Args:
        settings: of the whole intake.
        listening: the socket, which other processes may have too.
        tie: a descriptor that becomes readable when the worker's parent is gone.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(settings, listening, tie))


async def _work(settings: Settings, listening: socket.socket, tie: int | None) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    if tie is not None:
        loop.add_reader(tie, _orphaned, tie, stopped)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    # The journal's thread comes back from every sync and must not wait 5 ms for its turn.
    sys.setswitchinterval(_SWITCH_SECONDS)
    app = IntakeApp(settings)
    # Parsed events hold no cycles; searching them for some costs a batch some 15% more time.
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    deadline = 0.0
    limits = Limits(body_bytes=settings.max_body_bytes, connections=_most_connections())
    listener = Listener(app.handle, limits, app.refused)
    try:
        await listener.start(listening)
        app.watch(listener)
        await stopped.wait()
        app.stop()
        deadline = loop.time() + limits.stop_seconds
        await listener.stop()
    finally:
        await app.close(max(_LEAST_DRAIN_SECONDS, deadline - loop.time()))


def _orphaned(tie: int, stopped: asyncio.Event) -> None:
    asyncio.get_running_loop().remove_reader(tie)
    stopped.set()


def _most_connections() -> int:
    """As many as the process may have open, once it has asked for all that it may ask for."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    usual = Limits.__dataclass_fields__["connections"].default
    assert isinstance(usual, int)  # noqa: S101 -- for the type checker
    return usual if hard == resource.RLIM_INFINITY else min(usual, hard - _DESCRIPTORS_OF_OURS)
