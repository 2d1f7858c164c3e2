"""What the intake counts, and how it tells Prometheus (text exposition format 0.0.4)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Final

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histogram, in seconds."""
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX: Final = "allotment_intake_"


class Metrics:
    """The counters of one worker, from its start on. Used by one thread.

    Label values are stream names of the configuration, reasons and statuses of ours: none of them
    has a sign that the format would have to escape, and no client can make up a series.
    """

    def __init__(self) -> None:
        self._events: dict[tuple[str, str], int] = {}
        self._requests: dict[int, int] = {}
        self._hasty_lost = 0
        self._buckets = [0] * (len(BUCKETS) + 1)
        self._seconds = 0.0

    def answered(self, status: int, seconds: float) -> None:
        """Count a request for events that was answered `seconds` after it came."""
        self._requests[status] = self._requests.get(status, 0) + 1
        self._buckets[bisect_left(BUCKETS, seconds)] += 1
        self._seconds += seconds

    def refused(self, status: int) -> None:
        """Count an answer to what could not be read as a request."""
        self._requests[status] = self._requests.get(status, 0) + 1

    def stored(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Count the events of one request, by stream and outcome, once they are durable."""
        events = self._events
        for key, number in counts.items():
            events[key] = events.get(key, 0) + number

    def lost(self, events: int) -> None:
        """Count events that were answered 202 and could not be kept."""
        self._hasty_lost += events

    def text(
        self,
        *,
        journal_available: bool,
        configuration_age: float | None,
        configuration_version: str | None,
        schema_problems: int = 0,
    ) -> str:
        """Everything, for `GET /metrics`.

        Args:
            journal_available: whether the journal can write.
            configuration_age: seconds since the registry last confirmed the stream configuration;
                without it the metric is left out, as absence cannot be mistaken for youth.
            configuration_version: likewise left out where it is no number.
            schema_problems: files of the schema repositories that cannot be used as they are.
        """
        lost, available = self._hasty_lost, int(journal_available)
        lines = [
            *_family("events_total", "counter", "Events by stream and outcome."),
            *(
                f'{_PREFIX}events_total{{stream="{stream}",outcome="{outcome}"}} {number}'
                for (stream, outcome), number in sorted(self._events.items())
            ),
            *_family("requests_total", "counter", "Requests for events by status."),
            *(
                f'{_PREFIX}requests_total{{status="{status}"}} {number}'
                for status, number in sorted(self._requests.items())
            ),
            *_single("hasty_lost_total", "counter", "Events answered 202, not kept.", lost),
            *self._histogram(),
            *_single("schema_problems", "gauge", "Schema files with a problem.", schema_problems),
            *_single("journal_available", "gauge", "Whether the journal can write.", available),
        ]
        if configuration_age is not None:
            help_ = "Seconds since the registry last confirmed the stream configuration."
            lines += _single("configuration_age_seconds", "gauge", help_, configuration_age)
        if configuration_version is not None and configuration_version.isdecimal():
            help_ = "Version of the stream configuration in force."
            lines += _single("configuration_version", "gauge", help_, int(configuration_version))
        return "\n".join(lines) + "\n"

    def _histogram(self) -> Iterable[str]:
        name = "request_seconds"
        yield from _family(name, "histogram", "From a request for events to its answer.")
        below = 0
        bounds = (*map(repr, BUCKETS), "+Inf")
        for bound, number in zip(bounds, self._buckets, strict=True):
            below += number
            yield f'{_PREFIX}{name}_bucket{{le="{bound}"}} {below}'
        yield f"{_PREFIX}{name}_sum {self._seconds!r}"
        yield f"{_PREFIX}{name}_count {below}"


def _family(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {_PREFIX}{name} {text}", f"# TYPE {_PREFIX}{name} {kind}"


def _single(name: str, kind: str, text: str, value: float) -> tuple[str, str, str]:
    return *_family(name, kind, text), f"{_PREFIX}{name} {value!r}"
