"""From rows to the values of answers. Nothing here asks who may see them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpResponse

from allotment.contract.check import Finding
from allotment.registry import history_diff, states, storing, targeting
from allotment.registry import plan as plans
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import Account, Experiment
from allotment.registry.plan import AnyPlan, ExperimentPlan, InstrumentPlan

DAMAGE = (ValueError, TypeError, ArithmeticError, LookupError, AttributeError)
_NOT_WRITTEN = frozenset({"schema_title", "synthetic_note"})
_FINDING = (
    "rule",
    "severity",
    "kind",
    "name",
    "field",
    "headline",
    "what",
    "consequence",
    "remedy",
)


def answer(found: Mapping[str, Any], *, status: int = 200, etag: str = "") -> HttpResponse:
    """An answer as JSON."""
    response = HttpResponse(
        json.dumps(found, ensure_ascii=False, default=plain).encode(),
        status=status,
        content_type="application/json",
    )
    if etag:
        response["ETag"] = f'"{etag}"'
    return response


def text(found: object) -> str:
    """Values as JSON."""
    return json.dumps(found, ensure_ascii=False, default=plain)


def plain(value: object) -> object:
    """A number or moment in JSON.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(value, Decimal):
        return number(value)
    if isinstance(value, datetime):
        return stamp(value)
    raise TypeError(f"{value!r} has no form in JSON")


def stamp(moment: datetime | None) -> str | None:
    """A moment in UTC."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def number(value: Decimal | None) -> int | float | None:
    """A stored number as its shortest in JSON."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def plan(of: AnyPlan) -> dict[str, Any]:
    """A plan as it is written: the body of a PUT."""
    found: dict[str, Any] = {
        name: getattr(of, name) for name in of.__dataclass_fields__ if name not in _NOT_WRITTEN
    }
    found |= {
        "owners": list(of.owners),
        "links": [{"label": link.label, "url": link.url} for link in of.links],
        "start": stamp(of.start),
        "end": stamp(of.end),
        "attributes": list(of.attributes),
        "default_rate": number(of.default_rate),
        "sites": [{"site": site, "rate": number(rate)} for site, rate in of.sites],
        "environments": list(of.environments),
        "targeting": targeting.to_document(of.targeting),
        "risk_level": str(of.risk_level),
    }
    if isinstance(of, InstrumentPlan):
        return found | {"sample_unit": str(of.sample_unit)}
    return found | _of_experiment(of)


def _of_experiment(of: ExperimentPlan) -> dict[str, Any]:
    return {
        "secondary_metrics": list(of.secondary_metrics),
        "guardrails": [{"metric": g.metric, "margin": number(g.margin)} for g in of.guardrails],
        "minimum_effect": number(of.minimum_effect),
        "decision_rule": str(of.decision_rule),
        "identifier_type": str(of.identifier_type),
        "groups": [
            {"name": g.name, "description": g.description, "weight": g.weight} for g in of.groups
        ],
        "layer_share": number(of.layer_share),
        "holds_out": list(of.holds_out),
    }


def item(of: AnyItem, now: datetime) -> dict[str, Any]:
    """An item, also one whose row is damaged."""
    written, fault = None, ""
    try:
        written = plan(plans.of(of))
    except DAMAGE as error:
        fault = f"The stored row cannot be read: {error}"
    state = of.state(now)
    found = {
        "kind": of.KIND,
        "machine_name": of.machine_name,
        "state": str(state),
        "revision": of.revision,
        "version": of.version,
        "phase_index": of.phase,
        "possible": [str(verb) for verb in states.possible(state, of.KIND)],
        "plan": written,
        "fault": fault,
        "creator": _who(of.creator),
        "edited_by": _who(of.edited_by),
        "approved_by": _who(of.approved_by),
        "synthetic_note": of.synthetic_note,
    }
    for name in ("approved", "activated", "stopped", "created", "changed"):
        found[name] = stamp(getattr(of, name))
    if isinstance(of, Experiment):
        owns = of.layer_begin is not None and of.layer_end is not None
        found |= {
            "decision": of.decision,
            "decision_reasons": of.decision_reasons,
            "decided": stamp(of.decided),
            "public": of.public,
            "layer_range": [of.layer_begin, of.layer_end] if owns else None,
            "holdouts": of.holdouts,
        }
    return found


def _who(account: object) -> str | None:
    return account.username if isinstance(account, Account) else None


def kept(of: AnyItem) -> dict[str, Any]:
    """An item as its history keeps it, in JSON's values."""
    found: dict[str, Any] = json.loads(json.dumps(storing.to_keep(of), cls=DjangoJSONEncoder))
    return found


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, str]]:
    """What differs between two stored states."""
    return lines(history_diff.changes(before, after))


def lines(found: Iterable[history_diff.Change]) -> list[dict[str, str]]:
    """Lines of a difference as answers show them."""
    return [_change(change) for change in found]


def _change(change: history_diff.Change) -> dict[str, str]:
    sign = "-" if change.sign == "\u2212" else change.sign
    return {
        "sign": sign,
        "label": change.label,
        "was": change.was,
        "now": change.now,
        "means": change.means,
    }


def findings(found: Iterable[Finding]) -> list[dict[str, str]]:
    """What the check says."""
    return [{name: finding.to_json()[name] for name in _FINDING} for finding in found]
