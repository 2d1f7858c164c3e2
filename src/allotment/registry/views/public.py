"""The page of an experiment that everybody may read, where its owners say so."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from allotment.registry import audit, gate, interval_plot, narrowing, words
from allotment.registry import plan as plans
from allotment.registry import results as reports
from allotment.registry.models import Experiment
from allotment.registry.views import kinds


@login_not_required
@require_safe
def experiment(request: HttpRequest, name: str) -> HttpResponse:
    """Plan, dates, groups and results, without login; teams alone are named, and no person.

    An experiment that is not public, and one that is not there, answer alike.
    """
    item = Experiment.objects.select_related("stream").filter(machine_name=name).first()
    if item is None or not item.public:
        raise Http404("no such page")
    subjects = words.subjects(item.identifier_type)
    try:
        shown = reports.read(settings.ALLOTMENT.lake_dir, name, subjects, item.phase)
    except reports.ResultsUnreadableError:
        shown = None
    if shown is not None and shown.total == "0":
        shown = None
    plot = interval_plot.draw(shown.plot_rows) if shown is not None and shown.plot_rows else None
    plan = plans.of_experiment(item)
    context = {
        "item": item,
        "plan": plan,
        "narrowing": list(narrowing.told(item, plan)),
        "state": item.state(timezone.now()),
        "teams": [owner for owner in item.owners if not owner.startswith("@")],
        "subjects": subjects,
        "results": shown,
        "plot": plot,
    }
    response = render(request, "registry/public_experiment.html", context)
    response["X-Robots-Tag"] = "noindex"
    return response


@require_POST
def publish(request: HttpRequest, name: str) -> HttpResponse:
    """Give an experiment a public page, or take that away."""
    item = kinds.experiment(name)
    gate.require(request, "publish", item)
    public = request.POST.get("public") == "yes"
    with transaction.atomic():
        changed = Experiment.objects.filter(pk=item.pk, public=not public).update(public=public)
        if changed:
            audit.record("publish" if public else "unpublish", kind="experiment", name=name)
    text = (
        gettext("Everybody can read its public page.")
        if public
        else gettext("It has no public page any more.")
    )
    messages.success(request, text)
    return redirect("experiment", name=name)
