"""How often one token may ask: a steady rate with some saved up, by the clock alone.

The generic cell rate algorithm (ITU-T I.371): one number for each token, the moment at which its
next request would be due if all came evenly spaced. It is kept in the memory of one process; with
several processes each allows as much.
"""

from __future__ import annotations

import threading
import time
from typing import Final

from allotment.registry.manage_api.problems import ProblemError

A_SECOND: Final = 20.0
BURST: Final = 1200
_FORGET_ABOVE: Final = 10_000


class Allowance:
    """What each key may still do. Safe for threads.

    Args:
        a_second: how many requests a second may go on for ever.
        burst: how many may come at once after a pause.
    """

    def __init__(self, a_second: float = A_SECOND, burst: int = BURST) -> None:
        self._apart = 1 / a_second
        self._saved = (burst - 1) / a_second
        self._due: dict[str, float] = {}
        self._lock = threading.Lock()

    def take(self, key: str, now: float) -> float:
        """Count one request; 0 if it may pass, else the seconds until one may, and it is not
        counted. `now` is in seconds of any steady clock."""
        with self._lock:
            due = max(self._due.get(key, now), now)
            early = due - now - self._saved
            if early > 0:
                return early
            if len(self._due) > _FORGET_ABOVE:
                self._due = {known: at for known, at in self._due.items() if at > now}
            self._due[key] = due + self._apart
            return 0.0


_ALLOWANCE = Allowance()


def limit(token: str) -> None:
    """Pass when a token may ask once more.

    Raises:
        ProblemError: it has asked too often.
    """
    wait = _ALLOWANCE.take(token, time.monotonic())
    if wait > 0:
        seconds = max(1, round(wait + 0.5))
        raise ProblemError(
            429,
            f"This token asks more than {A_SECOND:.0f} times a second.",
            remedy=f"Wait {seconds} seconds, and ask less often; lists come in pages of 500.",
            headers={"Retry-After": str(seconds)},
        )
