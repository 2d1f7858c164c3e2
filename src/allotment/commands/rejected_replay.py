"""What `allotment rejected replay` does."""

from __future__ import annotations

import getpass
import json
import os
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.progress import Progress

from allotment.commands.rejected import Filters, Wishes
from allotment.commands.rejected_answers import only_one, search_of, settings_of, told
from allotment.contract.mending import Change, MendingError, parse_change, parse_path
from allotment.lake.rejected import Search, find, pages
from allotment.lake.rendering import printable
from allotment.lake.replays import RivalError
from allotment.replay.letters import Mend, ReplayError
from allotment.replay.replaying import Fate, Lab, Report, replay

_PROGRESS_AFTER_SECONDS: Final = 2.0


def send_again(
    data: Path | None, identifiers: tuple[str, ...], filters: Filters, wishes: Wishes
) -> int:
    """Replay; the exit code."""
    settings = settings_of(data)
    search = search_of(settings, filters)
    if not identifiers and search == Search():
        sys.exit("allotment: name rejected events by their ids, or by filters such as --reason")
    with _mendable():
        named = [only_one(settings, name) for name in identifiers]
        search = replace(search, unsent=True)
        folders = settings.lake_dir, settings.journal_dir
        total = len({one.id for one in named}) if identifiers else find(*folders, search, 0)[1]
        mend = Mend(changes=_changes(wishes), whole=_whole(wishes.file, total))
        if total and not identifiers and not wishes.dry_run and not wishes.yes:
            typer.confirm(f"Send {total} rejected events again?", abort=True)
        lab = Lab(
            lake_dir=settings.lake_dir,
            journal_dir=settings.journal_dir,
            schema_paths=settings.schema_paths,
            intake_url=settings.intake_url,
            masking_key=settings.masking_key,
        )
        chosen_pages = [named] if identifiers else pages(*folders, search)
        reports = replay(lab, chosen_pages, mend, who=_who(), dry_run=wishes.dry_run)
        with closing(reports), _progress(total) as progress:
            return _told(reports, progress)


def _told(reports: Iterable[Report], progress: Callable[[int], None]) -> int:
    """Print what became of each as it comes; the exit code."""
    counted: Counter[Fate] = Counter()
    trouble = ""
    for report in reports:
        for name, (fate, why) in report.fates.items():
            typer.echo(f"{name}  {fate.value}{': ' if why else ''}{printable(why)}")
            counted[fate] += 1
        trouble = trouble or report.trouble
        progress(counted.total())
    summed = ", ".join(f"{counted[fate]} {fate.value}" for fate in Fate if counted[fate])
    typer.echo(summed or "no rejected event to send")
    if trouble:
        typer.echo(
            f"{trouble}. Run the command again: it looks first for what has arrived.", err=True
        )
    return 1 if trouble or counted[Fate.REFUSED] or counted[Fate.UNKNOWN] else 0


def _changes(wishes: Wishes) -> tuple[Change, ...]:
    return (
        *(parse_change(text) for text in wishes.changes),
        *(Change(parse_path(text)) for text in wishes.removed),
    )


def _whole(file: Path | None, chosen: int) -> Any:  # noqa: ANN401 -- any JSON value
    if file is None:
        return None
    if chosen != 1:
        raise MendingError(f"--file is one event, and {chosen} are chosen; give one id")
    try:
        found = json.loads(file.read_bytes())
    except OSError as error:
        raise MendingError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise MendingError(f"{file} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise MendingError(f"{file} holds no JSON object")
    return found


def _who() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a user without a name, in a container
        return f"{os.getuid()}@{socket.gethostname()}"


@contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    """A bar, once it takes longer than two seconds."""
    begun = time.monotonic()
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Sending", total=total, visible=False)

        def tell(done: int) -> None:
            late = time.monotonic() - begun > _PROGRESS_AFTER_SECONDS
            bar.update(task, completed=done, visible=late)

        yield tell


@contextmanager
def _mendable() -> Iterator[None]:
    """What a person can mend ends with one sentence and exit code 1."""
    with told():
        try:
            yield
        except (MendingError, ReplayError, RivalError) as error:
            sys.exit(f"allotment: {error}")
