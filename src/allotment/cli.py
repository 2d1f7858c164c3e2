"""The `allotment` command: each part alone, the whole lab with `up`, and tools for people."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

try:
    import typer
except ModuleNotFoundError as missing:  # a bare `pip install allotment` is the SDK alone
    sys.exit(
        f"The allotment command needs {missing.name}: pip install 'allotment[server]' "
        "(the SDK alone has no command line)"
    )

from allotment.commands.audit import audit_app
from allotment.commands.check import check
from allotment.commands.configuration import apply, export, plan
from allotment.commands.rejected import rejected_app
from allotment.commands.schemas import schemas_app
from allotment.settings import (
    Settings,
    SettingsError,
    from_environ,
    noted_addresses,
    variable_name,
)

app = typer.Typer(
    help="Allotment, a self-hosted experimentation lab.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
app.add_typer(audit_app, name="audit")
app.add_typer(schemas_app, name="schemas")
app.add_typer(rejected_app, name="rejected")
app.command(name="check")(check)
app.command(name="export")(export)
app.command(name="plan")(plan)
app.command(name="apply")(apply)

_SERVICES: Final = frozenset({"registry", "intake", "sink", "analyst", "demo"})
DataOption = Annotated[
    Path | None, typer.Option("--data", help="Data folder. [ALLOTMENT_DATA; default ./var]")
]


class SqlFormat(StrEnum):
    """How `allotment sql` prints an answer."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class ReportFormat(StrEnum):
    """How `allotment analyze` and `allotment ledger` print."""

    TEXT = "text"
    JSON = "json"


def main() -> None:
    """Run the command line. What a person can mend ends with one sentence and exit code 1."""
    try:
        app()
    except SettingsError as error:
        sys.exit(f"allotment: {error}")


