"""What changed between two saved plans, in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from allotment.registry import moments, targeting
from allotment.registry.rules import percent

_LABELS = {
    "machine_name": "Machine name",
    "name": "Name",
    "description": "Description",
    "owners": "Owner",
    "purpose": "Purpose",
    "task": "Task or notes",
    "start": "Start",
    "end": "End",
    "stream": "Stream",
    "schema_title": "Schema title",
    "schema_id": "Schema",
    "environments": "Environments",
    "risk_level": "Risk",
    "review_link": "Review",
    "acknowledged": "Guidelines acknowledged",
    "synthetic_note": "Note on synthetic traffic",
    "hypothesis": "Hypothesis",
    "identifier_type": "Who is put into a group",
    "sample_unit": "Sampled by",
    "default_rate": "Traffic on all other sites",
    "layer_share": "Part of the layer",
    "stage": "Stage",
    "phase_index": "Phase, counted from 0",
    "contact": "Contact",
    "is_template": "Template",
    "primary_metric": "Primary metric",
    "secondary_metrics": "Secondary metrics",
    "minimum_effect": "Smallest change worth having, in percent",
    "planned_size": "Planned size of each group",
    "planned_days": "Planned run time in days",
    "decision_rule": "Decision rule",
    "decision": "Decision",
    "decision_reasons": "Reasons of the decision",
    "layer": "Layer",
}
_MEANS = {
    "sites": "Raising traffic moves nobody from one group to another.",
    "attributes": "Sent with every event from then on.",
}


@dataclass(frozen=True)
class Change:
    """One line of a difference: `~`, `+` or a minus sign, the field, and its two values."""

    sign: str
    label: str
    was: str
    now: str
    means: str = ""


@dataclass(frozen=True)
class Entry:
    """One saved state: when, by whom, why, and what it changed.

    `number` counts every write, `version` those that the public document shows.
    """

    when: datetime
    who: str
    reason: str
    number: int
    version: int
    first: bool
    changes: tuple[Change, ...]


def entries(records: Sequence[Any]) -> list[Entry]:
    """The history, oldest first, each record compared with the one before it."""
    found: list[Entry] = []
    before: Mapping[str, Any] = {}
    for record in records:
        plan = record.plan or {}
        user = record.history_user
        found.append(
            Entry(
                when=record.history_date,
                who=user.get_username() if user else "the system",
                reason=record.history_change_reason or "",
                number=record.revision,
                version=record.version,
                first=not found,
                changes=tuple(changes(before, plan)) if found else (),
            )
        )
        before = plan
    return found


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """What differs between two plans as the history keeps them."""
    found: list[Change] = []
    for field, label in _LABELS.items():
        was, now = before.get(field), after.get(field)
        if was != now:
            found.append(Change("~", label, _text(field, was), _text(field, now)))
    found += _map_changes(
        "Traffic on ", before.get("sites", {}), after.get("sites", {}), _share, _MEANS["sites"]
    )
    found += _map_changes(
        "Guardrail ", before.get("guardrails", {}), after.get("guardrails", {}), _margin, ""
    )
    found += _map_changes(
        "Only for ", _conditions(before), _conditions(after), str, "Decides who can take part."
    )
    found += _map_changes("Link ", _links(before), _links(after), str, "")
    found += _map_changes("Group ", _groups(before), _groups(after), str, "")
    found += _set_changes(before.get("attributes", []), after.get("attributes", []))
    return found


def _map_changes(
    prefix: str,
    was: Mapping[str, Any],
    now: Mapping[str, Any],
    show: Callable[[Any], str],
    means: str,
) -> list[Change]:
    found: list[Change] = []
    for key in dict.fromkeys([*was, *now]):
        if key not in was:
            found.append(Change("+", f"{prefix}{key}", "", show(now[key])))
        elif key not in now:
            found.append(Change("\u2212", f"{prefix}{key}", show(was[key]), ""))
        elif was[key] != now[key]:
            found.append(Change("~", f"{prefix}{key}", show(was[key]), show(now[key]), means))
    return found


def _set_changes(was: Sequence[str], now: Sequence[str]) -> list[Change]:
    added = [
        Change("+", "Contextual attribute", "", name, _MEANS["attributes"])
        for name in now
        if name not in was
    ]
    gone = [
        Change("\u2212", "Contextual attribute", name, "", "No longer sent.")
        for name in was
        if name not in now
    ]
    return added + gone


def _groups(plan: Mapping[str, Any]) -> dict[str, str]:
    return {
        group["name"]: f"weight {group['weight']}"
        + (f", {group['description']}" if group["description"] else "")
        for group in plan.get("groups", [])
    }


def _conditions(plan: Mapping[str, Any]) -> dict[str, str]:
    found = targeting.from_document(plan.get("targeting") or {})
    return {f"{c.attribute} {c.operator}": targeting.operand_text(c.operand) for c in found}


def _links(plan: Mapping[str, Any]) -> dict[str, str]:
    return {link["label"]: link["url"] for link in plan.get("links", [])}


def _margin(margin: object) -> str:
    return f"not worse by more than {margin}%"


def _share(rate: object) -> str:
    return percent(Decimal(str(rate)))


def _text(field: str, value: object) -> str:
    if value in (None, "", []):
        return "nothing"
    if field in {"default_rate", "layer_share"}:
        return _share(value)
    if field in {"start", "end"}:
        return moments.spoken(datetime.fromisoformat(str(value)))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(str(part) for part in value) if isinstance(value, list) else str(value)
