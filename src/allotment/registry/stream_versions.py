"""The versions of a stream: what each changed, and the way back through the rules of its form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext, gettext_noop

from allotment.registry.document_diff import differences
from allotment.registry.forms.stream import STORED, StreamForm
from allotment.registry.history_diff import Change
from allotment.registry.models import Stream
from allotment.registry.rules import Refusal, RuleRefusedError

LABELS: Final = {
    "description": gettext_noop("Description"),
    "schema_title": gettext_noop("Schema title"),
    "destination_event_service": gettext_noop("Intake"),
    "attributes": gettext_noop("Sent with every event"),
    "environments": gettext_noop("Environments"),
    "settings": gettext_noop("Settings"),
}


@dataclass(frozen=True)
class Version:
    """One stored state of a stream: when, by whom, why, what it changed, and the whole of it."""

    number: int
    when: datetime
    who: str
    reason: str
    first: bool
    changes: tuple[Change, ...]
    document: Mapping[str, Any]


@dataclass(frozen=True)
class Between:
    """Two versions, the older one first."""

    before: Version
    after: Version

    @property
    def changes(self) -> list[Change]:
        """What lies between them."""
        return list(differences(self.before.document, self.after.document, LABELS))


def document_of(row: Any) -> dict[str, Any]:  # noqa: ANN401 - a stream, or a record of its history
    """A stream as people write it."""
    return {name: getattr(row, name) for name in STORED}


def all_of(stream: Stream) -> list[Version]:
    """Every version, oldest first."""
    found: list[Version] = []
    for row in stream.history.select_related("history_user").order_by("revision"):
        document = document_of(row)
        before = found[-1].document if found else {}
        user = row.history_user
        found.append(
            Version(
                number=row.revision,
                when=row.history_date,
                who=user.get_username() if user else gettext("the system"),
                reason=row.history_change_reason or "",
                first=not found,
                changes=tuple(differences(before, document, LABELS)) if found else (),
                document=document,
            )
        )
    return found


def find(stream: Stream, number: int) -> Version | None:
    """One version by its number; None where there is none."""
    return next((version for version in all_of(stream) if version.number == number), None)


def store(
    document: Mapping[str, Any],
    stream: Stream | None,
    *,
    reason: str = "",
    meant: bool = False,
    expected: int | None = None,
) -> Stream:
    """Store a document by the rules of the form; `meant`: a block is taken away on purpose.

    Raises:
        RuleRefusedError: the rules refuse it, or another revision than `expected` is stored.
    """
    given = QueryDict(mutable=True)
    for name in STORED:
        value = document[name]
        if name in {"attributes", "environments"}:
            given.setlist(name, list(value))
        elif name == "settings":
            given[name] = json.dumps(value, ensure_ascii=False, default=float)
        else:
            given[name] = str(value)
    if meant:
        given["meant"] = "yes"
    if expected is not None:
        given["revision"] = str(expected)
    form = StreamForm(given, stream=stream, initial=document_of(stream) if stream else None)
    if not form.is_valid():
        found = form.errors.as_data().items()
        raise RuleRefusedError(
            tuple(_refusal(field, one) for field, errors in found for one in errors)
        )
    return form.save(reason=reason)


def _refusal(field: str, error: ValidationError) -> Refusal:
    """What a field of the form says, as a rule's no."""
    rule = error.code if error.code and "-" in error.code else "value-has-form"
    what = " ".join(error.messages)
    if rule == "block-not-lost":
        headline = gettext("a block of its settings would be lost")
        remedy = gettext("Where it is meant, say that it is (“meant”).")
        return Refusal(rule, field, headline, what, remedy)
    headline = gettext("%(field)s cannot be used") % {"field": field}
    return Refusal(rule, field, headline, what, gettext("Mend it and send it again."))


def revert(
    stream: Stream,
    number: int,
    *,
    reason: str = "",
    meant: bool = False,
    expected: int | None = None,
) -> Stream:
    """Store an earlier version once more, as the next one; nothing where the stream is as it was.

    Raises:
        RuleRefusedError: there is no such version, or a rule of the form refuses it.
    """
    version = find(stream, number)
    if version is None:
        refusal = Refusal(
            "version-is-kept",
            "number",
            gettext("there is nothing to go back to"),
            gettext("%(stream)s has no version %(number)s.")
            % {"stream": stream.name, "number": number},
            gettext("Choose another version in the history."),
        )
        raise RuleRefusedError((refusal,))
    if version.document == document_of(stream):
        return stream
    why = reason.strip() or f"Back to version {number}"
    return store(version.document, stream, reason=why, meant=meant, expected=expected)
