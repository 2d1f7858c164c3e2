"""The calendar: which experiments run on which site and when, and which of them meet."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from allotment.registry import calendar_layout as layout
from allotment.registry import narrowing, public_api, rules, words
from allotment.registry.calendar_layout import Run, Window
from allotment.registry.models import Experiment, Layer
from allotment.registry.sites import SiteBook
from allotment.registry.states import Stage

SITES_A_PAGE = 10
MOST_RUNS = 400
_MEETINGS = 5
_MOST_MEETINGS = 60


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Six weeks from `?from=`, of one site or one layer where they are named."""
    now = timezone.now()
    begin = _first_day(request.GET.get("from", ""))
    asked = {name: request.GET.get(name, "").strip()[:70] for name in ("site", "layer")}
    window = Window(_midnight(begin), _midnight(begin + timedelta(weeks=layout.WEEKS)))
    book = public_api.sites()
    runs, too_many = _runs(window, book, asked, now)
    named = layout.sites_of(runs)
    everywhere = _("all other sites")
    sites = [asked["site"]] if asked["site"] else named
    if not asked["site"] and any(run.everywhere for run in runs):
        sites = [*sites, everywhere]
    shown = Paginator(sites, SITES_A_PAGE).get_page(request.GET.get("page"))
    on_page = list(shown.object_list)
    beds = layout.beds(on_page, runs, window, _label)
    meetings = layout.meetings(on_page, runs)
    query = {name: value for name, value in asked.items() if value}
    kept = urlencode(query)
    context = {
        "window": window,
        "last": window.end - timedelta(seconds=1),
        "beds": beds,
        "left": layout.LEFT,
        "width": layout.WIDTH,
        "height": layout.height(beds),
        "weeks": [(window.x(week), week) for week in window.weeks],
        "today": window.x(now) if window.begin <= now < window.end else None,
        "meetings": meetings[:_MEETINGS],
        "others": meetings[_MEETINGS:_MOST_MEETINGS],
        "met": len(meetings),
        "apart": sum(meeting.apart for meeting in meetings),
        "asked": asked,
        "sites": named if not asked["site"] else sorted({*named, asked["site"]}),
        "layers": list(Layer.objects.values_list("name", flat=True)),
        "page": shown,
        "query": urlencode({"from": str(begin), **query}),
        "kept": kept,
        "before": f"?{urlencode({'from': str(begin - timedelta(weeks=4)), **query})}",
        "after": f"?{urlencode({'from': str(begin + timedelta(weeks=4)), **query})}",
        "begin": str(begin),
        "too_many": too_many,
        "empty": not any(bed.bars for bed in beds),
    }
    return render(request, "registry/calendar.html", context)


def _runs(
    window: Window, book: SiteBook, asked: dict[str, str], now: datetime
) -> tuple[list[Run], bool]:
    """The experiments of a window that have a start, and whether there are more than can be drawn.

    One that was stopped ends there.
    """
    rows = Experiment.objects.filter(
        Q(stopped__isnull=True) | Q(stopped__gte=window.begin),
        start__lt=window.end,
        end__gte=window.begin,
        is_template=False,
    ).exclude(stage=Stage.ARCHIVED)
    if asked["layer"]:
        rows = rows.filter(layer__name=asked["layer"])
    found = list(
        rows.select_related("layer")
        .prefetch_related("sites")
        .order_by("start", "pk")[: MOST_RUNS + 1]
    )
    runs = [_run(item, book, now) for item in found[:MOST_RUNS]]
    if asked["site"]:
        runs = [run for run in runs if run.share(asked["site"])]
    return runs, len(found) > MOST_RUNS


def _run(item: Experiment, book: SiteBook, now: datetime) -> Run:
    rows = [(row.site, row.rate) for row in item.sites.all()]
    begin = item.start or item.end
    return Run(
        machine_name=item.machine_name,
        name=item.name,
        state=item.state(now),
        begin=begin,
        end=max(begin, min(item.end, item.stopped or item.end)),
        shares=book.rates(rows),
        everywhere=item.default_rate,
        layer=item.layer.name if item.layer is not None else "",
        layer_share=narrowing.layer_share(item),
        held_out=narrowing.held_out(item),
        is_apart=bool(item.holds_out),
    )


def _label(run: Run, share: Decimal) -> str:
    return f"{run.name}, {rules.percent(share)}, {words.state(run.state)}"


def _first_day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return layout.first_day(timezone.localdate())
    # Far from any century that a clock of today knows, adding weeks would fail.
    usual = date(1970, 1, 1) <= found <= date(9000, 1, 1)
    return found if usual else layout.first_day(timezone.localdate())


def _midnight(day: date) -> datetime:
    zone: Any = timezone.get_current_timezone()
    return datetime.combine(day, time.min, zone)
