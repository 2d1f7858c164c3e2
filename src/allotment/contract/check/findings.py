"""What the check says: findings, each by one named rule about one place."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from allotment.contract.texts import Text, again, joined, said, sentences

DOCS: Final = "docs/reference/check-rules.md"


class Severity(StrEnum):
    """How much a finding matters. An error refuses that something is switched on."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def weight(self) -> int:
        """2 for an error, 1 for a warning, 0 for a note."""
        return {"error": 2, "warning": 1, "note": 0}[self.value]


class Kind(StrEnum):
    """What a finding can be about; LAB is the configuration as a whole."""

    STREAM = "stream"
    INSTRUMENT = "instrument"
    EXPERIMENT = "experiment"
    LAB = "lab"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding is. `pointer` is a JSON pointer (RFC 6901) into the entry's own document.

    `file` and `line` (from 1) are set where the entry was read from a file.
    """

    kind: Kind
    name: str
    field: str = ""
    pointer: str = ""
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        told = f"{self.kind} {self.name}".strip()
        return f"{told} {self.pointer}" if self.pointer else told


_TEXTS: Final = ("headline", "what", "consequence", "remedy")


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's word about one place.

    `headline` is a clause without capital and full stop; `what`, `consequence` and `remedy` are
    whole sentences: what is wrong with the value, what would happen, how to satisfy the rule.
    """

    rule: str
    severity: Severity
    place: Place
    headline: Text
    what: Text
    consequence: Text
    remedy: Text

    @property
    def link(self) -> str:
        """Where the rule is explained, as a path in the documentation."""
        return f"{DOCS}#{self.rule}"

    @property
    def sentence(self) -> Text:
        """The whole finding in one paragraph."""
        return sentences(self.what, self.consequence, self.remedy)

    def to_json(self) -> dict[str, Any]:
        """The finding as plain values, for JSON; in English."""
        return {
            "rule": self.rule,
            "severity": self.severity.value,
            "kind": self.place.kind.value,
            "name": self.place.name,
            "field": self.place.field,
            "pointer": self.place.pointer,
            "file": self.place.file,
            "line": self.place.line,
            **{name: str(getattr(self, name)) for name in _TEXTS},
            "link": self.link,
        }

    def to_kept(self) -> dict[str, Any]:
        """The same, and what its texts are made of, for whoever says them in another language."""
        made = {name: getattr(self, name).kept() for name in _TEXTS}
        return {**self.to_json(), "made": made}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Finding:
        """The finding that `to_json` or `to_kept` wrote; of `to_json` it is in English for good.

        Raises:
            KeyError, TypeError, ValueError: it is another document.
        """
        made = found.get("made", found)
        texts = {name: again(made[name]) for name in _TEXTS}
        place = Place(
            Kind(found["kind"]),
            str(found["name"]),
            str(found["field"]),
            str(found["pointer"]),
            found.get("file"),
            found.get("line"),
        )
        return cls(str(found["rule"]), Severity(found["severity"]), place, **texts)


def pointer(path: tuple[str | int, ...]) -> str:
    """A JSON pointer: `("a/b", 0)` → `/a~1b/0`."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


_LONGEST: Final = 80


def shown(value: object) -> str:
    """A value as findings quote it: JSON, cut where it is long."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


_MOST: Final = 8


def listed(names: object, last: str = "and") -> Text:
    """Names as a sentence lists them: `a, b and c`; at most eight, then how many more.

    `last` is “and”, “or” or “nor”.
    """
    found = [n if isinstance(n, str) else str(n) for n in _each(names)]
    if len(found) > _MOST:
        found = [*found[:_MOST], said("%(number)s more", number=len(found) - _MOST)]
    *first, final = found or [""]
    if not first:
        return final if isinstance(final, Text) else joined("", (final,))
    before = joined(", ", tuple(first))
    if last == "or":
        return said("%(names)s or %(last)s", names=before, last=final)
    if last == "nor":
        return said("%(names)s nor %(last)s", names=before, last=final)
    return said("%(names)s and %(last)s", names=before, last=final)


def _each(names: object) -> list[object]:
    return list(names) if isinstance(names, list | tuple) else [names]
