"""The health of one item: group sizes, what arrives, what is refused, what the check finds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from allotment.contract.check import Kind
from allotment.registry import arrival_signs, hour_plot, nightly, served, unhealthy
from allotment.registry import results as reports
from allotment.registry.models import Experiment
from allotment.registry.states import LIVE
from allotment.registry.views import kinds
from allotment.registry.views.items import item_context


@require_safe
def page(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """Whether the numbers of an item can be trusted, and whether anything is amiss with it."""
    item = kinds.find(kind, name)
    context = item_context(request, item)
    now = timezone.now()
    groups = [g.name for g in context["plan"].groups] if isinstance(item, Experiment) else []
    found = arrival_signs.lately(item, now)
    parts = groups or (sorted(found.parts, key=lambda p: -found.parts[p]) if found else [])
    health, fault = None, False
    if isinstance(item, Experiment):
        try:
            shown = reports.read(settings.ALLOTMENT.lake_dir, name, context["subjects"], item.phase)
            health = shown.health if shown is not None else None
        except reports.ResultsUnreadableError:
            fault = True
    checked = nightly.latest(settings.ALLOTMENT.registry_dir)
    findings = (
        [
            unhealthy.of_finding(finding, checked.when)
            for about in ((Kind(kind), name), (Kind.STREAM, item.stream.name))
            for finding in checked.about(*about)
            if finding.severity != "note"
        ]
        if checked is not None
        else []
    )
    context |= {
        "health": health,
        "fault": fault,
        "arrived": found,
        "parts": parts[:8],
        "signs": arrival_signs.signs(found, groups),
        "findings": findings,
        "checked": checked.when if checked is not None else None,
        "left_out": context["state"] in LIVE and name in served.left_out(now),
    }
    if found is not None and found.hours:
        context |= _drawn(found, parts)
    return render(request, "registry/item_health.html", context)


def _drawn(found: Any, parts: list[str]) -> dict[str, Any]:  # noqa: ANN401 - the lab's own
    """The picture, and the same as a table: the hours with an event, newest first."""
    until = found.since + timedelta(days=1)
    begins = hour_plot.hours_until(until.replace(minute=0, second=0, microsecond=0))
    clock = {begin: f"{timezone.localtime(begin):%H:%M}" for begin in begins}
    return {
        "plot": hour_plot.draw(found.hours, parts, until, clock),
        "hours": [
            (hour, [counts.get(part, 0) for part in parts[:8]])
            for hour, counts in reversed(found.hours)
        ],
    }
