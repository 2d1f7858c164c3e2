"""What `allotment rejected replay` does."""

from __future__ import annotations

import getpass
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.progress import Progress

from allotment.commands.rejected import Filters, Wishes
from allotment.commands.rejected_answers import only_one, search_of, settings_of, states_of, told
from allotment.contract.mending import Change, MendingError, parse_change, parse_path
from allotment.lake.rejected import Rejection, Search, find
from allotment.lake.replays import RivalError, State
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
        chosen = [only_one(settings, name) for name in identifiers]
        if not identifiers:
            states = states_of(settings)
            found, _ = find(settings.lake_dir, settings.journal_dir, search)
            chosen = [r for r in found if r.id and states.get(r.id) is not State.DONE]
        mend = Mend(changes=_changes(wishes), whole=_whole(wishes.file, chosen))
        if not chosen:
            typer.echo("no rejected event to send")
            return 0
        if not identifiers and not wishes.dry_run and not wishes.yes:
            typer.confirm(f"Send {len(chosen)} rejected events again?", abort=True)
        lab = Lab(
            lake_dir=settings.lake_dir,
            journal_dir=settings.journal_dir,
            schema_paths=settings.schema_paths,
            intake_url=settings.intake_url,
            masking_key=settings.masking_key,
        )
        with _progress() as progress:
            report = replay(
                lab, chosen, mend, who=_who(), dry_run=wishes.dry_run, progress=progress
            )
    _print_report(report)
    return 1 if report.trouble or report.of(Fate.REFUSED, Fate.UNKNOWN) else 0


def _print_report(report: Report) -> None:
    for name, (fate, why) in report.fates.items():
        typer.echo(f"{name}  {fate.value}{': ' if why else ''}{why}")
    counted = [f"{len(names)} {fate.value}" for fate in Fate if (names := report.of(fate))]
    typer.echo(", ".join(counted) or "nothing was sent")
    if report.trouble:
        typer.echo(
            f"{report.trouble}. Run the command again: it looks first for what has arrived.",
            err=True,
        )


def _changes(wishes: Wishes) -> tuple[Change, ...]:
    return (
        *(parse_change(text) for text in wishes.changes),
        *(Change(parse_path(text)) for text in wishes.removed),
    )


def _whole(file: Path | None, chosen: list[Rejection]) -> Any:  # noqa: ANN401 -- any JSON value
    if file is None:
        return None
    if len(chosen) != 1:
        raise MendingError(f"--file is one event, and {len(chosen)} are chosen; give one id")
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
def _progress() -> Iterator[Callable[[int, int], None]]:
    """A bar, once it takes longer than two seconds."""
    begun = time.monotonic()
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("Sending", total=None, visible=False)

        def tell(done: int, all_: int) -> None:
            late = time.monotonic() - begun > _PROGRESS_AFTER_SECONDS
            bar.update(task, completed=done, total=all_, visible=late)

        yield tell


@contextmanager
def _mendable() -> Iterator[None]:
    """What a person can mend ends with one sentence and exit code 1."""
    with told():
        try:
            yield
        except (MendingError, ReplayError, RivalError) as error:
            sys.exit(f"allotment: {error}")
