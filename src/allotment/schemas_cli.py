"""The commands of `allotment schemas`: what authors of event schemas do with a repository."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from allotment.contract.compatibility import compare
from allotment.contract.repository_check import check_repository, materialize_repository
from allotment.contract.schemas import (
    Schema,
    SchemaNotFoundError,
    SchemaRepository,
    shipped_repository,
)
from allotment.settings import from_environ

schemas_app = typer.Typer(help="Schema repositories.", no_args_is_help=True)

SchemasArgument = Annotated[
    list[Path] | None, typer.Argument(help="Schema repositories; default: the settings'.")
]
UriArgument = Annotated[str, typer.Argument(help="/title/1.2.3 or /title/latest")]


def repositories(given: list[Path] | None = None) -> list[Path]:
    """The folders that the command line names, else the settings', else the shipped one."""
    return given or list(from_environ().schema_paths) or [shipped_repository()]


@schemas_app.command()
def materialize(folders: SchemasArgument = None) -> None:
    """Write the version that each current.yaml describes, its links, and nothing that stands."""
    for path in materialize_repository(repositories(folders)):
        typer.echo(f"wrote {path}")


@schemas_app.command()
def check(folders: SchemasArgument = None) -> None:
    """Check every rule of a schema repository; exit 1 where one is broken."""
    problems = check_repository(repositories(folders))
    for problem in problems:
        typer.echo(str(problem))
    typer.echo(f"{len(problems)} problems" if problems else "no problems")
    raise typer.Exit(1 if problems else 0)


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
    found = compare(_schema(old).body, _schema(new).body)
    for finding in found:
        typer.echo(f"{'!' if finding.breaks else ' '} {finding.side.value:<8}  {finding}")
    breaks = sum(finding.breaks for finding in found)
    typer.echo(f"{len(found)} differences, {breaks} of them break a user of {old}")
    raise typer.Exit(1 if breaks else 0)


def _schema(uri: str) -> Schema:
    """The schema of a uri, whose version may be `latest`."""
    known = SchemaRepository(repositories())
    title, _, version = uri.strip("/").rpartition("/")
    try:
        return known.latest(title) if version == "latest" else known.load(uri)
    except SchemaNotFoundError as error:
        sys.exit(f"allotment: {error}")
