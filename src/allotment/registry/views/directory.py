"""The directory: find any instrument or experiment."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import State
from allotment.registry.views import kinds

PAGE_SIZE = 25
_ORDER = [
    State.RUNNING,
    State.SCHEDULED,
    State.READY,
    State.DRAFT,
    State.STOPPED,
    State.DECIDED,
    State.ARCHIVED,
]
SORTS = {
    "status": "Status",
    "name": "Name",
    "start": "Start, newest",
    "changed": "Changed, newest",
}


@require_safe
def directory(request: HttpRequest) -> HttpResponse:
    """Every instrument and experiment, searched, filtered and sorted."""
    now = timezone.now()
    asked = {name: request.GET.get(name, "").strip() for name in ("q", "kind", "status")}
    asked |= {name: request.GET.get(name, "").strip() for name in ("team", "site")}
    sort = request.GET.get("sort", "status")
    items = kinds.everything()
    found = [item for item in items if _matches(item, asked, now)]
    found.sort(key=lambda item: _sort_key(item, sort, now))
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    query = {name: value for name, value in asked.items() if value} | {"sort": sort}
    context = {
        "asked": asked,
        "sort": sort,
        "sorts": SORTS.items(),
        "states": [(state.value, state.value.capitalize()) for state in _ORDER],
        "teams": sorted({team for item in items for team in item.owners}),
        "sites": sorted({row.site for item in items for row in item.sites.all()}),
        "page": page,
        "rows": [(item, item.state(now)) for item in page.object_list],
        "query": urlencode(query),
        "filtered": any(asked.values()),
    }
    return render(request, "registry/directory.html", context)


def _matches(item: AnyItem, asked: dict[str, str], now: datetime) -> bool:
    text = f"{item.name} {item.machine_name} {item.description}".casefold()
    return (
        all(word in text for word in asked["q"].casefold().split())
        and asked["kind"] in {"", item.KIND}
        and asked["status"] in {"", item.state(now).value}
        and (not asked["team"] or asked["team"] in item.owners)
        and (not asked["site"] or asked["site"] in {row.site for row in item.sites.all()})
    )


def _sort_key(item: AnyItem, sort: str, now: datetime) -> tuple[float | str, ...]:
    name = item.name.casefold()
    if sort == "name":
        return (name,)
    if sort == "start":
        return (-item.start.timestamp() if item.start else 0.0, name)
    if sort == "changed":
        return (-item.changed.timestamp(), name)
    return (_ORDER.index(item.state(now)), name)
