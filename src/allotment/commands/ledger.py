"""`allotment ledger`: whether every event that was received is accounted for."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self

import typer
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from allotment.lake.ledger import LedgerError, read_ledger
from allotment.lake.ledger_rendering import json_of, text_of
from allotment.lake.offsets import LakeFormatError

_DURATION: Final = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_QUIET_SECONDS: Final = 2.0
NOT_BALANCED: Final = 1
NOT_COMPUTED: Final = 2


def show(data: Path, since: str, stream: str | None, *, as_json: bool, minutes: bool) -> int:
    """Print the ledger of a data folder; the exit code.

    Args:
        data: the data folder.
        since: how far back, as on the command line.
        stream: only this one, or None.
        as_json: rather than text.
        minutes: every minute, not only those that do not balance.
    """
    try:
        first = since_time(since, datetime.now(UTC))
        with _Reading() as reading:
            found = read_ledger((data / "lake", data / "journal"), first, stream, reading.more)
    except (LedgerError, LakeFormatError, OSError, ValueError) as error:
        typer.echo(f"allotment: {error}", err=True)
        return NOT_COMPUTED
    typer.echo(json_of(found) if as_json else text_of(found, minutes=minutes), nl=False)
    return 0 if found.balanced else NOT_BALANCED


def since_time(text: str, now: datetime) -> datetime:
    """The time that `--since` names: so long before now, or a time, in UTC where it has no zone.

    Raises:
        ValueError: it is neither.
    """
    match = _DURATION.fullmatch(text)
    try:
        if match:
            return now - timedelta(**{_UNITS[match[2]]: int(match[1])})
        time = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"--since {text!r} is neither a duration such as 30m, 1h or 2d, nor a time such as"
            " 2026-11-22T08:00"
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


class _Reading:
    """Shows how much of the journal was read, once that takes more than two seconds."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._bytes = 0
        self._progress: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def more(self, size: int) -> None:
        """So many bytes more."""
        self._bytes += size
        if self._progress is None and time.monotonic() - self._begun > _QUIET_SECONDS:
            self._progress = Progress(
                TextColumn("Counting what waits in the journal: {task.completed:,.0f} MB"),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._progress.start()
            self._progress.add_task("", total=None)
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], completed=self._bytes / 1e6)
