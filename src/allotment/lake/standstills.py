"""What the sink cannot go on with: told once with its reason, tried again at growing intervals.

Nothing is skipped for it: the positions stay where they are. What stands still is told in a file of
the lake too, where `allotment ledger` finds it, until it goes on.
"""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Final

FILE: Final = "standstills.json"
_LONGEST_REASON: Final = 500

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Standstill:
    why: str
    since: str
    attempts: int
    next: float
    """When it is tried again, by the monotonic clock."""


class Standstills:
    """What stands still now, by what it is: a topic, or a task such as maintenance."""

    def __init__(self, file: Path | None, seconds: float, longest_seconds: float) -> None:
        """Nothing stands still yet.

        Args:
            file: where to tell of it; None tells only in the log.
            seconds: the first pause; each further one is twice as long.
            longest_seconds: no pause is longer.
        """
        self._file, self._seconds, self._longest = file, seconds, longest_seconds
        self._found: dict[str, _Standstill] = {}
        self._tell()

    def pauses(self, what: str) -> bool:
        """Whether its next attempt is still to come."""
        found = self._found.get(what)
        return found is not None and monotonic() < found.next

    def failed(self, what: str, error: Exception) -> None:
        """It could not go on: say why, unless that was said, and pause it."""
        why = f"{type(error).__name__}: {error}"[:_LONGEST_REASON]
        found = self._found.get(what)
        if found is None:
            now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
            found = self._found[what] = _Standstill("", now, 0, 0.0)
        if why != found.why:
            found.why = why
            _log.error("%s: the sink could not go on; it tries again", what, exc_info=error)
        pause = min(self._longest, self._seconds * 2.0 ** min(found.attempts, 30))
        found.attempts += 1
        found.next = monotonic() + pause
        self._tell()

    def works(self, what: str) -> None:
        """It went on."""
        found = self._found.pop(what, None)
        if found is not None:
            _log.warning("%s: the sink goes on, after %d attempts", what, found.attempts)
            self._tell()

    def try_now(self) -> None:
        """End every pause."""
        for found in self._found.values():
            found.next = 0.0

    def faults(self) -> list[str]:
        """What stands still, since when, and why."""
        return _faults({what: [f.since, f.why] for what, f in self._found.items()})

    def _tell(self) -> None:
        if self._file is None:
            return
        with suppress(OSError):  # a full disk; the log has said so
            if not self._found:
                self._file.unlink(missing_ok=True)
                return
            fresh = self._file.with_suffix(".new")
            found = {what: [one.since, one.why] for what, one in self._found.items()}
            fresh.write_text(json.dumps(found), encoding="utf-8")
            fresh.replace(self._file)


def told(lake_dir: Path) -> list[str]:
    """What stands still in a lake, as its sink has told it last; nothing where it is well."""
    try:
        found = json.loads((lake_dir / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return _faults(found)


def _faults(found: dict[str, list[str]]) -> list[str]:
    return [
        f"{what}: the sink cannot go on since {since} ({why}); nothing is skipped, it goes on once"
        " that is mended, and its log has the trace"
        for what, (since, why) in sorted(found.items())
    ]
