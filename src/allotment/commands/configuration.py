"""`allotment export`, `plan` and `apply`: configuration as reviewed files, in git say."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from allotment.settings import from_environ, noted_addresses

if TYPE_CHECKING:
    from allotment.commands.configuration_files import Filed, Key
    from allotment.commands.management import Management

REFUSED: Final = 1
CHANGES: Final = 2
_ARCHIVED: Final = "archived"

Folder = Annotated[Path, typer.Argument(help="Folder of the files.", metavar="DIR")]
Registry = Annotated[
    str | None,
    typer.Option(help="Address of the registry. [ALLOTMENT_REGISTRY_URL, or that of this machine]"),
]
TokenFile = Annotated[
    Path | None, typer.Option(help="File that holds the API token. [else: ALLOTMENT_TOKEN]")
]
Prune = Annotated[
    bool,
    typer.Option(
        "--prune",
        help="Archive items and remove sites, teams and exceptions that no file holds; what is "
        "switched on is never touched.",
    ),
]
Meant = Annotated[
    bool,
    typer.Option("--meant", help="Blocks that streams' settings lose are taken away on purpose."),
]


class PlanFormat(StrEnum):
    """How `allotment plan` prints."""

    TEXT = "text"
    JSON = "json"


def export(
    folder: Folder,
    *,
    registry: Registry = None,
    token_file: TokenFile = None,
    archived: Annotated[bool, typer.Option("--archived", help="Archived items too.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove files of what the registry no longer has.")
    ] = False,
) -> None:
    """Write the registry's configuration into files, one for each thing.

    A file that says the same already is left as it is. States, people and tokens are not exported.
    """
    from allotment.commands.configuration_files import write_folder

    with _told():
        entries = _ask(registry, token_file).get("/configuration")["entries"]
        broken = [entry for entry in entries if entry["document"] is None]
        things = [
            (entry["kind"], entry["name"], entry["document"])
            for entry in entries
            if entry["document"] is not None and (archived or entry["state"] != _ARCHIVED)
        ]
        done = write_folder(folder, things)
        for path in done.written:
            typer.echo(f"wrote {path}")
        there = {(entry["kind"], entry["name"]) for entry in entries}
        for filed in done.stale:
            if filed.key in there:
                continue  # archived, and kept as a file
            if prune:
                Path(filed.origin.file).unlink(missing_ok=True)
                typer.echo(f"removed {filed.origin.file}")
            else:
                typer.echo(f"{filed.origin.file} is of nothing in the registry; --prune removes it")
        typer.echo(f"{len(done.written)} files written, {done.kept} said the same.")
        for entry in broken:
            typer.echo(f"allotment: {entry['kind']} {entry['name']}: {entry['fault']}", err=True)
    if broken:
        raise typer.Exit(REFUSED)


def plan(
    folder: Folder,
    *,
    registry: Registry = None,
    token_file: TokenFile = None,
    prune: Prune = False,
    meant: Meant = False,
    out: Annotated[
        Path | None, typer.Option(help="Keep the plan in this file, for apply --plan.")
    ] = None,
    form: Annotated[PlanFormat, typer.Option("--format", help="What to print.")] = PlanFormat.TEXT,
) -> None:
    """Say what the files would change in the registry, and store nothing.

    A token with the scope read is enough. Exit 0: no change; 2: changes; 1: refused, or it cannot
    be told.
    """
    from allotment.commands import configuration_report

    with _told():
        asked = _ask(registry, token_file)
        wanted = _wanted(asked, folder, prune=prune, meant=meant)
        outcomes = _tried(asked, wanted.request)
        if out is not None:
            out.write_text(json.dumps(wanted.request, ensure_ascii=False, indent=1) + "\n", "utf-8")
    if form is PlanFormat.JSON:
        absent = [_named(thing) for thing in wanted.absent]
        document = {"entries": outcomes, "absent": absent}
        typer.echo(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        for line in configuration_report.absent(wanted.absent, prune=prune):
            typer.echo(line)
        for line in configuration_report.lines(outcomes, wanted.files, stored=False):
            typer.echo(line)
    done = {outcome["done"] for outcome in outcomes}
    raise typer.Exit(REFUSED if "refused" in done else CHANGES if done - {"same"} else 0)


def apply(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of the files.", metavar="DIR")
    ] = None,
    *,
    registry: Registry = None,
    token_file: TokenFile = None,
    planned: Annotated[
        Path | None,
        typer.Option("--plan", help="Apply this plan of `plan --out`, if nothing came between."),
    ] = None,
    prune: Prune = False,
    meant: Meant = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --prune.")] = False,
    reason: Annotated[str, typer.Option(help="One sentence for the history: why.")] = "",
) -> None:
    """Make the registry hold what the files say: all of it, or nothing.

    A change that somebody else makes meanwhile is never overwritten: then nothing is applied.
    Exit 0: applied, or nothing to do; 1: refused.
    """
    from allotment.commands import configuration_report

    with _told():
        if (folder is None) == (planned is None):
            raise typer.BadParameter("give either DIR or --plan FILE")
        asked = _ask(registry, token_file)
        if planned is not None:
            wanted = Wanted(_kept_plan(planned), {}, [])
        elif folder is not None:
            wanted = _wanted(asked, folder, prune=prune, meant=meant)
        wanted.request["reason"] = reason or wanted.request.get("reason", "")
        outcomes = _tried(asked, wanted.request)
        done = {outcome["done"] for outcome in outcomes}
        hindered = "refused" in done or any(outcome["forbidden"] for outcome in outcomes)
        shown = configuration_report.lines(outcomes, wanted.files, stored=not hindered)
        if hindered:
            for line in shown:
                typer.echo(line)
            raise typer.Exit(REFUSED)
        if done - {"same"}:
            _consent(outcomes, yes=yes)
            asked.post("/configuration/apply", wanted.request)
    for line in shown:
        typer.echo(line)


@dataclass(frozen=True)
class Wanted:
    """The request that makes a registry hold what files say, and what only the registry has."""

    request: dict[str, Any]
    files: Mapping[Key, Filed]
    absent: list[dict[str, Any]]


def _wanted(asked: Management, folder: Path, *, prune: bool, meant: bool) -> Wanted:
    """What differs, with the versions that were read: only that is asked for."""
    from allotment.commands.configuration_files import read_folder

    files = read_folder(folder)
    there = {(e["kind"], e["name"]): e for e in asked.get("/configuration")["entries"]}
    entries: list[dict[str, Any]] = []
    for key, filed in files.items():
        stored = there.get(key)
        if stored is not None and stored["document"] == filed.document:
            continue
        entry = {"kind": filed.kind, "name": filed.name, "document": filed.document}
        entries.append({**entry, "version": stored["version"] if stored else "", "meant": meant})
    absent = [e for key, e in there.items() if key not in files and e["state"] != _ARCHIVED]
    if prune:
        entries += [{**_named(e), "document": None} for e in absent if e["removable"]]
    return Wanted({"entries": entries}, files, absent)


def _named(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in ("kind", "name", "version")}


def _tried(asked: Management, request: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = asked.post("/configuration/plan", request)["entries"]
    return found


def _kept_plan(path: Path) -> dict[str, Any]:
    from allotment.commands.management import ManagementError

    try:
        found = json.loads(path.read_text("utf-8"))
        list(found["entries"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ManagementError(
            f"{path} is no plan: {error}. Make one by `allotment plan DIR --out {path}`"
        ) from error
    kept: dict[str, Any] = found
    return kept


def _consent(outcomes: list[dict[str, Any]], *, yes: bool) -> None:
    """Nobody loses a thing that they did not mean to take away.

    Raises:
        ManagementError: nobody can be asked.
        Abort: somebody said no.
    """
    from allotment.commands.management import ManagementError

    gone = [f"{o['kind']} {o['name']}" for o in outcomes if o["done"] == "removed"]
    if not gone or yes:
        return
    if not sys.stdin.isatty():
        raise ManagementError(
            f"--prune would take away {', '.join(gone)}; say --yes if it is meant"
        )
    typer.confirm(f"Take away {', '.join(gone)}?", abort=True)


def _ask(registry: str | None, token_file: Path | None) -> Management:
    from allotment.commands.management import TOKEN_VARIABLE, Management, read_token

    settings = from_environ()
    if noted := noted_addresses(settings.data):
        settings = from_environ({**noted, **os.environ})
    token = read_token(token_file, os.environ.get(TOKEN_VARIABLE))
    return Management(registry or settings.registry_url, token)


@contextmanager
def _told() -> Iterator[None]:
    """What a person can mend ends with sentences and exit code 1."""
    from allotment.commands.management import ManagementError
    from allotment.contract.check.reading import FilesError

    try:
        yield
    except (ManagementError, FilesError, OSError) as error:
        typer.echo(f"allotment: {error}", err=True)
        raise typer.Exit(REFUSED) from error
