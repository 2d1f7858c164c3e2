"""Home: what runs, what needs somebody, what is ill, what changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from allotment.contract.check import Finding, Severity
from allotment.registry import history_diff, nightly, served
from allotment.registry import results as reports
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import Experiment, Instrument, State
from allotment.registry.surroundings import Neighborhood
from allotment.registry.views import kinds
from allotment.registry.views.items import hindrances, item_context

_LATELY = 6
_SOON = timedelta(days=3)


@dataclass(frozen=True)
class Matter:
    """One thing that waits for somebody."""

    item: AnyItem
    tone: str
    headline: str
    detail: str
    action: str
    page: str


@dataclass(frozen=True)
class Ill:
    """One thing that the latest check found, where it is mended, and when it was found."""

    finding: Finding
    address: str
    when: datetime


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The first page after logging in."""
    now = timezone.now()
    items = kinds.everything()
    around = Neighborhood(now)
    running = [item for item in items if item.state(now) is State.RUNNING]
    running.sort(key=lambda item: (item.KIND, item.name.casefold()))
    soon = [item for item in items if item.state(now) is State.SCHEDULED]
    soon.sort(key=lambda item: (item.start or item.end, item.name))
    context = {
        "running": [_running_row(request, item) for item in running],
        "experiments": sum(isinstance(item, Experiment) for item in running),
        "instruments": sum(isinstance(item, Instrument) for item in running),
        "matters": [matter for item in items for matter in _matters(item, now, around)],
        "soon": soon,
        "left_out": served.left_out(now),
        "lately": _lately(),
        "ills": _ills(),
        "total": len(items),
    }
    return render(request, "registry/home.html", context)


def _ills() -> list[Ill]:
    """What the latest check of everything found, the worst first; notes are for the form."""
    report = nightly.latest(settings.ALLOTMENT.registry_dir)
    if report is None:
        return []
    return [
        Ill(finding, kinds.address(finding.place.kind, finding.place.name), report.when)
        for finding in report.findings
        if finding.severity is not Severity.NOTE
    ]


def _running_row(request: HttpRequest, item: AnyItem) -> dict[str, Any]:
    row = item_context(request, item)
    if isinstance(item, Experiment):
        try:
            row["results"] = reports.read(
                settings.ALLOTMENT.lake_dir, item.machine_name, row["subjects"], item.phase
            )
        except reports.ResultsUnreadableError:
            row["fault"] = True
    return row


def _matters(item: AnyItem, now: datetime, around: Neighborhood) -> list[Matter]:
    state = item.state(now)
    if state is State.DRAFT and not item.is_template:
        refusals = hindrances(item, now, around)
        if refusals:
            headline = f"cannot start: {refusals[0].headline}"
            return [Matter(item, "bad", headline, refusals[0].what, "Mend", f"{item.KIND}-edit")]
        return [
            Matter(
                item,
                "warn",
                "is a draft that nothing refuses",
                "It can be switched on.",
                "Look",
                item.KIND,
            )
        ]
    if state is State.RUNNING and item.end - now <= _SOON:
        return [
            Matter(
                item,
                "warn",
                "ends within 3 days",
                "Give it a later end if it is to go on.",
                "Look",
                item.KIND,
            )
        ]
    return []


def _lately() -> list[dict[str, Any]]:
    """The latest changes of both kinds, newest first."""
    found: list[dict[str, Any]] = []
    for model in (Experiment, Instrument):
        records = model.history.select_related("history_user").order_by("-history_date")
        for record in records[:_LATELY]:
            earlier = list(
                model.history.filter(id=record.id, history_date__lt=record.history_date).order_by(
                    "-history_date"
                )[:1]
            )
            entry = history_diff.entries([*earlier, record])[-1]
            found.append(
                {
                    "entry": entry,
                    "name": record.name,
                    "machine_name": record.machine_name,
                    "kind": model.KIND,
                    "first": not earlier,
                }
            )
    found.sort(key=lambda row: row["entry"].when, reverse=True)
    return found[:_LATELY]
