"""What the intake counts, and how it tells Prometheus (text exposition format 0.0.4)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from allotment.contract.counting import Count

BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histogram, in seconds."""
CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
GAUGES: Final = {
    "schema_problems": "Schema files with a problem.",
    "journal_available": "Whether the journal can write.",
    "connections": "Open connections.",
    "held_bytes": "Bodies being read or worked on, and large answers being sent.",
    "hasty_waiting_bytes": "Bodies answered 202 and not durable yet.",
    "configuration_age_seconds": "Since the registry last confirmed the stream configuration.",
    "configuration_version": "Version of the stream configuration in force.",
    "renewed_seconds": "Since the worker last renewed these numbers.",
}
"""What a worker says of itself, and what it means."""
Snapshot: TypeAlias = dict[str, Any]
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

    def stored(self, counts: Mapping[Count, int]) -> None:
        """Count events by stream and outcome, once they are durable."""
        events = self._events
        for (stream, _, what), number in counts.items():
            key = (stream, what)
            events[key] = events.get(key, 0) + number

    def lost(self, events: int) -> None:
        """Count events that were answered 202 and could not be kept."""
        self._hasty_lost += events

    def snapshot(self, gauges: Mapping[str, float | None]) -> Snapshot:
        """All numbers as a JSON value; `render` makes the text of it.

        Args:
            gauges: what else is true now, by the names of `GAUGES`. What is None or not there is
                left out: absence cannot be mistaken for youth or health.
        """
        return {
            "events": [[*key, number] for key, number in sorted(self._events.items())],
            "requests": [[str(key), number] for key, number in sorted(self._requests.items())],
            "hasty_lost": self._hasty_lost,
            "buckets": list(self._buckets),
            "seconds": self._seconds,
            "gauges": {name: value for name, value in gauges.items() if value is not None},
        }


def render(workers: Mapping[int, Snapshot]) -> str:
    """The text for `GET /metrics`: what each worker counted, by its journal partition."""
    lines = [*_family("events_total", "counter", "Events by stream and outcome.")]
    for worker, found in sorted(workers.items()):
        for stream, outcome, number in found["events"]:
            labels = f'worker="{worker}",stream="{stream}",outcome="{outcome}"'
            lines.append(f"{_PREFIX}events_total{{{labels}}} {number}")
    lines += _family("requests_total", "counter", "Requests for events by status.")
    for worker, found in sorted(workers.items()):
        for status, number in found["requests"]:
            labels = f'worker="{worker}",status="{status}"'
            lines.append(f"{_PREFIX}requests_total{{{labels}}} {number}")
    lines += _family("hasty_lost_total", "counter", "Events answered 202, not kept.")
    for worker, found in sorted(workers.items()):
        lines.append(f'{_PREFIX}hasty_lost_total{{worker="{worker}"}} {found["hasty_lost"]}')
    lines += _family("request_seconds", "histogram", "From a request for events to its answer.")
    for worker, found in sorted(workers.items()):
        lines += _histogram(worker, found)
    for name, meaning in GAUGES.items():
        values = {w: f["gauges"][name] for w, f in sorted(workers.items()) if name in f["gauges"]}
        if values:
            lines += _family(name, "gauge", meaning)
            lines += [f'{_PREFIX}{name}{{worker="{w}"}} {v!r}' for w, v in values.items()]
    return "\n".join(lines) + "\n"


def _histogram(worker: int, found: Snapshot) -> Iterable[str]:
    name = f"{_PREFIX}request_seconds"
    below = 0
    bounds = (*map(repr, BUCKETS), "+Inf")
    for bound, number in zip(bounds, found["buckets"], strict=True):
        below += number
        yield f'{name}_bucket{{worker="{worker}",le="{bound}"}} {below}'
    yield f'{name}_sum{{worker="{worker}"}} {found["seconds"]!r}'
    yield f'{name}_count{{worker="{worker}"}} {below}'


def _family(name: str, kind: str, text: str) -> tuple[str, str]:
    return f"# HELP {_PREFIX}{name} {text}", f"# TYPE {_PREFIX}{name} {kind}"
