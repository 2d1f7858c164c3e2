"""What the commands of `allotment rejected` do."""

from __future__ import annotations

import getpass
import json
import os
import re
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.progress import Progress

from allotment.commands.rejected import Filters, Wishes
from allotment.commands.rejected_hints import hint
from allotment.contract.masking import Masker
from allotment.contract.mending import Change, MendingError, parse_change, parse_path
from allotment.lake.catalog import open_catalog
from allotment.lake.rejected import Rejection, Search, as_dict, count, find, shortest_prefixes
from allotment.lake.rendering import to_json
from allotment.lake.replays import RivalError, State, recorded
from allotment.lake.waiting import WaitingError
from allotment.replay.letters import Mend, ReplayError
from allotment.replay.replaying import Fate, Lab, Report, replay
from allotment.settings import Settings, from_environ, noted_addresses

_AGO: Final = re.compile(r"(\d{1,6})([mhd])", re.ASCII)
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_PROGRESS_AFTER_SECONDS: Final = 2.0
_LONGEST_ERROR: Final = 100


def print_list(data: Path | None, filters: Filters, limit: int, *, as_json: bool) -> None:
    """The newest rejected events."""
    settings = _settings(data)
    search = _search(settings, filters)
    with _told():
        found, total = find(settings.lake_dir, settings.journal_dir, search, limit)
        states = _states(settings)
    if as_json:
        typer.echo(to_json([{**as_dict(r), "replay": states.get(r.id or "")} for r in found]))
        return
    length = shortest_prefixes(found)
    for one in found:
        error = one.errors[0][:_LONGEST_ERROR] if one.errors else ""
        parts = [
            (one.id or "-")[:length].ljust(length),
            _time(one.received),
            one.reason,
            one.stream or "-",
            "/".join(filter(None, (one.sdk, one.sdk_version))) or "-",
            *(["(replayed)"] if states.get(one.id or "") is State.DONE else []),
            error,
        ]
        typer.echo("  ".join(parts).replace("\n", " "))
    more = f"; --limit {total} shows all" if total > len(found) else ""
    typer.echo(f"{len(found)} of {total} rejected events{more}")


def print_counts(data: Path | None, filters: Filters, by: str, *, as_json: bool) -> None:
    """How many there are, by something."""
    settings = _settings(data)
    with _told():
        rows = count(settings.lake_dir, settings.journal_dir, _search(settings, filters), by)
    if as_json:
        names = (by, "events", "first", "last")
        typer.echo(to_json([dict(zip(names, row, strict=True)) for row in rows]))
        return
    width = max([len(str(events)) for _, events, _, _ in rows], default=1)
    for what, events, first, last in rows:
        typer.echo(f"{events:>{width}}  {what or '-'}  {_time(first)} … {_time(last)}")
    typer.echo(f"{sum(row[1] for row in rows)} rejected events")


def print_one(data: Path | None, identifier: str) -> None:
    """All that is kept of one."""
    settings = _settings(data)
    with _told():
        one = _only(settings, identifier)
        state = _states(settings).get(one.id or "")
    for name, value in as_dict(one).items():
        if value is not None and name not in {"errors", "raw"}:
            typer.echo(f"{name:<12} {_time(value) if isinstance(value, datetime) else value}")
    if state is not None:
        typer.echo(f"{'replay':<12} {state.value}")
    typer.echo("errors")
    for error in one.errors:
        typer.echo(f"  {error}")
    typer.echo("raw")
    for line in _pretty(one.raw).splitlines():
        typer.echo(f"  {line}")
    typer.echo(f"\n{hint(one.reason)}")


def send_again(
    data: Path | None, identifiers: tuple[str, ...], filters: Filters, wishes: Wishes
) -> int:
    """Replay; the exit code."""
    settings = _settings(data)
    search = _search(settings, filters)
    if not identifiers and search == Search():
        sys.exit("allotment: name rejected events by their ids, or by filters such as --reason")
    with _told():
        chosen = [_only(settings, name) for name in identifiers]
        if not identifiers:
            states = _states(settings)
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


def _search(settings: Settings, filters: Filters) -> Search:
    texts: tuple[str, ...] = ()
    if filters.text:
        texts = (filters.text,)
        if settings.masking_key.exists():
            masker = Masker(settings.masking_key.read_bytes())
            texts = (filters.text, masker.mask(filters.text))
    return Search(
        stream=filters.stream,
        schema=filters.schema,
        reason=filters.reason,
        sdk=filters.sdk,
        since=_moment("--since", filters.since),
        until=_moment("--until", filters.until),
        texts=texts,
    )


def _moment(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    if ago := _AGO.fullmatch(text):
        return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        sys.exit(f"allotment: {option} is {text!r}; write 2026-11-22T10:00 (UTC), or 2h for ago")
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _only(settings: Settings, identifier: str) -> Rejection:
    """The rejection whose id begins so."""
    search = Search(identifiers=(identifier,))
    found, total = find(settings.lake_dir, settings.journal_dir, search, 5)
    if not found:
        sys.exit(f"allotment: no rejected event has an id that begins with {identifier!r}")
    if total > 1:
        names = ", ".join(r.id or "" for r in found)
        sys.exit(f"allotment: {total} ids begin with {identifier!r}: {names}")
    return found[0]


def _states(settings: Settings) -> dict[str, State]:
    with closing(open_catalog(settings.lake_dir)) as catalog:
        return dict(recorded(catalog))


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


def _pretty(raw: str) -> str:
    try:
        return json.dumps(json.loads(raw), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return raw


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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
def _told() -> Iterator[None]:
    """What a person can mend ends with one sentence and exit code 1."""
    try:
        yield
    except (MendingError, ReplayError, RivalError, WaitingError) as error:
        sys.exit(f"allotment: {error}")


def _settings(data: Path | None) -> Settings:
    """The settings, with the addresses of the lab that runs on the folder."""
    given = {**os.environ, **({"ALLOTMENT_DATA": str(data)} if data else {})}
    noted = noted_addresses(from_environ(given).data)
    return from_environ({**noted, **given})
