"""The kill switch: everything that is live, or what is ticked, at once and with one reason.

What is ticked goes with the form from page to page and from search to search, so that nothing of it
hangs on a script. The first button of the form only searches: Enter stops nothing.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from allotment.registry import gate, lifecycle
from allotment.registry.models import Account
from allotment.registry.rules import RuleRefusedError
from allotment.registry.states import Verb
from allotment.registry.views import kinds
from allotment.registry.views.kinds import Live

PAGE_SIZE = 50


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """What is on, as far as it was searched for; or the act."""
    gate.require(request, Verb.KILL)
    given = request.POST if request.method == "POST" else request.GET
    chosen, reason = set(given.getlist("item")), given.get("reason", "")
    refusals: Any = ()
    if request.method == "POST" and {"chosen", "everything"} & request.POST.keys():
        picked = None if "everything" in request.POST else kinds.chosen(chosen)
        by = request.user if isinstance(request.user, Account) else None
        try:
            done = lifecycle.kill(picked, reason=reason, by=by)
        except RuleRefusedError as error:
            refusals = error.refusals
        else:
            messages.success(request, _said(len(done.stopped)))
            return redirect("home")
    live = kinds.live(timezone.now())
    asked = given.get("q", "").strip()
    others = [item for item in live if item.key not in chosen and _matches(item, asked)]
    context = {
        "total": len(live),
        "many": len(live) > PAGE_SIZE,
        "asked": asked,
        "ticked": [item for item in live if item.key in chosen],
        "page": Paginator(others, PAGE_SIZE).get_page(given.get("page")),
        "reason": reason,
        "refusals": refusals,
    }
    return render(request, "registry/kill.html", context, status=422 if refusals else 200)


def _matches(item: Live, asked: str) -> bool:
    text = f"{item.name} {item.machine_name} {item.traffic}".casefold()
    return all(word in text for word in asked.casefold().split())


def _said(count: int) -> str:
    text = ngettext(
        "%(count)s item is stopped, once sites have read it.",
        "%(count)s items are stopped, once sites have read it.",
        count,
    )
    return text % {"count": count}
