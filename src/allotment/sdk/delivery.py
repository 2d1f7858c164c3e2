"""Events on their way to the intake: a bounded queue and one background thread.

The thread that answers a visitor never waits: handing over an event is one append. What cannot be
delivered is counted by reason, never lost in silence. An event is sent again when its answer did
not come, so the intake may meet it twice; its `meta.id` tells.
"""

from __future__ import annotations

import atexit
import gzip
import json
import logging
import random
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.util import Finalize
from typing import Any, Self

from allotment import __version__
from allotment.sdk import forking
from allotment.sdk.connection import Answer, Connection, ConnectionProblemError

MAX_BATCH_EVENTS = 100
MAX_BATCH_BYTES = 1_000_000
_RETRY_STATUSES = frozenset({408, 429, 502, 503, 504})
_ACCEPTED_STATUSES = frozenset({200, 201, 202, 204})
_SOME_REFUSED = 207
_TOO_LARGE = 413
_FIRST_PAUSE = 0.1
_LONGEST_REASON = 300
_LONGEST_PAUSE = 10.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryCounts:
    """What became of the events so far: `offered` = `accepted` + `rejected` + dropped + `pending`.

    `sent` counts the events in requests that the intake has decided on. `dropped` holds reasons:
    `queue_full`, `too_large`, `not_json`, `unreachable`, `closed`.
    """

    offered: int
    sent: int
    accepted: int
    rejected: int
    dropped: Mapping[str, int]
    pending: int
    last_problem: str


