"""A form as it stands while somebody types: read leniently, for the check beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.utils import timezone

from allotment.contract.check import Entry, Kind
from allotment.contract.check.entries import entry_of
from allotment.registry import schema_catalog
from allotment.registry.forms.bundle import Bundle
from allotment.registry.forms.item import names_in
from allotment.registry.models import Stream
from allotment.registry.plan import rate_text
from allotment.registry.targeting import Condition, read_operand, to_document

_TEXTS = {
    "risk_level": "risk_level",
    "review_link": "review_link",
    "user_identifier_type": "identifier_type",
    "sample_unit": "sample_unit",
    "schema_id": "schema_id",
}
"""Names in the public shape, and in the form."""


def entry(kind: str, bundle: Bundle) -> Entry:
    """The item that a form would describe, in the public API's shape; what is empty is left out."""
    typed = bundle.form.typed()
    rows = {name: found.typed() for name, found in bundle.rows.items()}
    stream = str(typed.get("stream") or "")
    document: dict[str, Any] = {
        "name": str(typed.get("machine_name") or ""),
        "stream_name": stream,
        "contextual_attributes": _listed(typed.get("attributes")),
        "environments": _listed(typed.get("environments")),
        "sample_rate": _rates(typed.get("default_rate"), rows.get("sites", [])),
        "targeting": _conditions(rows.get("targeting", [])),
        "start": _time(typed.get("start")),
        "end": _time(typed.get("end")),
    }
    document |= {
        name: str(typed[field]) for name, field in _TEXTS.items() if str(typed.get(field) or "")
    }
    if kind == "experiment":
        groups = [row for row in rows.get("groups", []) if row.get("name")]
        document["groups"] = [str(row["name"]) for row in groups]
        document["weights"] = [_weight(row.get("weight")) for row in groups]
        document["metrics"] = [
            str(typed.get("primary_metric") or ""),
            *_listed(typed.get("secondary_metrics")),
            *(str(row.get("metric") or "") for row in rows.get("guardrails", [])),
        ]
        document["holds_out"] = names_in(str(typed.get("holds_out") or ""))
        if not document.get("schema_id"):
            document["schema_id"] = schema_catalog.latest_uri(_title(stream))
    else:
        document["schema_title"] = _title(stream)
    return entry_of(Kind(kind), document, name=document["name"])


def is_empty(bundle: Bundle, field: str) -> bool:
    """Whether nothing is typed yet into the form's field or rows."""
    if field in bundle.rows:
        return not any(any(row.values()) for row in bundle.rows[field].typed())
    return field in bundle.form.fields and not bundle.form[field].value()


def _weight(found: object) -> object:
    """A weight as it was typed; none is 1."""
    text = str(found if found is not None else "").strip()
    return int(text) if text.isascii() and text.isdigit() else found or 1


def _title(stream: str) -> str:
    row = Stream.objects.filter(name=stream).first()
    return row.schema_title if row else ""


def _listed(found: object) -> list[str]:
    return [str(text) for text in found] if isinstance(found, list | tuple) else []


def _rates(default: object, sites: list[Mapping[str, Any]]) -> dict[str, Any]:
    rates: dict[str, Any] = {"default": _share(default)}
    for row in sites:
        if row.get("site"):
            rates.setdefault(_share(row.get("rate")), []).append(str(row["site"]))
    return rates


def _share(percent: object) -> str:
    """A share from 0 to 1 as text; what is no number stays as it was typed."""
    try:
        return rate_text(Decimal(str(percent or 0)) / 100)
    except (InvalidOperation, ValueError):
        return str(percent)


def _conditions(rows: list[Mapping[str, Any]]) -> dict[str, Any]:
    whole = [row for row in rows if all(row.get(n) for n in ("attribute", "operator", "value"))]
    conditions = []
    for row in whole:
        attribute, operator = str(row["attribute"]), str(row["operator"])
        operand = read_operand(attribute, operator, str(row["value"]))
        conditions.append(Condition(attribute, operator, operand))
    return to_document(conditions)


def _time(found: object) -> str | None:
    """A moment as it was typed in the reader's zone; what is no moment is not judged yet."""
    try:
        moment = found if isinstance(found, datetime) else datetime.fromisoformat(str(found))
        if timezone.is_naive(moment):
            moment = timezone.make_aware(moment)
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return None
