"""`allotment audit`: prove that nobody touched the audit log, and copy it out."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from allotment.settings import from_environ, variable_name

audit_app = typer.Typer(
    help="The registry's audit log: verify its chain, copy it out.", no_args_is_help=True
)
DataOption = Annotated[
    Path | None, typer.Option("--data", help="Data folder. [ALLOTMENT_DATA; default ./var]")
]


@audit_app.callback()
def _audit() -> None:
    """Commands of the audit log."""


def _configure(data: Path | None) -> None:
    from allotment.registry.bootstrap import configure

    given = dict(os.environ) | ({} if data is None else {variable_name("data"): str(data)})
    settings = from_environ(given)
    if not settings.registry_dir.is_dir():
        sys.exit(f"allotment: there is no registry in {settings.data}; name its folder by --data")
    configure(settings)


@audit_app.command()
def verify(
    data: DataOption = None,
    head: Annotated[
        str, typer.Option(help="A head that was noted before, as NUMBER:HASH; must still be there.")
    ] = "",
) -> None:
    """Compute every hash anew; exit code 1 and the first broken row where one was touched."""
    number, _, digest = head.partition(":")
    if head and not (number.isdigit() and digest):
        sys.exit(f"allotment: --head is {head!r}; give NUMBER:HASH as verify prints it")
    _configure(data)
    from allotment.registry import audit

    found = audit.verify(noted=(int(number), digest) if head else None)
    if found.broken is not None:
        sys.exit(f"allotment: row {found.broken} of the audit log is broken: {found.fault}")
    typer.echo(f"{found.rows} entries, none touched. Head {found.rows}:{found.head}")


@audit_app.command()
def export(data: DataOption = None) -> None:
    """Write the whole log to standard output as JSON lines, oldest first."""
    _configure(data)
    from allotment.registry import audit
    from allotment.registry.models import AuditEntry

    last = audit.record("export-audit-log", kind="audit", who="the command line").number
    rows = AuditEntry.objects.filter(number__lt=last).order_by("number")
    for entry in rows.iterator(chunk_size=1000):
        typer.echo(audit.as_json(entry))
