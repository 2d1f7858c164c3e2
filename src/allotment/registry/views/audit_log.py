"""The audit log as a page and as lines of JSON. For admins."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from allotment.registry import audit, gate
from allotment.registry.models import AuditEntry

PAGE_SIZE = 50
_FILTERS = ("who", "action", "name", "from", "to")


def _asked(given: dict[str, str]) -> dict[str, str]:
    return {name: given.get(name, "").strip() for name in _FILTERS}


def _found(asked: dict[str, str]) -> QuerySet[AuditEntry]:
    rows = AuditEntry.objects.order_by("-number")
    if asked["who"]:
        rows = rows.filter(who__iexact=asked["who"])
    if asked["action"]:
        rows = rows.filter(action=asked["action"])
    if asked["name"]:
        rows = rows.filter(name__icontains=asked["name"])
    zone = timezone.get_current_timezone()
    for bound, lookup, end in (("from", "gte", time.min), ("to", "lte", time.max)):
        try:
            day = parse_date(asked[bound])
        except ValueError:
            day = None
        if day is not None:
            rows = rows.filter(**{f"when__{lookup}": datetime.combine(day, end, zone)})
    return rows


@never_cache
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Who did what, newest first."""
    gate.require(request, "audit")
    asked = _asked(request.GET.dict())
    shown = Paginator(_found(asked), PAGE_SIZE).get_page(request.GET.get("page"))
    actions = AuditEntry.objects.order_by("action").values_list("action", flat=True).distinct()
    context = {
        "page": shown,
        "rows": [(entry, _details(entry)) for entry in shown.object_list],
        "asked": asked,
        "actions": list(actions),
        "query": urlencode({name: value for name, value in asked.items() if value}),
    }
    return render(request, "registry/audit.html", context)


def _details(entry: AuditEntry) -> list[tuple[str, str]]:
    """What an entry holds besides, as texts."""
    found = []
    for name, value in entry.detail.items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        if text:
            found.append((name, text))
    return found


@require_POST
def export(request: HttpRequest) -> StreamingHttpResponse:
    """What the filters show as JSON lines, oldest first. The export is itself written down."""
    gate.require(request, "audit")
    asked = _asked(request.POST.dict())
    rows = _found(asked).order_by("number")
    audit.record("export-audit-log", kind="audit", filters={k: v for k, v in asked.items() if v})

    def lines() -> Iterator[str]:
        for entry in rows.iterator(chunk_size=1000):
            yield audit.as_json(entry) + "\n"

    response = StreamingHttpResponse(lines(), content_type="application/x-ndjson")
    response["Content-Disposition"] = 'attachment; filename="audit.jsonl"'
    return response
