"""The directory: find any instrument or experiment, and keep what was asked for as a view."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from allotment.registry import browsing, words
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import Account, Experiment, Instrument, SavedView
from allotment.registry.states import State

PAGE_SIZE: Final = 25
MOST_VIEWS: Final = 50
_FILTERS: Final = ("q", "whose", "kind", "status", "team", "site", "since", "until", "sort")
_USUAL: Final = {"sort": "status"}
_SORTS: dict[str, str | Promise] = {
    "status": gettext_lazy("Status"),
    "name": gettext_lazy("Name"),
    "start": gettext_lazy("Start, newest"),
    "changed": gettext_lazy("Changed, newest"),
}
_READY_MADE: tuple[tuple[str, str | Promise], ...] = (
    ("", gettext_lazy("Everything not archived")),
    ("whose=mine", pgettext_lazy("items", "Mine")),
    ("status=running", gettext_lazy("Running")),
    ("kind=experiment&status=stopped", gettext_lazy("No decision yet")),
)


@dataclass(frozen=True)
class Chip:
    """One view as a link; `key` is that of an own saved one, which can be removed."""

    label: str
    address: str
    current: bool
    of: str = ""
    key: int | None = None


class _Shelf(browsing.Shelf):
    """What was found, as Django's pages take it: only what a page shows is read."""

    def __len__(self) -> int:
        return self.count()

    def __getitem__(self, part: slice) -> tuple[AnyItem, ...]:
        return self.page(part.start, part.stop)


@require_safe
def directory(request: HttpRequest) -> HttpResponse:
    """Every instrument and experiment, searched, filtered and sorted."""
    now = timezone.now()
    asked = asked_for(request.GET)
    shelf: Any = _Shelf(_wanted(asked, request.user), now)
    page = Paginator(shelf, PAGE_SIZE).get_page(request.GET.get("page"))
    query = query_of(asked)
    chips = _chips(request.user, query)
    context = {
        "asked": asked,
        "sorts": _SORTS.items(),
        "states": [(state.value, words.state(state)) for state in browsing.ORDER],
        "teams": browsing.owner_names(),
        "sites": browsing.site_names(),
        "page": page,
        "rows": [(item, item.state(now), words.kind(item.KIND)) for item in page.object_list],
        "query": query,
        "chips": chips,
        "own": [chip for chip in chips if chip.key is not None],
        "is_new": bool(query) and not any(chip.current for chip in chips),
        "anything": page.paginator.count or _anything(),
    }
    return render(request, "registry/directory.html", context)


@require_POST
def save_view(request: HttpRequest) -> HttpResponse:
    """Keep a query under a name; the same name again means another query."""
    query = query_of(asked_for(QueryDict(request.POST.get("query", "")[:1000])))
    name = " ".join(request.POST.get("name", "").split())[:60]
    back = f"{reverse('directory')}?{query}"
    if not name:
        messages.error(request, gettext("A view needs a name. Nothing was saved."))
        return redirect(back)
    mine = SavedView.objects.filter(account=_account(request))
    if mine.exclude(name=name).count() >= MOST_VIEWS:
        messages.error(
            request, gettext("You have as many views as can be kept. Remove one of them first.")
        )
        return redirect(back)
    kept = {"query": query, "shared": request.POST.get("shared") == "yes"}
    try:
        with transaction.atomic():
            SavedView.objects.update_or_create(account=_account(request), name=name, defaults=kept)
    except IntegrityError:  # two clicks at once: the other one has made it
        mine.filter(name=name).update(**kept)
    messages.success(request, gettext("The view “%(name)s” is saved.") % {"name": name})
    return redirect(back)


@require_POST
def remove_view(request: HttpRequest, key: int) -> HttpResponse:
    """Forget one's own view."""
    found = SavedView.objects.filter(account=_account(request), pk=key).first()
    if found is None:
        raise Http404(f"no view {key} of this account")
    found.delete()
    messages.success(request, gettext("The view “%(name)s” is removed.") % {"name": found.name})
    return redirect("directory")


def asked_for(given: QueryDict) -> dict[str, str]:
    """The filters of a query, each one that this page knows; what cannot be read is left out."""
    asked = {name: given.get(name, "").strip()[:200] for name in _FILTERS}
    known = {
        "whose": {"mine"},
        "kind": {Experiment.KIND, Instrument.KIND},
        "status": {browsing.EVERY_STATUS, *(state.value for state in State)},
        "sort": set(browsing.SORTS),
    }
    for name, values in known.items():
        if asked[name] not in values:
            asked[name] = _USUAL.get(name, "")
    for name in ("since", "until"):
        asked[name] = str(_day(asked[name]) or "")
    return asked


def query_of(asked: dict[str, str]) -> str:
    """The query string of filters, always in the same order, without what is usual."""
    return urlencode({n: asked[n] for n in _FILTERS if asked[n] and asked[n] != _USUAL.get(n, "")})


def _wanted(asked: dict[str, str], user: object) -> browsing.Wanted:
    owners: tuple[str, ...] | None = (asked["team"],) if asked["team"] else None
    if asked["whose"] and isinstance(user, Account):
        mine = browsing.own_names(user)
        named = {name.casefold() for name in mine}
        owners = mine if owners is None else tuple(o for o in owners if o.casefold() in named)
    return browsing.Wanted(
        words=tuple(asked["q"].split()),
        kind=asked["kind"],
        status=asked["status"],
        owners=owners,
        site=asked["site"],
        since=_day(asked["since"]),
        until=_day(asked["until"]),
        sort=asked["sort"],
    )


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _chips(user: object, query: str) -> list[Chip]:
    base = reverse("directory")
    found = [
        Chip(str(label), f"{base}?{ready}" if ready else base, _same(ready, query))
        for ready, label in _READY_MADE
    ]
    if not isinstance(user, Account):
        return found
    views = SavedView.objects.filter(Q(account=user) | Q(shared=True)).select_related("account")
    for view in views[: 2 * MOST_VIEWS]:
        mine = view.account_id == user.pk
        found.append(
            Chip(
                view.name,
                f"{base}?{view.query}",
                _same(view.query, query),
                "" if mine else view.account.username,
                view.pk if mine else None,
            )
        )
    return found


def _same(one: str, other: str) -> bool:
    return sorted(parse_qsl(one)) == sorted(parse_qsl(other))


def _account(request: HttpRequest) -> Account:
    if not isinstance(request.user, Account):
        raise Http404("only an account has views")
    return request.user


def _anything() -> bool:
    return Experiment.objects.exists() or Instrument.objects.exists()
