"""Files as `allotment export` writes them, read as the check reads the public API's shapes.

Such a file holds what people plan, in the words of the management API. Every value of the shape
that the check reads knows the place in the file that it came from, so that findings have a line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeGuard

from allotment.contract.check.entries import CLIENT, Entry, Origin, Path, entry_of
from allotment.contract.check.findings import Kind, pointer

AROUND: Final = frozenset({"team", "layer", "site", "exception"})
"""Kinds of file that hold nothing the check judges."""
_SAME: Final = (
    *("start", "end", "risk_level", "review_link", "acknowledged", "environments", "targeting"),
    *("schema_id", "holds_out", "sample_unit", "description", "owners", "purpose", "task"),
)
_RENAMED: Final = {
    "machine_name": "name",
    "name": "display_name",
    "stream": "stream_name",
    "attributes": "contextual_attributes",
    "identifier_type": "user_identifier_type",
}
FIELDS: Final[Mapping[str, str]] = {
    **{shown: name for name, shown in _RENAMED.items() if shown != "display_name"},
    "sample_rate": "sites",
    "weights": "groups",
    "metrics": "primary_metric",
    "producers": "settings",
    "sample": "settings",
}
"""The fields of findings in the words of a plan, where they are others."""
_METRICS: Final = {"primary_metric": "primary", "secondary_metrics": "secondary"}
_NOT_READ: Final = frozenset(
    {
        *("kind", "contact", "links", "is_template", "hypothesis", "minimum_effect"),
        *("planned_size", "planned_days", "decision_rule", "layer", "layer_share"),
    }
)
_TAKEN_APART: Final = frozenset({"default_rate", "sites", "groups", "guardrails"})
_STREAM: Final = (
    *("schema_title", "destination_event_service", "description", "environments"),
    *("risk_level", "review_link"),
)


def is_around(document: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a document is of a kind that the check passes over."""
    return isinstance(document, Mapping) and document.get("kind") in AROUND


def family(document: Mapping[str, Any]) -> frozenset[str]:
    """The family of a site's document, as items name it; none where it is in none."""
    found = document.get("family") if document.get("kind") == "site" else None
    return frozenset({f"family:{found}"} if isinstance(found, str) and found else ())


def is_planned(document: object) -> TypeGuard[Mapping[str, Any]]:
    """Whether a document is a stream or item as `allotment export` writes them."""
    if not isinstance(document, Mapping):
        return False
    if document.get("kind") == Kind.STREAM:
        return "name" in document and not {"stream", "producers"} & set(document)
    return "machine_name" in document


def entry(document: Mapping[str, Any], origin: Origin) -> Entry:
    """A planned stream or item as the check reads it."""
    shape = _Shape(document, origin)
    if document.get("kind") == Kind.STREAM:
        return shape.stream()
    is_experiment = document.get("kind") == Kind.EXPERIMENT or (
        document.get("kind") != Kind.INSTRUMENT and "groups" in document
    )
    return shape.item(Kind.EXPERIMENT if is_experiment else Kind.INSTRUMENT)


