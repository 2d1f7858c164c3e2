"""The health of the lab: what is ill, what became of the events, who reads the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter

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
from allotment.registry.consumers import Consumer

PAGE_SIZE = 25


@dataclass(frozen=True)
class Program:
    """The readers of one program: `held` are the versions that they got when they last asked."""

    name: str
    readers: int
    late: int
    last: datetime
    held: tuple[int, ...]


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
        "programs": list(_programs(book.all(now), book.late(now))),
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


def _programs(found: Iterable[Consumer], late: Iterable[Consumer]) -> Iterator[Program]:
    stopped = set(late)
    for name, group in groupby(found, attrgetter("program")):
        readers = list(group)
        yield Program(
            name=name,
            readers=len(readers),
            late=sum(one in stopped for one in readers),
            last=max(one.last for one in readers),
            held=tuple(sorted({one.version for one in readers}, reverse=True)[:5]),
        )
