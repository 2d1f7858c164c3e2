"""What the pages of instruments and experiments share: the head of each, and the history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from allotment.registry import (
    gate,
    history_diff,
    lifecycle,
    permissions,
    reverting,
    rules,
    states,
    subject_replay,
    versions,
    words,
)
from allotment.registry import plan as plans
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import Account, Experiment, State
from allotment.registry.permissions import Decision
from allotment.registry.rules import RuleRefusedError, Surroundings
from allotment.registry.states import LIVE, Verb
from allotment.registry.surroundings import Neighborhood, range_of
from allotment.registry.views import kinds

# These show a page first: what they mean, or what else they need.
_WITH_PAGE = {Verb.STOP, Verb.DECIDE}
# The rule that the buttons satisfy, and not the form.
_APPROVAL = "second-person-approved"
_FIRST = {
    State.DRAFT: Verb.ACTIVATE,
    State.READY: Verb.ACTIVATE,
    State.STOPPED: Verb.DECIDE,
    State.DECIDED: Verb.RELAUNCH,
    State.ARCHIVED: Verb.RESTORE,
}


@dataclass(frozen=True)
class Button:
    """One verb as a button: its word, where it leads, and whether the person may press it."""

    verb: Verb
    word: str
    address: str
    has_page: bool
    primary: bool
    allowed: Decision


@require_safe
def history(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """Who changed what, when and why; `?from=1&to=3` says what lies between two versions."""
    item = kinds.find(kind, name)
    records = list(item.history.select_related("history_user").order_by("revision"))
    between = _between(item, request.GET.get("from", ""), request.GET.get("to", ""))
    context = item_context(request, item) | {
        "entries": history_diff.entries(records)[::-1],
        "between": between,
        "revert": permissions.may(request.user, "edit", item),
    }
    return render(request, "registry/history.html", context)


def _between(item: AnyItem, first: str, second: str) -> dict[str, Any] | None:
    """What differs between two versions, the older one first; None where none are named."""
    if not (first.isdecimal() and second.isdecimal()):
        return None
    lower, upper = sorted((int(first), int(second)))
    before, after = versions.find(item, lower), versions.find(item, upper)
    if before is None or after is None:
        return None
    return {
        "before": before,
        "after": after,
        "changes": history_diff.changes(before.record, after.record),
        "effects": subject_replay.between(item, before.record, after.record),
    }


@require_POST
def revert(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """One click: the plan of an earlier version is the next version."""
    item = kinds.find(kind, name)
    gate.require(request, "edit", item)
    number, began = request.POST.get("number", ""), request.POST.get("revision", "")
    try:
        saved = reverting.revert(
            item,
            int(number) if number.isdecimal() else 0,
            reason=request.POST.get("reason", ""),
            by=request.user if isinstance(request.user, Account) else None,
            expected=int(began) if began.isdecimal() else None,
        )
    except RuleRefusedError as error:
        context = item_context(request, item) | {
            "refusals": error.refusals,
            "did_not": gettext("did not go back to version %(number)s") % {"number": number},
        }
        return render(request, "registry/verb_refused.html", context, status=422)
    if saved.revision == item.revision:
        messages.success(
            request,
            gettext("%(name)s is already as it was in version %(number)s.")
            % {"name": item.name, "number": number},
        )
    else:
        messages.success(
            request,
            gettext("%(name)s is as it was in version %(number)s; this is version %(revision)s.")
            % {"name": item.name, "number": number, "revision": saved.revision},
        )
    return redirect(f"{kind}-history", name=name)


def item_context(request: HttpRequest, item: AnyItem) -> dict[str, Any]:
    """What the head of every page of an item shows."""
    kind = item.KIND
    now = timezone.now()
    state = item.state(now)
    current = request.resolver_match.url_name if request.resolver_match else ""
    plan = plans.of(item)
    hinders = hindrances(item, now)
    return {
        "item": item,
        "kind": kind,
        "kind_word": words.kind(kind),
        "plan": plan,
        "state": state,
        "live": state in LIVE,
        "over": state not in LIVE and item.activated is not None and item.start is not None,
        "hindrances": [r for r in hinders if r.rule != _APPROVAL],
        "waits_for_approval": any(r.rule == _APPROVAL for r in hinders),
        "buttons": buttons(request, item, state),
        "may_edit": permissions.may(request.user, "edit", item),
        "tabs": [(url, label, url == current) for url, label in kinds.TABS[kind]],
        "day": day_of(item, now),
        "phases": list(item.phases.all()) if isinstance(item, Experiment) and item.phase else [],
        "subjects": words.subjects(item.identifier_type) if isinstance(item, Experiment) else "",
    }


def hindrances(
    item: AnyItem, now: datetime, around: Neighborhood | None = None
) -> tuple[rules.Refusal, ...]:
    """What keeps an item that was not on yet from being switched on.

    A list of many items hands in what is `around` them all; the check, which looks further, is
    then left to each item's own page and to the switch.
    """
    if item.state(now) not in {State.DRAFT, State.READY}:
        return ()
    plan = plans.of(item)
    found = rules.to_activate(
        plan,
        now=now,
        around=(around or Neighborhood(now)).around(plan, item),
        approved=item.approved is not None,
        own=range_of(item),
    )
    return found if around is not None else (*found, *lifecycle.checked(item, plan, now, found))


def buttons(request: HttpRequest, item: AnyItem, state: State) -> list[Button]:
    """What can be done to an item in its state, the main thing first."""
    asked = Surroundings(approval_from=settings.ALLOTMENT.approval_from)
    waits = asked.needs_approval(item.risk_level) and item.approved is None
    first = _FIRST.get(state)
    if waits and state in {State.DRAFT, State.READY}:
        first = Verb.ASK if state is State.DRAFT else Verb.APPROVE
    elif state is State.STOPPED and item.KIND == "instrument":
        first = Verb.ACTIVATE
    # The kill switch has a page of its own; approval is spoken of only where it is asked for.
    hidden = {Verb.KILL} if waits else {Verb.KILL, Verb.ASK}
    if state is not State.READY or item.approved is not None:
        hidden.add(Verb.APPROVE)
    found = []
    for verb in states.possible(state, item.KIND):
        if verb in hidden:
            continue
        found.append(
            Button(
                verb=verb,
                word=words.verb(verb),
                address=reverse(f"{item.KIND}-{verb}", args=[item.machine_name]),
                has_page=verb in _WITH_PAGE,
                primary=verb is first,
                allowed=permissions.may(request.user, verb, item),
            )
        )
    return sorted(found, key=lambda button: not button.primary)


def day_of(item: AnyItem, now: datetime) -> dict[str, int] | None:
    """Which day of the planned ones this is, counted from 1."""
    if item.state(now) is not State.RUNNING or item.start is None:
        return None
    total = max(1, -(-(item.end - item.start).total_seconds() // 86_400))
    today = min(total, (now - item.start).total_seconds() // 86_400 + 1)
    share = (now - item.start) / (item.end - item.start)
    return {"today": int(today), "total": int(total), "percent": max(1, round(100 * share))}
