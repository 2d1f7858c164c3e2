"""The ledger of the last day as a file of the lake, where the registry's pages read it.

It is made by the analyst, as reports are: to count every table takes longer than a page may wait.
Reading it needs no engine.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Final

FILE: Final = "ledger.json"
PERIOD: Final = timedelta(days=1)
EVERY_SECONDS: Final = 60.0
_SHARE: Final = 0.02
"""No more of the time than this is spent on it, however long the lake takes to count."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StreamAccount:
    """What became of one stream's events, by the equations of `lake.balance`.

    Received are those written, duplicate, rejected, waiting, lost and missing together. `missing`
    are nowhere; below 0 they are there and were never counted. `lost` could not be written and were
    answered so. `minutes` are those in which the account does not balance, and `oldest` is when
    the oldest of those that wait was received.
    """

    stream: str
    received: int
    written: int
    duplicate: int
    rejected: int
    waiting: int
    lost: int
    missing: int
    minutes: int
    oldest: datetime | None = None

    @property
    def balanced(self) -> bool:
        """Whether every event is accounted for."""
        return not self.minutes


@dataclass(frozen=True)
class LabLedger:
    """Every stream's account since a moment; `faults` are what is wrong with journal or lake, each
    with what to do, in English."""

    at: datetime
    since: datetime
    streams: tuple[StreamAccount, ...]
    faults: tuple[str, ...] = ()

    @property
    def balanced(self) -> bool:
        """Whether every event is accounted for and nothing is wrong."""
        return not self.faults and all(account.balanced for account in self.streams)


def latest(lake_dir: Path) -> LabLedger | None:
    """The ledger as it was last made; None where there is none, or it cannot be read."""
    path = lake_dir / FILE
    try:
        found: Mapping[str, Any] = json.loads(path.read_bytes())
        return LabLedger(
            at=datetime.fromisoformat(found["at"]),
            since=datetime.fromisoformat(found["since"]),
            streams=tuple(_account(one) for one in found["streams"]),
            faults=tuple(map(str, found["faults"])),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("%s cannot be read; the analyst writes it again: %s", path, error)
        return None


def make(lake_dir: Path, journal_dir: Path, now: datetime) -> LabLedger:
    """Count everything of the last day.

    Raises:
        LedgerError: there is no lake and no journal.
        LakeFormatError: an older version of Allotment wrote the lake.
    """
    # The engines take seconds to load, and whoever reads the file needs none.
    from allotment.lake.ledger import read_ledger  # noqa: PLC0415

    since = now - PERIOD
    found = read_ledger((lake_dir, journal_dir), since)
    streams = []
    for name, account in sorted(found.totals.items()):
        lag = found.lags.get(name)
        streams.append(
            StreamAccount(
                stream=name,
                received=account.received,
                written=account.written,
                duplicate=account.duplicate,
                rejected=sum(account.kept.values()) + account.unreadable,
                waiting=account.waiting + sum(account.rejected_waiting.values()),
                lost=account.lost,
                missing=account.difference + sum(account.rejected_differences.values()),
                minutes=sum(
                    1 for (of, _), one in found.accounts if of == name and not one.balanced
                ),
                oldest=lag.oldest if lag is not None else None,
            )
        )
    return LabLedger(found.at, since, tuple(streams), tuple(found.faults))


def publish(lake_dir: Path, found: LabLedger) -> None:
    """Write the file, whole or not at all."""
    document = {
        "at": found.at.isoformat(),
        "since": found.since.isoformat(),
        "streams": [asdict(one) for one in found.streams],
        "faults": found.faults,
    }
    path = lake_dir / FILE
    fresh = path.with_name(f".{FILE}.{os.getpid()}")
    fresh.write_text(json.dumps(document, default=datetime.isoformat), "utf-8")
    fresh.replace(path)


class LedgerKeeper:
    """Keeps the file up to date."""

    def __init__(
        self, lake_dir: Path, journal_dir: Path, *, every_seconds: float = EVERY_SECONDS
    ) -> None:
        """Be ready; the first is made at once."""
        self._folders = lake_dir, journal_dir
        self._every_seconds = every_seconds
        self._next = 0.0

    def step(self) -> None:
        """Make it where it is due; what hinders that is logged, and tried again when it next is."""
        began = monotonic()
        if began < self._next:
            return
        try:
            publish(self._folders[0], make(*self._folders, datetime.now(UTC)))
        except Exception as error:
            if not isinstance(error, OSError | ValueError | RuntimeError) and not _of_the_lake(
                error
            ):
                raise
            _log.warning("the ledger could not be made: %s", error)
        took = monotonic() - began
        self._next = began + max(self._every_seconds, took / _SHARE)


def _account(found: Mapping[str, Any]) -> StreamAccount:
    oldest = found["oldest"]
    numbers = {
        name: int(found[name])
        for name in (
            *("received", "written", "duplicate", "rejected"),
            *("waiting", "lost", "missing", "minutes"),
        )
    }
    return StreamAccount(
        stream=str(found["stream"]),
        oldest=None if oldest is None else datetime.fromisoformat(oldest),
        **numbers,
    )


def _of_the_lake(error: Exception) -> bool:
    engines = {"duckdb", "_duckdb", "pyiceberg", "sqlalchemy", "sqlite3"}
    return type(error).__module__.partition(".")[0] in engines