@app.callback()
def _started(
    context: typer.Context,
    parent: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    # The log of a service is read afterwards; a person who runs a command wants its answer alone.
    level = logging.INFO if context.invoked_subcommand in _SERVICES else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("pyiceberg").setLevel(logging.WARNING)
    if parent is not None:
        from allotment.supervisor import end_with_parent

        end_with_parent(parent)


@app.command()
def up(
    data: DataOption = None,
    registry_port: Annotated[
        int | None,
        typer.Option(
            help="Port of the registry's pages and API. [default 8000]", show_default=False
        ),
    ] = None,
    intake_port: Annotated[
        int | None,
        typer.Option(help="Port of the event intake. [default 8192]", show_default=False),
    ] = None,
    demo_port: Annotated[
        int | None, typer.Option(help="Port of the demo wiki. [default 8001]", show_default=False)
    ] = None,
    empty: Annotated[
        bool, typer.Option("--empty", help="No demo experiment and no synthetic readers.")
    ] = False,
    dev_login: Annotated[
        bool, typer.Option("--dev-login", help="Log in without a password; local work only.")
    ] = False,
) -> None:
    """Run the whole lab with its demo wiki; Ctrl-C stops it."""
    from rich.console import Console

    from allotment.up import UpError
    from allotment.up import up as run_up

    settings = _settings(
        data=data,
        registry_port=registry_port,
        intake_port=intake_port,
        demo_port=demo_port,
        dev_login="yes" if dev_login else None,
    )
    try:
        run_up(settings, Console(stderr=False), empty=empty)
    except UpError as error:
        sys.exit(f"allotment: {error}")


@app.command()
def registry(data: DataOption = None) -> None:
    """Run the registry: pages, public API."""
    from allotment.registry.server import serve

    serve(_settings(data=data))


@app.command()
def intake(data: DataOption = None) -> None:
    """Run the event intake."""
    from allotment.intake.app import MaskingKeyError
    from allotment.intake.server import AddressError, serve
    from allotment.intake.workers import WorkersFailedError
    from allotment.journal.protocol import JournalUnavailableError

    try:
        serve(_settings(data=data))
    except (
        AddressError,
        JournalUnavailableError,
        MaskingKeyError,
        WorkersFailedError,
    ) as error:
        sys.exit(f"allotment: {error}")


@app.command()
def sink(data: DataOption = None) -> None:
    """Run the sink, from the journal to the lake."""
    from allotment.lake.offsets import LakeFormatError
    from allotment.lake.sink import SinkLimits, open_sink

    settings = _settings(data=data)
    limits = SinkLimits(
        seconds=settings.sink_seconds,
        sealed_days=settings.sealed_days,
        duplicate_seconds=settings.duplicate_seconds,
        duplicate_ids=settings.duplicate_ids,
    )
    try:
        with open_sink(
            settings.journal_dir, settings.lake_dir, settings.schema_paths, limits
        ) as moving:
            moving.run(_stop_event())
    except LakeFormatError as error:
        sys.exit(f"allotment: {error}")


@app.command()
def analyst(data: DataOption = None) -> None:
    """Run the analyst: results, whenever events change."""
    from allotment.analysis.analyst import Analyst

    settings = _settings(data=data)
    Analyst(
        settings.lake_dir,
        settings.registry_url,
        settings.cache_dir,
        journal_dir=settings.journal_dir,
    ).run(_stop_event())


@app.command()
def demo(data: DataOption = None) -> None:
    """Run the demo wiki."""
    from allotment_demo.server import serve

    serve(_settings(data=data))


@app.command(hidden=True)
def prepare(
    data: DataOption = None,
    empty: Annotated[bool, typer.Option("--empty")] = False,
) -> None:
    """Migrate the registry's database; print the first admin's password as JSON."""
    from allotment.registry.bootstrap import prepare as run_prepare

    password = run_prepare(_settings(data=data))
    if not empty:
        from allotment.registry.seeding import seed_demo

        seed_demo()
    typer.echo(json.dumps({"password": password}))


@app.command()
def password(
    account: Annotated[str, typer.Argument(help="The account's name.")] = "admin",
    data: DataOption = None,
) -> None:
    """Give an account a new one-time password, and print it."""
    from allotment.registry.bootstrap import UnknownAccountError, reset_password

    try:
        typer.echo(reset_password(_settings(data=data), account))
    except UnknownAccountError as error:
        sys.exit(f"allotment: {error}")


@app.command(name="allocate")
def allocate_command(
    config: Annotated[
        Path, typer.Option(help="One experiment in the public API's shape, as a JSON file.")
    ],
    subject: Annotated[str, typer.Option(help="The subject's id.")],
    site: Annotated[str | None, typer.Option(help="The site, where rates differ by site.")] = None,
    at: Annotated[str | None, typer.Option(help="The time to ask about. Default: now.")] = None,
    mpo: Annotated[str, typer.Option(help="Forced groups: experiment:group;…")] = "",
    attributes: Annotated[
        str, typer.Option(help='What targeting looks at, as JSON: {"page_id": 7}.')
    ] = "{}",
    subject_key: Annotated[
        Path | None,
        typer.Option(help="A file with the site's secret, to show the keyed subject id."),
    ] = None,
) -> None:
    """Say which group the law gives a subject, and why."""
    from allotment.allocation import (
        ConfigError,
        allocate,
        keyed_subject_id,
        parse_experiment,
        parse_overrides,
        parse_time,
    )

    try:
        known = json.loads(attributes)
    except ValueError:
        known = None
    if not isinstance(known, dict):
        sys.exit(f"allotment: --attributes is {attributes!r}; give a JSON object")
    try:
        found = allocate(
            parse_experiment(_json_of(config)),
            subject,
            site=site,
            now=parse_time("allocate", "--at", at),
            overrides=parse_overrides(mpo),
            attributes=known,
        )
    except ConfigError as error:
        sys.exit(f"allotment: {error}")
    shown = found.subject_id
    if subject_key is not None:
        keyed = keyed_subject_id(_key_in(subject_key), subject, found.experiment)
        # A forced group has no subject, with a key or without.
        shown = shown if found.reason == "overridden" else keyed
    typer.echo(
        json.dumps(
            {
                "experiment": found.experiment,
                "subject_id": shown,
                "enrolled": found.enrolled,
                "group": found.group,
                "reason": found.reason,
            },
            ensure_ascii=False,
        )
    )


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One SELECT, in DuckDB's SQL.")],
    data: DataOption = None,
    form: Annotated[SqlFormat, typer.Option("--format")] = SqlFormat.TABLE,
) -> None:
    """Ask the lake in SQL.

    Tables: event.product_metrics_web_base, event.product_metrics_app_base, event.rejected,
    analysis.reports. Times are UTC.
    """
    from allotment.lake.query import QueryError, run_sql
    from allotment.lake.rendering import render

    try:
        answer = run_sql(_settings(data=data).lake_dir, query)
    except QueryError as error:
        sys.exit(f"allotment: {error}")
    typer.echo(render(answer, form.value), nl=False)


