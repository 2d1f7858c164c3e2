"""One worker of the intake: its parts, and which of them works on a request."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Final

from allotment.contract.counting import count_lines
from allotment.contract.masking import SEALED, Masker, lab_key
from allotment.contract.schemas import SchemaRepository
from allotment.contract.tables import LEDGER
from allotment.intake.connection import Reply
from allotment.intake.listener import Listener
from allotment.intake.metrics import Metrics
from allotment.intake.pipeline import EventPipeline
from allotment.intake.plans import SchemaWatch
from allotment.intake.receiver import Receiver
from allotment.intake.request import Request
from allotment.intake.routes import EventPaths, Routes
from allotment.intake.stream_source import StreamSource
from allotment.intake.worker_numbers import RENEW_SECONDS, WorkerNumbers
from allotment.journal.segments import SegmentWriter
from allotment.journal.tally import Tallying
from allotment.settings import Settings

CACHE_FILE: Final = "intake-streams.json"


class MaskingKeyError(OSError):
    """The key of the masks can be neither read nor made; the message says what to do."""


class IntakeApp:
    """Makes its parts when the worker starts, closes them at its end."""

    def __init__(self, settings: Settings) -> None:
        """Make the parts, on the running event loop.

        Raises:
            JournalUnavailableError: the journal's folder cannot be used.
            MaskingKeyError: the lab's key cannot be had.
        """
        masker = _masker(settings.masking_key)
        self._pipeline = EventPipeline(SchemaRepository(settings.schema_paths), masker)
        self._source = StreamSource(
            settings.registry_url,
            settings.cache_dir / CACHE_FILE,
            settings.config_refresh_seconds,
        )
        self._watch = SchemaWatch(self._pipeline.schemas, settings.config_refresh_seconds)
        self._journal = SegmentWriter(
            settings.journal_dir,
            tallying=Tallying(topic=LEDGER, count=count_lines),
            aging={SEALED},  # so that what masks hide is kept no longer than is promised
        )
        with suppress(OSError):
            # What masks hide is for the lab's user alone, on its way too.
            (settings.journal_dir / SEALED).mkdir(mode=0o700, exist_ok=True)
        self._metrics = Metrics()
        self._numbers = WorkerNumbers(settings.intake_dir, self._journal.number)
        self._paths = EventPaths(settings.event_prefixes)
        self._routes = Routes(
            self._source,
            self._pipeline.schemas,
            self._journal,
            self._metrics,
            self._numbers,
            self._paths,
        )
        self._receiver = Receiver(
            self._pipeline,
            self._source,
            self._journal,
            self._metrics,
            masker,
            max_body=settings.max_body_bytes,
            reasons=self._routes.reasons,
        )
        self._source.start()
        self._watch.start()
        self._renewing = asyncio.get_running_loop().call_soon(self._renew)

    def watch(self, listener: Listener) -> None:
        """Tell of a listener's load too."""
        self._routes.load = lambda: {
            "connections": listener.connections,
            "held_bytes": listener.memory.held,
            "hasty_waiting_bytes": self._receiver.hasty_bytes,
        }

    def _renew(self) -> None:
        self._numbers.write(self._routes.snapshot())
        loop = asyncio.get_running_loop()
        self._renewing = loop.call_later(RENEW_SECONDS, self._renew)

    def handle(self, request: Request, reply: Reply) -> None:
        """Answer a request, now or later. Never raises."""
        if request.method == "POST" and self._paths.take(request.path):
            self._receiver.receive(request, reply)
        else:
            self._receiver.guard(request, reply, self._routes.answer)

    def refused(self, status: int) -> None:
        """Count what was answered to something that is no request."""
        self._metrics.refused(status)

    def stop(self) -> None:
        """Be ready no more: the worker takes no new connections and finishes what it has."""
        self._routes.stopping = True

    async def close(self, seconds: float) -> None:
        """Finish what was answered before it was worked on, make it durable, free the journal."""
        try:
            await asyncio.wait_for(self._receiver.drained(), seconds)
        except TimeoutError:
            pass
        finally:
            self._renewing.cancel()
            self._source.close()
            self._watch.close()
            self._journal.close()
            self._numbers.remove()


def _masker(path: Path) -> Masker:
    try:
        return Masker(lab_key(path))
    except OSError as error:
        raise MaskingKeyError(
            f"the key of the masks, {path}, cannot be read: {error.strerror}; let the user that"
            " runs the intake read it, or put it back from a copy of the lab"
        ) from error