class Delivery:
    """Sends events in batches to one intake.

    Safe to use from any thread, and after a fork: the child begins with an empty queue, because the
    parent delivers its own.

    Args:
        intake_url: such as `http://127.0.0.1:8192/v1/events`.
        capacity: events that may wait; further ones are dropped as `queue_full`.
        linger_seconds: how long a batch that is not full waits for company.
        give_up_seconds: how long a batch is tried before it is dropped as `unreachable`.
        timeout: seconds that one answer may take.
        compress: send bodies gzipped.

    Example:
        >>> with Delivery("http://127.0.0.1:8192/v1/events") as delivery:  # doctest: +SKIP
        ...     delivery.submit({"$schema": "/demo/1.0.0", "meta": {"stream": "demo"}})
    """

    def __init__(
        self,
        intake_url: str,
        *,
        capacity: int = 10_000,
        linger_seconds: float = 0.2,
        give_up_seconds: float = 300.0,
        timeout: float = 5.0,
        compress: bool = False,
    ) -> None:
        Connection(intake_url, timeout=timeout)  # a wrong address is told at once
        self._intake_url = intake_url
        self._capacity = capacity
        self._linger_seconds = linger_seconds
        self._give_up_seconds = give_up_seconds
        self._timeout = timeout
        self._compress = compress
        self.begin_process()
        forking.watch(self)

    def begin_process(self) -> None:
        """Begin with an empty queue: a forked process leaves its parent's events to the parent."""
        self._queue: deque[bytes] = deque()
        self._lock = threading.Lock()
        self._arrived = threading.Condition(self._lock)
        self._idle = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        self._closing = False
        self._deadline = float("inf")
        self._in_flight = 0
        self._offered = self._sent = self._accepted = self._rejected = 0
        self._dropped: Counter[str] = Counter()
        self._last_problem = ""
        _flush_at_exit(self)

    # Handing over.

    def submit(self, event: Mapping[str, Any]) -> bool:
        """Queue one event; False (and counted) if it is dropped. Never waits for the network."""
        try:
            line = json.dumps(event, separators=(",", ":"), allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            return self._refuse("not_json", f"an event cannot be written as JSON: {error}")
        if len(line) > MAX_BATCH_BYTES:
            return self._refuse("too_large", f"an event has {len(line)} bytes")
        with self._lock:
            self._offered += 1
            reason = "closed" if self._closing else ""
            if len(self._queue) + self._in_flight >= self._capacity:
                reason = "queue_full"
            if reason:
                self._dropped[reason] += 1
                return False
            self._queue.append(line)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="allotment-delivery", daemon=True
                )
                self._thread.start()
            if len(self._queue) in {1, MAX_BATCH_EVENTS}:
                self._arrived.notify()
        return True

    @property
    def pending(self) -> int:
        """Events that wait or are being sent."""
        with self._lock:
            return len(self._queue) + self._in_flight

    @property
    def counts(self) -> DeliveryCounts:
        """All counters at one moment."""
        with self._lock:
            return DeliveryCounts(
                offered=self._offered,
                sent=self._sent,
                accepted=self._accepted,
                rejected=self._rejected,
                dropped=dict(self._dropped),
                pending=len(self._queue) + self._in_flight,
                last_problem=self._last_problem,
            )

    def flush(self, seconds: float = 10.0) -> bool:
        """Wait until nothing is pending; whether that came in time."""
        with self._lock:
            return self._idle.wait_for(lambda: not self._queue and not self._in_flight, seconds)

    def close(self, seconds: float = 5.0) -> None:
        """Deliver what waits, for at most so many seconds; what is left counts as `closed`."""
        with self._lock:
            self._closing = True
            self._deadline = min(self._deadline, time.monotonic() + seconds)
            self._arrived.notify_all()
        thread = self._thread
        if thread is not None:
            thread.join(seconds + self._timeout + 1.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # The background thread.

    def _run(self) -> None:
        with Connection(self._intake_url, timeout=self._timeout) as connection:
            while True:
                batch = self._take()
                if not batch:
                    return
                try:
                    self._deliver(connection, batch)
                except Exception as error:  # noqa: BLE001  the thread must live on
                    self._drop(len(batch), "unreachable", f"delivery failed: {error!r}")
                    _log.exception("a batch of events could not be delivered")
                with self._lock:
                    self._in_flight = 0
                    self._idle.notify_all()

    def _take(self) -> list[bytes]:
        """The next batch, full or as old as the linger allows; empty once closed and done."""
        with self._lock:
            self._arrived.wait_for(lambda: self._queue or self._closing)
            if self._queue and not self._closing:
                self._arrived.wait_for(
                    lambda: len(self._queue) >= MAX_BATCH_EVENTS or self._closing,
                    self._linger_seconds,
                )
            if time.monotonic() > self._deadline and self._queue:
                self._dropped["closed"] += len(self._queue)
                self._queue.clear()
                self._idle.notify_all()
            batch: list[bytes] = []
            size = 0
            while self._queue and len(batch) < MAX_BATCH_EVENTS:
                size += len(self._queue[0]) + 1
                if batch and size > MAX_BATCH_BYTES:
                    break
                batch.append(self._queue.popleft())
            self._in_flight = len(batch)
            return batch

    def _deliver(self, connection: Connection, batch: Sequence[bytes]) -> None:
        give_up = time.monotonic() + self._give_up_seconds
        pause = _FIRST_PAUSE
        while True:
            try:
                answer = self._post(connection, batch)
            except ConnectionProblemError as error:
                problem, wait = str(error), 0.0
            else:
                if self._settled(connection, batch, answer):
                    return
                problem = f"{self._intake_url}: status {answer.status}"
                wait = _retry_after(answer)
            now = time.monotonic()
            if now > min(give_up, self._deadline):
                reason = "closed" if now > self._deadline else "unreachable"
                self._drop(len(batch), reason, problem)
                return
            self._note(problem)
            # Full jitter, so that many sites do not come back at one moment.
            self._rest(max(wait, pause * random.uniform(0.5, 1.0)))  # noqa: S311
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _rest(self, seconds: float) -> None:
        """Pause, but no longer than closing allows."""
        end = time.monotonic() + min(seconds, _LONGEST_PAUSE)
        with self._lock:
            while (left := min(end, self._deadline) - time.monotonic()) > 0:
                self._arrived.wait(left)

    def _post(self, connection: Connection, batch: Sequence[bytes]) -> Answer:
        body = b"[" + b",".join(batch) + b"]"
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "allotment-python",
            "X-Allotment-SDK": f"python/{__version__}",
        }
        if self._compress:
            body = gzip.compress(body, compresslevel=5)
            headers["Content-Encoding"] = "gzip"
        return connection.request("POST", connection.target, body=body, headers=headers)

    def _settled(self, connection: Connection, batch: Sequence[bytes], answer: Answer) -> bool:
        """Whether this answer decides the batch's fate; False asks for another try."""
        if answer.status in _ACCEPTED_STATUSES:
            self._settle(accepted=len(batch), rejected=0)
            return True
        if answer.status == _TOO_LARGE:
            if len(batch) == 1:
                self._drop(1, "too_large", "the intake calls an event too large")
            else:
                middle = len(batch) // 2
                self._deliver(connection, batch[:middle])
                self._deliver(connection, batch[middle:])
            return True
        refused = _refused(answer)
        if answer.status in _RETRY_STATUSES or (answer.status >= 500 and refused is None):  # noqa: PLR2004
            return False
        partly = answer.status == _SOME_REFUSED and refused is not None
        rejected = min(len(batch), refused or 0) if partly else len(batch)
        self._settle(accepted=len(batch) - rejected, rejected=rejected)
        self._note(f"status {answer.status}: {_reason(answer)}")
        return True

    def _settle(self, *, accepted: int, rejected: int) -> None:
        with self._lock:
            self._sent += accepted + rejected
            self._accepted += accepted
            self._rejected += rejected

    def _note(self, problem: str) -> None:
        with self._lock:
            known, self._last_problem = self._last_problem == problem, problem
        if not known:
            _log.warning("delivery of events: %s", problem)

    def _refuse(self, reason: str, problem: str) -> bool:
        with self._lock:
            self._offered += 1
        self._drop(1, reason, problem)
        return False

    def _drop(self, count: int, reason: str, problem: str) -> None:
        with self._lock:
            self._dropped[reason] += count
        self._note(f"{count} dropped ({reason}): {problem}")


