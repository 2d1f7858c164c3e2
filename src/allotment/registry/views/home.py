"""Home: what needs the person, what is unhealthy, what runs, what starts soon, what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from allotment.analysis import lab_ledger
from allotment.registry import browsing, history_diff, unhealthy, waiting, words
from allotment.registry import results as reports
from allotment.registry.browsing import Shelf, Wanted
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import Account, Experiment, Instrument
from allotment.registry.roles import Role
from allotment.registry.states import State
from allotment.registry.views.items import day_of

_LATELY = 6
_RUNNING = 15
_SOON = 6


@dataclass(frozen=True)
class RunningRow:
    """One thing that runs, and what its latest report says; `fault`: that cannot be read."""

    item: AnyItem
    kind: str
    day: dict[str, int] | None
    subjects: str
    results: reports.Results | None
    fault: bool


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The first page after logging in."""
    now = timezone.now()
    account = request.user
    assert isinstance(account, Account)  # noqa: S101 - the middleware lets nobody else in
    everybodys = _is_everybodys(request, account)
    matters = waiting.for_account(account, now, everybodys=everybodys)
    latest, fault = reports.newest_or_fault(settings.ALLOTMENT.lake_dir)
    running = browsing.in_state(State.RUNNING, now)
    counts = [model.objects.filter(running).count() for model in (Experiment, Instrument)]
    ills = unhealthy.everything(now, latest, fault=fault)
    context = {
        "matters": matters,
        "everybodys": everybodys,
        "can_act": account.role != Role.VIEWER,
        "running": [
            _running_row(item, now, latest, fault=fault) for item in _running(account, now)
        ],
        "experiments": counts[0],
        "instruments": counts[1],
        "soon": Shelf(Wanted(status=State.SCHEDULED, sort="begins"), now).page(0, _SOON),
        "ills": ills,
        "ledger": lab_ledger.latest(settings.ALLOTMENT.lake_dir) if not ills else None,
        "lately": _lately(),
        "total": sum(model.objects.count() for model in (Experiment, Instrument)),
    }
    return render(request, "registry/home.html", context)


def _is_everybodys(request: HttpRequest, account: Account) -> bool:
    """Whether what waits is shown for all items: who owns nothing and may act anywhere sees all."""
    asked = request.GET.get("whose", "")
    if asked in {"mine", "all"}:
        return asked == "all"
    acts_anywhere = account.role in {Role.ADMIN, Role.OPERATOR}
    return acts_anywhere and not waiting.owns_anything(account)


def _running(account: Account, now: datetime) -> list[AnyItem]:
    """What runs, the account's own first, experiments before instruments."""
    found: dict[browsing.Key, None] = {}
    for owners in (browsing.own_names(account), None):
        for kind in (Experiment.KIND, Instrument.KIND):
            if owners is None and len(found) >= _RUNNING:
                continue
            wanted = Wanted(status=State.RUNNING, kind=kind, owners=owners, sort="name")
            # One's own come again among all, so that as many more are asked for.
            found |= dict.fromkeys(Shelf(wanted, now).keys(0, _RUNNING + len(found)))
    return list(browsing.fetched(list(found)[:_RUNNING]))


def _running_row(
    item: AnyItem, now: datetime, latest: Mapping[tuple[str, int], Any], *, fault: bool
) -> RunningRow:
    report = latest.get((item.machine_name, item.phase)) if isinstance(item, Experiment) else None
    subjects = words.subjects(item.identifier_type) if isinstance(item, Experiment) else ""
    return RunningRow(
        item=item,
        kind=words.kind(item.KIND),
        day=day_of(item, now),
        subjects=subjects,
        results=reports.shown(report, subjects) if report is not None else None,
        fault=fault,
    )


def _lately() -> list[dict[str, Any]]:
    """The latest changes of both kinds, newest first, each with what it changed."""
    found: list[dict[str, Any]] = []
    for model in (Experiment, Instrument):
        newest = model.history.select_related("history_user").order_by("-history_date", "-revision")
        records = list(newest[:_LATELY])
        before = Q(pk__in=())
        for record in records:
            before |= Q(id=record.id, revision=record.revision - 1)
        rows = model.history.select_related("history_user").filter(before)
        earlier = {(row.id, row.revision): row for row in rows}
        for record in records:
            one_before = earlier.get((record.id, record.revision - 1))
            pair = [record] if one_before is None else [one_before, record]
            found.append(
                {
                    "entry": history_diff.entries(pair)[-1],
                    "name": record.name,
                    "machine_name": record.machine_name,
                    "kind": model.KIND,
                    "first": one_before is None,
                }
            )
    found.sort(key=lambda row: row["entry"].when, reverse=True)
    return found[:_LATELY]
