"""The commands of `allotment rejected`: look at refused events, and send mended ones again."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

rejected_app = typer.Typer(help="Events that the intake refused.", no_args_is_help=True)


class Format(StrEnum):
    """How `allotment rejected list` prints."""

    TEXT = "text"
    JSON = "json"


class By(StrEnum):
    """By what `allotment rejected list` counts."""

    REASON = "reason"
    STREAM = "stream"
    SCHEMA = "schema"
    SDK = "sdk"


@dataclass(frozen=True, slots=True)
class Filters:
    """Which rejected events, as the command line says it."""

    stream: str | None = None
    schema: str | None = None
    reason: str | None = None
    sdk: str | None = None
    since: str | None = None
    until: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a replay is to change, and how it is to go about it."""

    changes: tuple[str, ...]
    removed: tuple[str, ...]
    file: Path | None
    dry_run: bool
    yes: bool


DataOption = Annotated[
    Path | None, typer.Option("--data", help="Data folder. [ALLOTMENT_DATA; default ./var]")
]
StreamOption = Annotated[
    str | None, typer.Option(help="As the event names it, or as the metrics count it.")
]
SchemaOption = Annotated[str | None, typer.Option(help="A schema's uri, or a title.")]
ReasonOption = Annotated[str | None, typer.Option(help="Such as invalid or unknown_stream.")]
SdkOption = Annotated[str | None, typer.Option(help="A client library: js, or js/0.1.0.")]
SinceOption = Annotated[
    str | None, typer.Option(help="Received from then on: a time, or such as 90m, 2h, 7d ago.")
]
UntilOption = Annotated[str | None, typer.Option(help="Received before then.")]
TextOption = Annotated[
    str | None, typer.Option(help="In the event or an error; an id is found behind its mask too.")
]


@rejected_app.command(name="list")
def list_command(
    *,
    stream: StreamOption = None,
    schema: SchemaOption = None,
    reason: ReasonOption = None,
    sdk: SdkOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    text: TextOption = None,
    by: Annotated[By | None, typer.Option(help="Count instead of listing.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 20,
    form: Annotated[Format, typer.Option("--format")] = Format.TEXT,
    data: DataOption = None,
) -> None:
    """List rejected events, the newest first; those not yet in the lake included."""
    from allotment.commands.rejected_answers import print_counts, print_list

    filters = Filters(stream, schema, reason, sdk, since, until, text)
    if by is not None:
        print_counts(data, filters, by.value, as_json=form is Format.JSON)
    else:
        print_list(data, filters, limit, as_json=form is Format.JSON)


@rejected_app.command()
def show(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="An id, or how it begins.")],
    data: DataOption = None,
) -> None:
    """Show all that is kept of a rejected event, and what to do about it."""
    from allotment.commands.rejected_answers import print_one

    print_one(data, identifier)


@rejected_app.command(name="replay")
def replay_command(
    identifiers: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Ids, or how they begin.")
    ] = None,
    *,
    stream: StreamOption = None,
    schema: SchemaOption = None,
    reason: ReasonOption = None,
    sdk: SdkOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    text: TextOption = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=JSON", help="""Such as meta.stream='"my.stream"'."""),
    ] = None,
    removed: Annotated[
        list[str] | None, typer.Option("--remove", metavar="PATH", help="A field to leave out.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="The whole mended event, as JSON, for one id.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check alone: send nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data: DataOption = None,
) -> None:
    """Send rejected events again, mended or as they are; each arrives exactly once.

    Exit code 1 where one stays rejected, or its fate is not known yet: run it again.
    """
    from allotment.commands.rejected_replay import send_again

    filters = Filters(stream, schema, reason, sdk, since, until, text)
    wishes = Wishes(tuple(changes or ()), tuple(removed or ()), file, dry_run=dry_run, yes=yes)
    raise typer.Exit(send_again(data, tuple(identifiers or ()), filters, wishes))
