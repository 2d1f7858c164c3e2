"""The verbs of the life cycle as pages: each one post, done, or refused by the rules named."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST

from allotment.registry import gate, lifecycle
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import Account, Experiment
from allotment.registry.rules import Refusal, RuleRefusedError
from allotment.registry.states import State, Verb
from allotment.registry.views import kinds
from allotment.registry.views.items import item_context

_DID_NOT = {
    Verb.ASK: gettext_lazy("was not submitted"),
    Verb.WITHDRAW: gettext_lazy("was not taken back"),
    Verb.APPROVE: gettext_lazy("was not approved"),
    Verb.ACTIVATE: gettext_lazy("was not switched on"),
    Verb.START: gettext_lazy("was not started"),
    Verb.STOP: gettext_lazy("was not stopped"),
    Verb.DECIDE: gettext_lazy("was not decided"),
    Verb.RELAUNCH: gettext_lazy("was not relaunched"),
    Verb.ARCHIVE: gettext_lazy("was not archived"),
    Verb.RESTORE: gettext_lazy("was not brought back"),
}

_DECISION_HINTS = {
    "ship": gettext_lazy("Everybody gets what the better group saw."),
    "do-not-ship": gettext_lazy("Everybody keeps what control saw."),
    "learn-more": gettext_lazy("The question stays open: a new phase or another experiment."),
    "no-decision": gettext_lazy("Nothing follows from it, for example since it was broken."),
}


def _acting(request: HttpRequest) -> Account | None:
    return request.user if isinstance(request.user, Account) else None


def _post(
    request: HttpRequest, kind: str, name: str, verb: Verb, do: Callable[..., AnyItem]
) -> HttpResponse:
    item = kinds.find(kind, name)
    gate.require(request, verb, item)
    reason = request.POST.get("reason", "").strip()
    began = request.POST.get("revision", "")
    expected = int(began) if began.isdecimal() else None
    try:
        item = do(item, by=_acting(request), reason=reason, expected=expected)
    except RuleRefusedError as error:
        return _refused(request, item, verb, error.refusals)
    messages.success(request, _said(item, verb))
    if verb is Verb.RELAUNCH:
        return redirect(f"{kind}-edit", name=name)
    return redirect(kind, name=name)


@require_POST
def ask(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """Nothing refuses it any more: let a second person look."""
    return _post(request, kind, name, Verb.ASK, lifecycle.ask)


@require_POST
def withdraw(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """Back to a draft."""
    return _post(request, kind, name, Verb.WITHDRAW, lifecycle.withdraw)


@require_POST
def approve(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """A second person says yes."""
    return _post(request, kind, name, Verb.APPROVE, lifecycle.approve)


@require_POST
def activate(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """Switch on, or show which rules refuse it."""
    return _post(request, kind, name, Verb.ACTIVATE, lifecycle.activate)


@require_POST
def start(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """Now instead of the planned start."""
    return _post(request, kind, name, Verb.START, lifecycle.start)


@require_POST
def relaunch(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """A draft of the next phase."""
    return _post(request, kind, name, Verb.RELAUNCH, lifecycle.relaunch)


@require_POST
def archive(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """Out of the directory's first view."""
    return _post(request, kind, name, Verb.ARCHIVE, lifecycle.archive)


@require_POST
def restore(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """Back from the archive."""
    return _post(request, kind, name, Verb.RESTORE, lifecycle.restore)


@require_http_methods(["GET", "POST"])
def stop(request: HttpRequest, kind: str, name: str) -> HttpResponse:
    """Ask once what stopping means, then switch off."""
    if request.method == "POST":
        return _post(request, kind, name, Verb.STOP, lifecycle.stop)
    item = kinds.find(kind, name)
    gate.require(request, Verb.STOP, item)
    return render(request, "registry/stop.html", item_context(request, item))


@require_http_methods(["GET", "POST"])
def decide(request: HttpRequest, name: str) -> HttpResponse:
    """Write down what was decided, and why; it stays."""
    item = kinds.experiment(name)
    gate.require(request, Verb.DECIDE, item)
    given = {word: request.POST.get(word, "") for word in ("decision", "reasons")}
    refusals: tuple[Refusal, ...] = ()
    if request.method == "POST":
        try:
            lifecycle.decide(item, given["decision"], given["reasons"], by=_acting(request))
        except RuleRefusedError as error:
            refusals = error.refusals
        else:
            messages.success(request, gettext("%(name)s is decided.") % {"name": item.name})
            return redirect("experiment", name=name)
    errors = {refusal.field: refusal.sentence for refusal in refusals}
    if "decision" in errors and not given["decision"]:
        errors["decision"] = gettext("Choose what was decided.")
    context = item_context(request, item) | {
        "choices": Experiment.Decision.choices,
        "given": given,
        "refusals": refusals,
        "hints": _DECISION_HINTS,
        "errors": errors,
    }
    return render(request, "registry/decide.html", context, status=422 if refusals else 200)


def _refused(
    request: HttpRequest, item: AnyItem, verb: Verb, refusals: tuple[Refusal, ...]
) -> HttpResponse:
    context = item_context(request, item) | {"refusals": refusals, "did_not": _DID_NOT[verb]}
    return render(request, "registry/verb_refused.html", context, status=422)


def _said(item: AnyItem, verb: Verb) -> str:
    """What has happened, in one or two sentences."""
    if verb is Verb.ACTIVATE and item.state(timezone.now()) is State.SCHEDULED:
        return gettext("%(name)s is switched on and waits for its start.") % {"name": item.name}
    stopped = (
        gettext("%(name)s is stopped. Nobody is enrolled any more once sites have read it.")
        if item.KIND == "experiment"
        else gettext("%(name)s is stopped. Nothing is sent any more once sites have read it.")
    )
    runs = gettext("%(name)s runs. Sites read it within seconds.")
    text = {
        Verb.ACTIVATE: runs,
        Verb.ASK: gettext("%(name)s is ready. Now another person can approve it."),
        Verb.WITHDRAW: gettext("%(name)s is a draft again."),
        Verb.APPROVE: gettext("%(name)s is approved. It can be switched on."),
        Verb.START: runs,
        Verb.STOP: stopped,
        Verb.RELAUNCH: gettext(
            "%(name)s has a new phase, which is a draft. What was measured stays."
        ),
        Verb.ARCHIVE: gettext("%(name)s is in the archive."),
        Verb.RESTORE: gettext("%(name)s is back from the archive."),
    }[verb]
    return text % {"name": item.name}
