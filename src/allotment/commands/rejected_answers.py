"""What the commands of `allotment rejected` that only look do."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import typer

from allotment.commands.rejected import Filters
from allotment.commands.rejected_hints import hint
from allotment.contract.masking import Masker
from allotment.lake.rejected import Rejection, Search, as_dict, count, find, shortest_prefixes
from allotment.lake.rendering import printable, to_json
from allotment.lake.replays import State, recorded
from allotment.lake.waiting import WaitingError
from allotment.settings import Settings, from_environ, noted_addresses

_AGO: Final = re.compile(r"(\d{1,6})([mhd])", re.ASCII)
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_LONGEST_ERROR: Final = 100
_LONGEST_NAME: Final = 60


def print_list(data: Path | None, filters: Filters, limit: int, *, as_json: bool) -> None:
    """The newest rejected events."""
    settings = settings_of(data)
    search = search_of(settings, filters)
    with told():
        found, total = find(settings.lake_dir, settings.journal_dir, search, limit)
        states = states_of(settings, found)
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
            _short(one.stream or "-"),
            "/".join(filter(None, (one.sdk, one.sdk_version))) or "-",
            *(["(replayed)"] if states.get(one.id or "") is State.DONE else []),
            *([f"({one.events} events)"] if one.events is not None else []),
            error.replace("\n", " "),
        ]
        typer.echo(printable("  ".join(parts)))
    more = f"; --limit {total} shows all" if total > len(found) else ""
    typer.echo(f"{len(found)} of {total} rejected events{more}")


def print_counts(data: Path | None, filters: Filters, by: str, *, as_json: bool) -> None:
    """How many there are, by something."""
    settings = settings_of(data)
    with told():
        rows = count(settings.lake_dir, settings.journal_dir, search_of(settings, filters), by)
    if as_json:
        names = (by, "events", "first", "last")
        typer.echo(to_json([dict(zip(names, row, strict=True)) for row in rows]))
        return
    width = max([len(str(events)) for _, events, _, _ in rows], default=1)
    for what, events, first, last in rows:
        typer.echo(f"{events:>{width}}  {printable(what or '-')}  {_time(first)} … {_time(last)}")
    typer.echo(f"{sum(row[1] for row in rows)} rejected events")


def print_one(data: Path | None, identifier: str) -> None:
    """All that is kept of one."""
    settings = settings_of(data)
    with told():
        one = only_one(settings, identifier)
        state = states_of(settings, [one]).get(one.id or "")
    for name, value in as_dict(one).items():
        if value is not None and name not in {"errors", "raw"}:
            shown = _time(value) if isinstance(value, datetime) else printable(str(value))
            typer.echo(f"{name:<12} {shown}")
    if state is not None:
        typer.echo(f"{'replay':<12} {state.value}")
    typer.echo("errors")
    for error in one.errors:
        typer.echo(f"  {printable(error)}")
    typer.echo("raw")
    for line in _pretty(one.raw).split("\n"):
        typer.echo(f"  {printable(line)}")
    typer.echo(f"\n{hint(one.reason)}")


def search_of(settings: Settings, filters: Filters) -> Search:
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


def only_one(settings: Settings, identifier: str) -> Rejection:
    """The rejection whose id begins so."""
    search = Search(identifiers=(identifier,))
    found, total = find(settings.lake_dir, settings.journal_dir, search, 5)
    if not found:
        sys.exit(f"allotment: no rejected event has an id that begins with {identifier!r}")
    if total > 1:
        names = ", ".join(r.id or "" for r in found)
        sys.exit(f"allotment: {total} ids begin with {identifier!r}: {names}")
    return found[0]


def states_of(settings: Settings, rejections: Sequence[Rejection]) -> dict[str, State]:
    """How far the replays of these are, by rejection."""
    names = [one.id for one in rejections if one.id]
    return {name: one.state for name, one in recorded(settings.lake_dir, names).items()}


def _pretty(raw: str) -> str:
    try:
        return json.dumps(json.loads(raw), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return raw


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}…"


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def told() -> Iterator[None]:
    """What a person can mend ends with one sentence and exit code 1."""
    try:
        yield
    except WaitingError as error:
        sys.exit(f"allotment: {error}")


def settings_of(data: Path | None) -> Settings:
    """The settings, with the addresses of the lab that runs on the folder."""
    given = {**os.environ, **({"ALLOTMENT_DATA": str(data)} if data else {})}
    noted = noted_addresses(from_environ(given).data)
    return from_environ({**noted, **given})
