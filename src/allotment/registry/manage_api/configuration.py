"""The whole configuration as documents with versions, and many changes of it in one transaction.

A document is what a file holds: an item's plan, or the body of a stream, site, layer, team or
exception. States, people and tokens are no configuration. Changes are made in the order of what
needs what, whatever order they come in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from django.db import transaction
from django.utils import timezone
from pydantic import Field, ValidationError

from allotment.registry import subject_replay
from allotment.registry.gate import NotPermittedError
from allotment.registry.manage_api import configuration_rooms, finding_items, problems
from allotment.registry.manage_api.callers import Caller
from allotment.registry.manage_api.configuration_rooms import ROOMS, Room, Written
from allotment.registry.manage_api.fields import Reason
from allotment.registry.manage_api.problems import ProblemError
from allotment.registry.manage_api.shapes import Body
from allotment.registry.people import PeopleRefusedError
from allotment.registry.rules import Refusal, RuleRefusedError

Kind = Literal["team", "layer", "site", "stream", "exception", "instrument", "experiment"]
MOST: Final = 5000


class Entry(Body):
    """One thing as it shall be.

    `version` is what the read showed; empty for a new thing. Without a document an item is
    archived, and a site, team or exception removed. `meant` is that of a stream.
    """

    kind: Kind
    name: str = Field(min_length=1, max_length=255)
    version: str = Field("", max_length=64, pattern="^[0-9a-f]*$")
    document: dict[str, Any] | None
    meant: bool = False


class Changes(Body):
    """Changes that are made together, or not at all."""

    entries: list[Entry] = Field(max_length=MOST)
    reason: Reason = ""


@dataclass
class Outcome:
    """What became of one entry, or would."""

    entry: Entry
    done: str = "refused"
    written: Written = field(default_factory=Written)
    forbidden: str = ""
    refusals: tuple[Refusal, ...] = ()
    status: int = 200
    effects: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As an answer shows it."""
        return {
            "kind": self.entry.kind,
            "name": self.entry.name,
            "done": self.done,
            "forbidden": self.forbidden,
            "changes": self.written.changes,
            "effects": self.effects,
            "findings": self.written.findings,
            "refusals": [problems.as_json(refusal) for refusal in self.refusals],
        }


def everything() -> Iterator[dict[str, Any]]:
    """Every document with its version, in a stable order; items with their state."""
    now = timezone.now()
    for kind, room in ROOMS.items():
        for row in room.all():
            yield {"kind": kind, **room.shown(row, now)}


def write(caller: Caller, changes: Changes) -> list[Outcome]:
    """Make all changes, or none.

    Raises:
        ProblemError: something refuses one of them; the refusals name its kind, name and field.
    """
    with transaction.atomic():
        found = list(_each(caller, changes, planned=False))
        refused = [one for one in found if one.refusals]
        if refused:
            raise _problem(refused, len(found))
    return found


def plan(caller: Caller, changes: Changes) -> list[Outcome]:
    """The same, undone at its end, with what it would do to the subjects.

    What the caller may not do is told as `forbidden` and judged all the same: who may only read can
    still see what a change would do.
    """
    with transaction.atomic():
        found = list(_each(caller, changes, planned=True))
        transaction.set_rollback(True)
    for one in found:
        before, after = one.written.before, one.written.after
        if one.done == "changed" and before is not None and after is not None:
            # Asked of the lake once nobody waits for the database any more.
            stored = finding_items.one(one.entry.kind, one.entry.name)
            one.effects = subject_replay.between(stored, before, after)
    return found


def _each(caller: Caller, changes: Changes, *, planned: bool) -> Iterator[Outcome]:
    named: set[tuple[str, str]] = set()
    rank = {kind: place for place, kind in enumerate(ROOMS)}
    # What is taken away goes last, in the opposite order: its users go before it.
    entries = sorted(
        changes.entries,
        key=lambda entry: (entry.document is None, rank[entry.kind] * _way(entry), entry.name),
    )
    to_come = {entry.name: entry.kind for entry in entries if entry.document is not None}
    for entry in entries:
        outcome = Outcome(entry)
        key = (entry.kind, entry.name)
        if key in named:
            outcome.refusals, outcome.status = (_TWICE,), 422
        else:
            _try(caller, outcome, changes.reason, to_come, planned=planned)
        named.add(key)
        yield outcome


