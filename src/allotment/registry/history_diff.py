"""What changed between two saved plans, in words. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext, gettext_noop

from allotment.registry import moments, targeting, words
from allotment.registry.rules import percent

_LABELS = {
    "machine_name": gettext_noop("Machine name"),
    "name": gettext_noop("Name"),
    "description": gettext_noop("Description"),
    "owners": gettext_noop("Owner"),
    "purpose": gettext_noop("Purpose"),
    "task": gettext_noop("Task or notes"),
    "start": gettext_noop("Start"),
    "end": gettext_noop("End"),
    "stream": gettext_noop("Stream"),
    "schema_title": gettext_noop("Schema title"),
    "schema_id": gettext_noop("Schema"),
    "environments": gettext_noop("Environments"),
    "risk_level": gettext_noop("Risk"),
    "review_link": gettext_noop("Review"),
    "acknowledged": gettext_noop("Guidelines acknowledged"),
    "synthetic_note": gettext_noop("Note on synthetic traffic"),
    "hypothesis": gettext_noop("Hypothesis"),
    "identifier_type": gettext_noop("Who is put into a group"),
    "sample_unit": gettext_noop("Sampled by"),
    "default_rate": gettext_noop("Traffic on all other sites"),
    "layer_share": gettext_noop("Part of the layer"),
    "stage": gettext_noop("Stage"),
    "phase_index": gettext_noop("Phase, counted from 0"),
    "contact": gettext_noop("Contact"),
    "is_template": gettext_noop("Template"),
    "primary_metric": gettext_noop("Primary metric"),
    "secondary_metrics": gettext_noop("Secondary metrics"),
    "minimum_effect": gettext_noop("Smallest change worth having, in percent"),
    "planned_size": gettext_noop("Planned size of each group"),
    "planned_days": gettext_noop("Planned run time in days"),
    "decision_rule": gettext_noop("Decision rule"),
    "decision": gettext_noop("Decision"),
    "decision_reasons": gettext_noop("Reasons of the decision"),
    "layer": gettext_noop("Layer"),
    "holds_out": gettext_noop("Its first group is kept out of"),
    "held_out_by": gettext_noop("Holdouts"),
}
_MEANS = {
    "sites": gettext_noop("Raising traffic moves nobody from one group to another."),
    "attributes": gettext_noop("Sent with every event from then on."),
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
                who=user.get_username() if user else gettext("the system"),
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
        if was != now and not (_is_nothing(was) and _is_nothing(now)):
            found.append(Change("~", gettext(label), _text(field, was), _text(field, now)))
    found += _map_changes(
        gettext("Traffic on") + " ",
        before.get("sites", {}),
        after.get("sites", {}),
        _share,
        gettext(_MEANS["sites"]),
    )
    found += _map_changes(
        gettext("Guardrail") + " ",
        before.get("guardrails", {}),
        after.get("guardrails", {}),
        _margin,
        "",
    )
    found += _map_changes(
        gettext("Only for") + " ",
        _conditions(before),
        _conditions(after),
        str,
        gettext("Decides who can take part."),
    )
    found += _map_changes(gettext("Link") + " ", _links(before), _links(after), str, "")
    found += _map_changes(gettext("Group") + " ", _groups(before), _groups(after), str, "")
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
        Change("+", gettext("Contextual attribute"), "", name, gettext(_MEANS["attributes"]))
        for name in now
        if name not in was
    ]
    gone = [
        Change("\u2212", gettext("Contextual attribute"), name, "", gettext("No longer sent."))
        for name in was
        if name not in now
    ]
    return added + gone


def _groups(plan: Mapping[str, Any]) -> dict[str, str]:
    return {
        group["name"]: gettext("weight %(number)s") % {"number": group["weight"]}
        + (f", {group['description']}" if group["description"] else "")
        for group in plan.get("groups", [])
    }


def _conditions(plan: Mapping[str, Any]) -> dict[str, str]:
    found = targeting.from_document(plan.get("targeting") or {})
    return {f"{c.attribute} {c.operator}": targeting.operand_text(c.operand) for c in found}


def _links(plan: Mapping[str, Any]) -> dict[str, str]:
    return {link["label"]: link["url"] for link in plan.get("links", [])}


def _margin(margin: object) -> str:
    return gettext("not worse by more than %(margin)s%%") % {"margin": margin}


def _share(rate: object) -> str:
    return percent(Decimal(str(rate)))


def _is_nothing(value: object) -> bool:
    return value is None or value in ("", [])


def _text(field: str, value: object) -> str:
    if _is_nothing(value):
        return gettext("nothing")
    if field in {"default_rate", "layer_share"}:
        return _share(value)
    if field in {"start", "end"}:
        return moments.spoken(datetime.fromisoformat(str(value)))
    if field in {"stage", "risk_level"}:
        return words.inside(str(value))
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return ", ".join(str(part) for part in value) if isinstance(value, list) else str(value)
