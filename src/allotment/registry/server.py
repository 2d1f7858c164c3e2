"""The registry as a process."""

from __future__ import annotations

from granian import Granian
from granian.constants import Interfaces

from allotment.registry.bootstrap import prepare
from allotment.settings import Settings

# SQLite lets one writer in at a time; a few threads keep pages quick while one of them waits.
_THREADS = 4


def serve(settings: Settings) -> None:
    """Migrate and answer requests until SIGINT or SIGTERM.

    One worker: its threads share the database's cache, and the pages of a lab are few.
    """
    password = prepare(settings)
    if password is not None:
        print(f"First log-in: admin, one-time password {password}", flush=True)
    Granian(
        "allotment.registry.wsgi:application",
        address=settings.host,
        port=settings.registry_port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=_THREADS,
        respawn_failed_workers=True,
    ).serve()
