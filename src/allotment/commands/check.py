"""`allotment check`: the check on a running registry or on files, for people and for CI."""

from __future__ import annotations

import json
import os
import urllib.request
from datetime import UTC, datetime
from enum import StrEnum
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from allotment.settings import Settings, from_environ, noted_addresses, variable_name

if TYPE_CHECKING:
    from allotment.contract.check import MetricNeeds
    from allotment.contract.check.files import Lab

_TIMEOUT_SECONDS = 10.0
CANNOT_CHECK = 2


class CheckFormat(StrEnum):
    """How `allotment check` prints what it found."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


class FailOn(StrEnum):
    """From which severity on `allotment check` ends with 1."""

    ERROR = "error"
    WARNING = "warning"


class CannotCheckError(ValueError):
    """There is nothing to check, or it cannot be read; the message says what to do."""


def check(
    *,
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--files", help="Check these YAML or JSON files and folders, and no registry."
        ),
    ] = None,
    more: Annotated[
        list[Path] | None, typer.Argument(help="More files, after --files.", metavar="PATH")
    ] = None,
    previous: Annotated[
        list[Path] | None,
        typer.Option(help="Files of the configuration before, to tell what got lost."),
    ] = None,
    form: Annotated[CheckFormat, typer.Option("--format", help="What to print.")] = (
        CheckFormat.TEXT
    ),
    only: Annotated[list[str] | None, typer.Option(help="Apply this rule alone.")] = None,
    skip: Annotated[list[str] | None, typer.Option(help="Leave this rule out.")] = None,
    explain: Annotated[str | None, typer.Option(help="Say what a rule is for, and end.")] = None,
    fail_on: Annotated[FailOn, typer.Option(help="From what on to exit 1.")] = FailOn.ERROR,
    data: Annotated[
        Path | None, typer.Option("--data", help="Data folder of the lab to ask.")
    ] = None,
) -> None:
    """Check streams, schemas, instruments, experiments and metrics together.

    Exit 0: nothing found; 1: something to mend; 2: it cannot be checked.
    """
    from allotment.contract.check import (
        PLATFORMS,
        Limits,
        Scene,
        UnknownRuleError,
        check_scene,
        named_rule,
        worst,
    )
    from allotment.contract.check.files import FilesError, read_lab
    from allotment.contract.check.rendering import explain as explain_rule
    from allotment.contract.check.rendering import to_json, to_sarif, to_text
    from allotment.contract.schemas import SchemaRepository, shipped_repository

    try:
        if explain is not None:
            typer.echo(explain_rule(named_rule(explain)), nl=False)
            return
        settings = _settings(data)
        paths = [*(files or ()), *(more or ())]
        lab = read_lab(paths) if paths else _of_registry(settings.registry_url)
        scene = Scene(
            lab.configuration,
            SchemaRepository(list(settings.schema_paths) or [shipped_repository()]),
            datetime.now(UTC),
            metrics=(*(lab.metrics or ()), *_catalogue()),
            platforms=PLATFORMS,
            previous=read_lab(previous).configuration if previous else None,
            observations=lab.observations,
            limits=lab.limits or Limits(),
            allow_lists=lab.allow_lists,
            constraints=lab.constraints,
            edge_enrolls=lab.edge_enrolls,
        )
        findings = check_scene(scene, only=only or (), skip=skip or ())
    except (FilesError, UnknownRuleError, CannotCheckError) as error:
        typer.echo(f"allotment: {error}", err=True)
        raise typer.Exit(CANNOT_CHECK) from error
    if form is CheckFormat.JSON:
        typer.echo(to_json(findings, scene.configuration), nl=False)
    elif form is CheckFormat.SARIF:
        typer.echo(to_sarif(findings), nl=False)
    else:
        typer.echo(to_text(findings, scene.configuration), nl=False)
    highest = worst(findings)
    least = {FailOn.ERROR: 2, FailOn.WARNING: 1}[fail_on]
    raise typer.Exit(1 if highest is not None and highest.weight >= least else 0)


def _settings(data: Path | None) -> Settings:
    environ = {**os.environ, **({variable_name("data"): str(data)} if data else {})}
    settings = from_environ(environ)
    noted = noted_addresses(settings.data)
    return from_environ({**noted, **environ}) if noted else settings


def _catalogue() -> tuple[MetricNeeds, ...]:
    """What the metrics of the catalogue read."""
    from allotment.analysis.metrics import METRICS
    from allotment.contract.check import MetricNeeds

    return tuple(
        MetricNeeds(m.name, ("action",), (m.numerator_action, m.denominator_action))
        for m in METRICS
    )


def _of_registry(url: str) -> Lab:
    """What a running registry serves.

    Raises:
        CannotCheckError: it does not answer, or with something else.
    """
    from allotment.contract.check import configuration_of
    from allotment.contract.check.files import Lab

    return Lab(
        configuration_of(
            _fetch(f"{url}/w/api.php?action=streamconfigs&format=json"),
            _fetch(f"{url}/api/v1/instruments"),
            _fetch(f"{url}/api/v1/experiments"),
        )
    )


def _fetch(url: str) -> Any:  # noqa: ANN401 - any JSON
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - http by settings
            return json.loads(answer.read())
    except (OSError, ValueError, HTTPException) as error:
        raise CannotCheckError(
            f"{url} gives nothing to check: {error}. Start the registry, or give files by --files"
        ) from error
