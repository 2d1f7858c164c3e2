"""The directory: find any instrument or experiment, and keep what was asked for as a view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy, pgettext_lazy
from django.views.decorators.http import require_POST, require_safe

from allotment.registry import browsing, gate, saved_views, words
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import Account, Experiment, Instrument
from allotment.registry.saved_views import asked_for, day, query_of

PAGE_SIZE: Final = 25
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
    gate.require(request, "views")
    query = saved_views.normal(request.POST.get("query", "")[: saved_views.LONGEST_QUERY])
    try:
        found = saved_views.save(
            _account(request),
            name=request.POST.get("name", ""),
            query=query,
            shared=request.POST.get("shared") == "yes",
        )
    except saved_views.ViewRefusedError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, gettext("The view “%(name)s” is saved.") % {"name": found.name})
    return redirect(f"{reverse('directory')}?{query}")


@require_POST
def remove_view(request: HttpRequest, key: int) -> HttpResponse:
    """Forget one's own view."""
    gate.require(request, "views")
    found = saved_views.remove(_account(request), key)
    if found is None:
        raise Http404(f"no view {key} of this account")
    messages.success(request, gettext("The view “%(name)s” is removed.") % {"name": found.name})
    return redirect("directory")


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
        since=day(asked["since"]),
        until=day(asked["until"]),
        sort=asked["sort"],
    )


def _chips(user: object, query: str) -> list[Chip]:
    base = reverse("directory")
    found = [
        Chip(str(label), f"{base}?{ready}" if ready else base, _same(ready, query))
        for ready, label in _READY_MADE
    ]
    if not isinstance(user, Account):
        return found
    for view in saved_views.offered(user)[: 2 * saved_views.MOST_VIEWS]:
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
