"""The commands of `allotment schemas`: what authors of event schemas do with a repository."""

from __future__ import annotations

import json
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from allotment.settings import from_environ

if TYPE_CHECKING:
    from allotment.contract.repository_check import Report
    from allotment.contract.schemas import Schema

schemas_app = typer.Typer(help="Schema repositories.", no_args_is_help=True)

_SLOW_SECONDS: Final = 2.0

SchemasArgument = Annotated[
    list[Path] | None, typer.Argument(help="Schema repositories; default: the settings'.")
]


class Form(StrEnum):
    """How `allotment schemas check` tells what it found."""

    TEXT = "text"
    JSON = "json"


class Language(StrEnum):
    """In which `allotment schemas types` writes."""

    TYPESCRIPT = "typescript"
    PYTHON = "python"


UriArgument = Annotated[str, typer.Argument(help="/title/1.2.3 or /title/latest")]


def repositories(given: list[Path] | None = None) -> list[Path]:
    """The folders that the command line names, else the settings', else the shipped one."""
    from allotment.contract.schemas import shipped_repository

    return given or list(from_environ().schema_paths) or [shipped_repository()]


@schemas_app.command()
def materialize(folders: SchemasArgument = None) -> None:
    """Write the version that each current.yaml describes, its links, and nothing that stands."""
    from allotment.contract.materialize import MaterializeError
    from allotment.contract.repository_sources import materialize_repository

    try:
        written = materialize_repository(repositories(folders))
    except MaterializeError as error:
        sys.exit(f"allotment: {error}")
    for path in written:
        typer.echo(f"wrote {path}")


@schemas_app.command()
def check(
    folders: SchemasArgument = None,
    form: Annotated[Form, typer.Option("--format", help="How to tell what was found.")] = Form.TEXT,
) -> None:
    """Check every rule of schema repositories; exit 1 where one is broken.

    Several folders form one namespace. A rule that a repository's settings file leaves out for a
    schema is not told, only counted.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from allotment.contract.repository_check import check_repository

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("schemas", visible=False, total=None)
        started = time.monotonic()

        def show(done: int, of: int) -> None:
            slow = time.monotonic() - started > _SLOW_SECONDS
            progress.update(task, completed=done, total=of, visible=slow)

        report = check_repository(repositories(folders), show)
    if form is Form.JSON:
        typer.echo(json.dumps(_as_json(report), indent=2, ensure_ascii=False))
    else:
        for problem in report.problems:
            typer.echo(str(problem))
        typer.echo(_summary(report))
    raise typer.Exit(1 if report.problems else 0)


def _summary(report: Report) -> str:
    counted = f"{report.versions} versions of {report.titles} titles"
    found = f"{len(report.problems)} problems" if report.problems else "no problems"
    left_out = ", ".join(f"{rule} {times}" for rule, times in report.skipped.items())
    return f"{counted}: {found}" + (f"; left out by the settings: {left_out}" if left_out else "")


def _as_json(report: Report) -> dict[str, object]:
    return {
        "titles": report.titles,
        "versions": report.versions,
        "problems": [
            {"file": str(problem.path), "rule": problem.rule, "message": problem.message}
            for problem in report.problems
        ],
        "left_out": report.skipped,
    }


@schemas_app.command()
def show(uri: UriArgument) -> None:
    """Print one materialized schema as JSON."""
    typer.echo(json.dumps(_schema(uri).body, indent=2, ensure_ascii=False))


@schemas_app.command()
def diff(old: UriArgument, new: UriArgument) -> None:
    """Say what an old producer and an old consumer would feel; exit 1 where NEW breaks one.

    producer: an event that OLD takes is refused by NEW. consumer: NEW takes what OLD ruled out.
    A line that begins with ! needs a new major version.
    """
    from allotment.contract.compatibility import compare

    found = compare(_schema(old).body, _schema(new).body)
    for finding in found:
        typer.echo(f"{'!' if finding.breaks else ' '} {finding.side.value:<8}  {finding}")
    breaks = sum(finding.breaks for finding in found)
    typer.echo(f"{len(found)} differences, {breaks} of them break a user of {old}")
    raise typer.Exit(1 if breaks else 0)


@schemas_app.command()
def new(
    title: Annotated[str, typer.Argument(help="The new title, such as analytics/my/events.")],
    parent: Annotated[
        str, typer.Option("--from", help="What it includes: base, or a title or uri.")
    ] = "base",
    repository: Annotated[
        Path | None, typer.Option(help="Where; default: the first of the settings' folders.")
    ] = None,
) -> None:
    """Begin a schema: write the current.yaml of version 1.0.0.

    base is what every event has ($schema, meta, dt, http).
    """
    from allotment.contract.schema_files import SEMVER
    from allotment.contract.skeleton import BASE, SkeletonError, new_schema

    uri = f"{BASE}/latest" if parent == "base" else parent
    if not SEMVER.fullmatch(uri.rpartition("/")[2]) and not uri.endswith("/latest"):
        uri = f"{uri}/latest"
    root = repository or repositories()[0]
    try:
        typer.echo(f"wrote {new_schema(root, title, _schema(uri))}")
    except SkeletonError as error:
        sys.exit(f"allotment: {error}")


@schemas_app.command()
def types(
    uri: UriArgument,
    language: Annotated[Language, typer.Option(help="What to write.")] = Language.TYPESCRIPT,
) -> None:
    """Print the types of a schema's events, for authors of instruments."""
    from allotment.contract.type_source import python_types, typescript_types

    body = _schema(uri).body
    typer.echo(
        typescript_types(body) if language is Language.TYPESCRIPT else python_types(body), nl=False
    )


def _schema(uri: str) -> Schema:
    """The schema of a uri, whose version may be `latest`."""
    from allotment.contract.schemas import SchemaNotFoundError, SchemaRepository

    known = SchemaRepository(repositories())
    title, _, version = uri.strip("/").rpartition("/")
    try:
        return known.latest(title) if version == "latest" else known.load(uri)
    except SchemaNotFoundError as error:
        sys.exit(f"allotment: {error}")
