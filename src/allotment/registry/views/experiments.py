"""An experiment's own pages: plan, configuration, results and the lines to install."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from allotment.registry import arrival_signs, beds, interval_plot, narrowing, public_api
from allotment.registry import results as reports
from allotment.registry.models import Experiment
from allotment.registry.states import State
from allotment.registry.views import kinds
from allotment.registry.views.items import item_context


@require_safe
def plan(request: HttpRequest, name: str) -> HttpResponse:
    """What is tested, on whom, and why."""
    item = kinds.experiment(name)
    context = item_context(request, item)
    context |= {
        "beds": beds.draw(context["plan"], narrowing.part(item)),
        "narrowing": list(narrowing.told(item, context["plan"])),
        "health": _health(item, context),
    }
    return render(request, "registry/experiment_plan.html", context)


def _health(item: Experiment, context: dict[str, Any]) -> reports.Health | None:
    """How the groups of a running experiment stand; None where nobody can say."""
    if context["state"] is not State.RUNNING:
        return None
    lake = settings.ALLOTMENT.lake_dir
    try:
        shown = reports.read(lake, item.machine_name, context["subjects"], item.phase)
    except reports.ResultsUnreadableError:
        return None
    return shown.health if shown is not None else None


@require_safe
def configuration(request: HttpRequest, name: str) -> HttpResponse:
    """What sites read, field by field and as JSON."""
    item = kinds.experiment(name)
    context = item_context(request, item)
    try:
        document = json.dumps(public_api.experiment(item), indent=2)
    except (ValueError, TypeError):
        document = ""
    return render(request, "registry/experiment_configuration.html", context | {"json": document})


@require_safe
def results(request: HttpRequest, name: str) -> HttpResponse:
    """The verdict first, the proof below; `?phase=` names an earlier run, counted from 1."""
    item = kinds.experiment(name)
    context = item_context(request, item)
    asked = request.GET.get("phase", "")
    phase = int(asked) - 1 if asked.isascii() and asked.isdigit() else item.phase
    if not 0 <= phase <= item.phase:
        raise Http404(f"{name} has {item.phase + 1} phases")
    shown, fault = None, ""
    try:
        shown = reports.read(settings.ALLOTMENT.lake_dir, name, context["subjects"], phase)
    except reports.ResultsUnreadableError as error:
        fault = str(error)
    plot = interval_plot.draw(shown.plot_rows) if shown is not None and shown.plot_rows else None
    context |= {"results": shown, "plot": plot, "fault": fault, "shown_phase": phase}
    status = 503 if fault else 200
    return render(request, "registry/experiment_results.html", context, status=status)


@require_safe
def install(request: HttpRequest, name: str) -> HttpResponse:
    """The exact lines for this experiment, and how to see each group."""
    item = kinds.experiment(name)
    context = item_context(request, item)
    groups = [group.name for group in context["plan"].groups]
    found = arrival_signs.lately(item, timezone.now())
    context |= {
        "groups": groups,
        "treatment": groups[1] if len(groups) > 1 else "treatment",
        "arrived": found,
        "signs": arrival_signs.signs(found, groups),
    }
    return render(request, "registry/experiment_install.html", context)
