"""Events and a writer for the tests of the lake."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import orjson

from allotment.contract.counting import count_lines
from allotment.contract.schemas import SchemaRepository
from allotment.contract.streams import StreamConfig
from allotment.contract.tables import LEDGER, REJECTED
from allotment.intake.pipeline import EventPipeline
from allotment.journal.segments import SegmentWriter
from allotment.journal.tally import Tallying

WEB = "product_metrics_web_base"
RECEIVED = "2026-11-22T10:00:00.123Z"


def web_event(number: int, **changes: object) -> dict[str, object]:
    """An event of the web base schema whose id tells its number."""
    return {
        "$schema": "/analytics/product_metrics/web/base/1.3.0",
        "meta": {
            "stream": "product_metrics.web_base",
            "dt": f"2026-11-{number % 28 + 1:02d}T10:00:00.000Z",
            "id": f"event-{number}",
        },
        "dt": "2026-11-22T10:00:00.123Z",
        "action": "click",
        "agent": {"client_platform": "mediawiki_js"},
        "page": {"id": number},
        **changes,
    }


def refused(events: Sequence[object]) -> list[bytes]:
    """What the intake writes to the topic `rejected` for events that it refuses."""
    streams = {
        "product_metrics.web_base": StreamConfig(
            "product_metrics.web_base", "analytics/product_metrics/web/base", {}
        )
    }
    outcome = EventPipeline(SchemaRepository([])).process(
        events, streams, received=RECEIVED, request_id=None
    )
    outcome.finish()
    return outcome.records[REJECTED]


TALLYING = Tallying(topic=LEDGER, count=count_lines)
"""As the intake keeps it."""


class Writer:
    """Appends to a journal as an intake would."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def append(self, lines: Sequence[bytes], topic: str = WEB) -> None:
        """Make lines durable in one partition."""

        async def write() -> None:
            writer = SegmentWriter(self.directory, tallying=TALLYING)
            try:
                await writer.append({topic: lines})
            finally:
                writer.close()

        asyncio.run(write())

    def events(self, numbers: range) -> None:
        """Make web events of these numbers durable."""
        self.append([orjson.dumps(web_event(number)) for number in numbers])