class _Shape:
    """A document that is being put into the other shape, with the line of every value."""

    def __init__(self, document: Mapping[str, Any], origin: Origin) -> None:
        self._document = document
        self._origin = origin
        self._lines: dict[str, int] = dict(origin.lines)
        self._body: dict[str, Any] = {}

    def stream(self) -> Entry:
        settings = self._document.get("settings", {})
        for name, value in settings.items() if isinstance(settings, Mapping) else ():
            self._put((str(name),), value, ("settings", str(name)))
        if not isinstance(settings, Mapping):
            self._put(("settings",), settings, ("settings",))
        for name in _STREAM:
            self._copy(name, name)
        attributes = self._document.get("attributes")
        producers = self._body.get("producers", {})
        client = producers.get(CLIENT[1], {}) if isinstance(producers, Mapping) else None
        if isinstance(attributes, list) and isinstance(client, Mapping):
            whole = {**producers, CLIENT[1]: {"provide_values": attributes, **client}}
            self._body["producers"] = whole
            self._note((*CLIENT, "provide_values"), ("attributes",))
        known = {"kind", "name", "attributes", "settings", "meant", *_STREAM}
        self._copy_unknown(known)
        return self._entry(Kind.STREAM, str(self._document.get("name", "")))

    def item(self, kind: Kind) -> Entry:
        for name in _SAME:
            self._copy(name, name)
        for name, shown in _RENAMED.items():
            self._copy(name, shown)
        self._rates()
        if self._document.get("is_template") is True:
            self._body["active"] = False
        if kind is Kind.EXPERIMENT:
            self._experiment()
        known = {*_SAME, *_RENAMED, *_METRICS, *_NOT_READ, *_TAKEN_APART}
        self._copy_unknown(known)
        return self._entry(kind, str(self._document.get("machine_name", "")))

    def _rates(self) -> None:
        rates: dict[str, Any] = {}
        self._body["sample_rate"] = rates
        self._note(("sample_rate",), ("sites",))
        if "default_rate" in self._document or "sites" not in self._document:
            rates["default"] = self._document.get("default_rate", 0)
            self._note(("sample_rate", "default"), ("default_rate",))
        rows = self._document.get("sites", [])
        if not isinstance(rows, list):
            self._body["sample_rate"] = rows
            return
        for place, row in enumerate(rows):
            site, rate = _parts(row, "site", "rate")
            key = _rate_text(rate)
            listed = rates.setdefault(key, [])
            if isinstance(listed, list):
                listed.append(site)
                at = ("sample_rate", key, len(listed) - 1)
                self._lines.setdefault(
                    pointer(at[:2]), self._origin.lines.get(pointer(("sites", place)), 1)
                )
                self._note(at, ("sites", place))

    def _experiment(self) -> None:
        groups = self._document.get("groups")
        if isinstance(groups, list):
            self._column("groups", "groups", groups, lambda row: _parts(row, "name")[0])
            self._column("weights", "groups", groups, _weight)
        else:
            self._copy("groups", "groups")
        self._body["metrics"] = metrics = dict[str, Any]()
        for name, role in _METRICS.items():
            if name in self._document:
                metrics[role] = self._document[name]
                self._note_all(("metrics", role), (name,))
        guardrails = self._document.get("guardrails")
        if isinstance(guardrails, list):
            metrics["guardrails"] = [_parts(row, "metric")[0] for row in guardrails]
            for place in range(len(guardrails)):
                self._note(("metrics", "guardrails", place), ("guardrails", place))

    def _column(self, name: str, source: str, rows: list[Any], value: Callable[[Any], Any]) -> None:
        self._body[name] = [value(row) for row in rows]
        self._note((name,), (source,))
        for place in range(len(rows)):
            self._note((name, place), (source, place))

    def _copy(self, name: str, shown: str) -> None:
        if name in self._document:
            self._put((shown,), self._document[name], (name,))

    def _copy_unknown(self, known: set[str]) -> None:
        for name in self._document:
            if name not in known:
                self._copy(name, name)

    def _put(self, at: Path, value: Any, source: Path) -> None:  # noqa: ANN401 - any JSON
        self._body[str(at[-1])] = value
        self._note_all(at, source)

    def _note(self, at: Path, source: Path) -> None:
        """The line of one place."""
        if (line := self._origin.lines.get(pointer(source))) is not None:
            self._lines[pointer(at)] = line

    def _note_all(self, at: Path, source: Path) -> None:
        """The lines of a place and all that it holds."""
        begin = pointer(source)
        for place, line in self._origin.lines.items():
            if place == begin or place.startswith(f"{begin}/"):
                self._lines[pointer(at) + place[len(begin) :]] = line

    def _entry(self, kind: Kind, name: str) -> Entry:
        origin = Origin(self._origin.file, self._lines, self._origin.repeated)
        return entry_of(kind, self._body, origin, name=name)


def _parts(row: object, *names: str) -> tuple[Any, ...]:
    """The values of a row; of what is no row, the thing itself in each place."""
    if not isinstance(row, Mapping):
        return tuple(row for _ in names)
    return tuple(row.get(name) for name in names)


def _weight(row: object) -> Any:  # noqa: ANN401 - any JSON
    return row.get("weight", 1) if isinstance(row, Mapping) else 1


def _rate_text(rate: object) -> str:
    """A share as the public API writes it as a key: `0.1`."""
    try:
        return format(Decimal(str(rate)).normalize(), "f")
    except (InvalidOperation, ValueError):
        return str(rate)
