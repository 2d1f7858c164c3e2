"""Clients that send while parts are killed, and remember what they were told."""

from __future__ import annotations

import http.client
import json
import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

JSON: Final = {"Content-Type": "application/json", "X-Allotment-SDK": "crash/1"}
_UNANSWERED: Final = None
_AGAIN: Final = {429, 503}


@dataclass
class Told:
    """What the clients of one lab sent and what they were answered. Ids are `meta.id`."""

    accepted: set[str] = field(default_factory=set)
    """Acknowledged as accepted: must be in the lake once."""
    rejected: set[str] = field(default_factory=set)
    """Acknowledged as rejected: must be in `event.rejected`."""
    requests: Counter[str] = field(default_factory=Counter)
    """By kind; `repeated` are those sent again with the same ids."""
    faults: list[str] = field(default_factory=list)
    """Answers that should not be."""


def event(identifier: str, **changes: object) -> dict[str, Any]:
    """A valid event of this id."""
    return {
        "$schema": "/analytics/product_metrics/web/base/1.3.0",
        "meta": {"stream": "product_metrics.web_base", "id": identifier},
        "dt": datetime.now(UTC).isoformat(),
        "action": "click",
        "agent": {},
        **changes,
    }


class Client(threading.Thread):
    """Sends singles, batches, invalid events, hasty ones; what had no answer it sends again."""

    def __init__(self, port: int, told: Told, seed: int, pause: float) -> None:
        """`pause`: seconds between two requests, on average."""
        super().__init__(daemon=True)
        self.stopped = threading.Event()
        self._port, self._told, self._pause = port, told, pause
        self._dice = random.Random(seed)
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        """Until told to stop; what had no answer yet is then sent until it has one."""
        while not self.stopped.is_set():
            kind = self._dice.choices(
                ["single", "batch", "mixed", "hasty", "malformed"], [40, 30, 20, 8, 2]
            )[0]
            self._told.requests[kind] += 1
            if kind == "malformed":
                self._post(b'{"meta":', "/v1/events")
            elif kind == "hasty":
                self._post(json.dumps(self._events(5, bad=0)[0]).encode(), "/v1/events?hasty=1")
            else:
                count = 1 if kind == "single" else self._dice.randrange(2, 40)
                self._send(*self._events(count, bad=3 if kind == "mixed" else 0))
            self.stopped.wait(self._dice.expovariate(1 / self._pause))
        if self._connection is not None:
            self._connection.close()

    def _identifier(self) -> str:
        return str(UUID(int=self._dice.getrandbits(128), version=4))

    def _events(self, count: int, *, bad: int) -> tuple[list[dict[str, Any]], set[str], set[str]]:
        """Events in a random order, the ids of the good and of the bad ones."""
        good = [self._identifier() for _ in range(count)]
        wrong = [self._identifier() for _ in range(bad)]
        faults: list[dict[str, Any]] = [{"action": 5}, {"extra": 1}, {"$schema": "/no/such/1.0.0"}]
        made = [event(identifier) for identifier in good]
        made += [event(identifier, **self._dice.choice(faults)) for identifier in wrong]
        self._dice.shuffle(made)
        return made, set(good), set(wrong)

    def _send(self, made: list[dict[str, Any]], good: set[str], wrong: set[str]) -> None:
        """Until it was answered; and now and then once more, as after an answer that was lost."""
        body = json.dumps(made if len(made) > 1 else made[0]).encode()
        while (answer := self._post(body, "/v1/events")) is _UNANSWERED or answer[0] in _AGAIN:
            self._told.requests["repeated"] += 1
            self._dice.random()
            threading.Event().wait(0.02)  # it is being started again
        status, said = answer
        expected = 201 if not wrong else 207
        refused = sorted(
            element["event"]["meta"]["id"]
            for elements in (json.loads(said) if said else {}).values()
            for element in elements
        )
        if status != expected or refused != sorted(wrong):
            self._told.faults.append(f"{status} instead of {expected}: {said[:500]!r}")
            return
        self._told.accepted |= good
        self._told.rejected |= wrong
        if self._dice.randrange(20) == 0 and not wrong:
            self._told.requests["repeated"] += 1
            again = self._post(body, "/v1/events")
            if again is not _UNANSWERED and again[0] not in {201, *_AGAIN}:
                self._told.faults.append(f"{again[0]} for a second time: {again[1][:500]!r}")

    def _post(self, body: bytes, path: str) -> tuple[int, bytes] | None:
        """Status and body of the answer; None where there was none."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            self._connection.request("POST", path, body, JSON)
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._connection = None
            return _UNANSWERED
