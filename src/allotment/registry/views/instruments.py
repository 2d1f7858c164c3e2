"""An instrument's own pages."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from allotment.contract.tables import table_name
from allotment.registry import arrival_signs
from allotment.registry.views import kinds
from allotment.registry.views.items import item_context


@require_safe
def detail(request: HttpRequest, name: str) -> HttpResponse:
    """What it measures, where, and how much of it."""
    item = kinds.instrument(name)
    return render(request, "registry/instrument.html", item_context(request, item))


@require_safe
def install(request: HttpRequest, name: str) -> HttpResponse:
    """The exact lines that send its events."""
    item = kinds.instrument(name)
    found = arrival_signs.lately(item, timezone.now())
    context = item_context(request, item) | {
        "table": table_name(item.stream.schema_title),
        "arrived": found,
        "signs": arrival_signs.signs(found, ()),
    }
    return render(request, "registry/instrument_install.html", context)