def _refused(answer: Answer) -> int | None:
    """How many events an answer names as invalid or in error; None if it names none."""
    try:
        found = json.loads(answer.body)
    except ValueError:
        return None
    if not isinstance(found, dict) or not ({"invalid", "error"} & found.keys()):
        return None
    lists = [found.get("invalid"), found.get("error")]
    return sum(len(part) for part in lists if isinstance(part, list))


def _reason(answer: Answer) -> str:
    """Why the first refused event was refused; never the event itself, which may name a person."""
    try:
        found = json.loads(answer.body)
        for part in ("invalid", "error"):
            for element in found.get(part, ()):
                context = element["context"]
                return str(context.get("errorsText") or context.get("message"))[:_LONGEST_REASON]
        return str(found["detail"])[:_LONGEST_REASON]
    except (ValueError, AttributeError, KeyError, TypeError):
        return "the answer gives no reason"


def _retry_after(answer: Answer) -> float:
    try:
        return min(max(0.0, float(answer.headers["retry-after"])), _LONGEST_PAUSE)
    except (KeyError, ValueError):
        return 0.0


def _flush_at_exit(delivery: Delivery) -> None:
    """Deliver what waits when the program ends, without keeping the object alive until then."""
    reference = weakref.ref(delivery)

    def flush() -> None:
        living = reference()
        if living is not None:
            living.close()

    atexit.register(flush)
    # Workers that a server starts through multiprocessing end without atexit, but not without this.
    ending = Finalize(None, flush, exitpriority=0)

    def forget() -> None:
        atexit.unregister(flush)
        ending.cancel()

    weakref.finalize(delivery, forget).atexit = False