def _way(entry: Entry) -> int:
    return -1 if entry.document is None else 1


def _try(
    caller: Caller, outcome: Outcome, reason: str, to_come: Mapping[str, str], *, planned: bool
) -> None:
    """Make one change, or note on the outcome what refuses it; then nothing of it stays."""
    entry, room = outcome.entry, ROOMS[outcome.entry.kind]
    try:
        with transaction.atomic():
            row = room.find(entry.name)
            _same_version(room, row, entry.version)
            try:
                room.permit(caller, row, entry.document)
            except NotPermittedError as error:
                if not planned:
                    raise
                outcome.forbidden = error.decision.sentence
            asked = configuration_rooms.Asked(
                caller, entry.name, entry.document, reason, entry.meant, to_come
            )
            outcome.written = room.write(row, asked)
        if entry.document is None:
            outcome.done = "removed"
        elif row is None:
            outcome.done = "created"
        else:
            outcome.done = "changed" if outcome.written.changes else "same"
    except NotPermittedError as error:
        refusal = Refusal(
            "role-allows-it",
            "",
            "it is not allowed",
            error.decision.reason,
            error.decision.remedy,
        )
        outcome.refusals, outcome.status = (refusal,), 403
    except ValidationError as error:
        outcome.refusals, outcome.status = tuple(problems.value_refusals(error.errors())), 422
    except RuleRefusedError as error:
        outcome.refusals, outcome.status = error.refusals, problems.refused(error.refusals).status
    except PeopleRefusedError as error:
        outcome.refusals, outcome.status = (_plain("owns-nothing", str(error)),), 409
    except ProblemError as error:
        told = error.refusals or (_plain("value-has-form", error.detail, error.remedy),)
        outcome.refusals, outcome.status = told, error.status


def _same_version(room: Room, row: Any, version: str) -> None:  # noqa: ANN401 - a row of any kind
    stored = "" if row is None else str(room.shown(row, timezone.now())["version"])
    if stored == version:
        return
    what = (
        "It is not there any more."
        if row is None
        else f"The change began from {f'version {version}' if version else 'nothing'}; "
        f"version {stored} is stored now."
    )
    raise problems.refused(
        [
            Refusal(
                problems.STALE_RULE,
                "",
                "somebody else wrote meanwhile",
                what,
                "Read the configuration again, and plan once more.",
            )
        ]
    )


def _plain(rule: str, what: str, remedy: str = "") -> Refusal:
    return Refusal(rule, "", "it cannot be done", what, remedy)


_TWICE: Final = Refusal(
    "entry-given-once",
    "",
    "it is named twice",
    "Two entries have this kind and name; one of them would be lost.",
    "Keep the one that is meant.",
)


def _problem(refused: Iterable[Outcome], total: int) -> ProblemError:
    """All that was refused, as one problem; what somebody else wrote counts first."""
    found = list(refused)
    statuses = {one.status for one in found}
    status = next(s for s in (412, 403, 409, 422, *statuses) if s in statuses)
    return ProblemError(
        status,
        f"{len(found)} of {total} entries are refused; nothing is changed.",
        remedy="Mend what is told of each, and send all again.",
        refusals=[
            Refusal(
                refusal.rule,
                f"{one.entry.kind} {one.entry.name}: {refusal.field}".removesuffix(": "),
                refusal.headline,
                refusal.what,
                refusal.remedy,
            )
            for one in found
            for refusal in one.refusals
        ],
    )


def answered(found: Iterable[Outcome], *, stored: bool) -> dict[str, Any]:
    """What became of all entries, as an answer."""
    return {"stored": stored, "entries": [one.to_json() for one in found]}


__all__ = ["Changes", "Entry", "Kind", "Outcome", "answered", "everything", "plan", "write"]
