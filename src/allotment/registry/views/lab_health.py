"""The health of the lab: what is ill, what became of the events, who reads the configuration."""

from __future__ import annotations

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from allotment.analysis import lab_ledger
from allotment.registry import consumers, gate, unhealthy
from allotment.registry import results as reports

PAGE_SIZE = 25


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Everything that is unhealthy, and the figures behind it."""
    gate.require(request, "health")
    now = timezone.now()
    latest, fault = reports.newest_or_fault(settings.ALLOTMENT.lake_dir)
    ills = unhealthy.everything(now, latest, fault=fault)
    book = consumers.book(now)
    context = {
        "page": Paginator(ills, PAGE_SIZE).get_page(request.GET.get("page")),
        "total": len(ills),
        "ledger": lab_ledger.latest(settings.ALLOTMENT.lake_dir),
        "heads": HEADS,
        "programs": list(consumers.programs(book.all(now), book.late(now))),
    }
    return render(request, "registry/lab_health.html", context)


HEADS = (
    ("received", _("Received")),
    ("written", _("Written")),
    ("rejected", _("Rejected")),
    ("duplicate", _("Sent twice")),
    ("waiting", _("Waiting")),
    ("lost", _("Not written")),
    ("missing", _("Missing")),
)
"""The columns of the ledger: what was received is all the others together."""