@app.command()
def ledger(
    since: Annotated[
        str, typer.Option(help="How far back: 30m, 1h, 2d, or a time such as 2026-11-22T08:00.")
    ] = "1h",
    stream: Annotated[str | None, typer.Option(help="Only this stream.")] = None,
    data: DataOption = None,
    form: Annotated[ReportFormat, typer.Option("--format")] = ReportFormat.TEXT,
    minutes: Annotated[
        bool, typer.Option("--minutes", help="Every minute, not only what does not balance.")
    ] = False,
) -> None:
    """Account for every event: received, accepted, rejected, written, waiting.

    Exit code 0: all is accounted for. 1: something does not balance, was lost, or is wrong with
    journal or lake. 2: it cannot be told.
    """
    from allotment.commands.ledger import show

    folder = _settings(data=data).data
    as_json = form is ReportFormat.JSON
    raise typer.Exit(show(folder, since, stream, as_json=as_json, minutes=minutes))


@app.command()
def analyze(
    experiment: Annotated[str, typer.Argument(help="The experiment's machine name.")],
    data: DataOption = None,
    form: Annotated[ReportFormat, typer.Option("--format")] = ReportFormat.TEXT,
) -> None:
    """Compute an experiment's result from the lake as it is now."""
    from allotment.analysis.analyst import AnalysisError, analyze_by_name
    from allotment.analysis.rendering import render_text

    settings = _settings(data=data)
    if noted := noted_addresses(settings.data):
        settings = from_environ({**noted, **os.environ})
    try:
        report = analyze_by_name(
            settings.lake_dir, settings.registry_url, settings.cache_dir, experiment
        )
    except AnalysisError as error:
        sys.exit(f"allotment: {error}")
    typer.echo(
        json.dumps(report.to_json(), indent=2) if form is ReportFormat.JSON else render_text(report)
    )


def _key_in(path: Path) -> bytes:
    """The secret in a file; the end of its line is no part of it."""
    from allotment.allocation.law import SHORTEST_KEY

    try:
        key = path.read_bytes().rstrip(b"\r\n")
    except OSError as error:
        sys.exit(f"allotment: the key {path} cannot be read: {error.strerror}")
    if len(key) < SHORTEST_KEY:
        sys.exit(
            f"allotment: the key in {path} has {len(key)} bytes; give one of at least "
            f"{SHORTEST_KEY}, the same that the site has"
        )
    return key


def _json_of(file: Path) -> Any:  # noqa: ANN401 -- any JSON value
    """What a file holds; the command ends with a sentence where that cannot be read."""
    try:
        return json.loads(file.read_text())
    except OSError as error:
        sys.exit(f"allotment: {file} cannot be read: {error.strerror}")
    except ValueError as error:
        sys.exit(f"allotment: {file} is not JSON: {error}")


def _settings(**given: object) -> Settings:
    """The settings of the environment, with what the command line gave in their place."""
    chosen = {variable_name(k): str(v) for k, v in given.items() if v is not None}
    os.environ.update(chosen)  # what this process starts reads the same settings
    return from_environ()


def _stop_event() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop
