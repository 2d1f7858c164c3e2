"""The verbs of the life cycle, and the kill switch."""
# ruff: noqa: FBT002 - how a route says that a query may be left out

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Schema
from pydantic import Field

from allotment.registry import lifecycle
from allotment.registry.lifecycle import AnyItem
from allotment.registry.manage_api import answers, conditions, documents, finding_items
from allotment.registry.manage_api.callers import caller_of, needs
from allotment.registry.manage_api.conditions import IF_MATCH
from allotment.registry.manage_api.fields import Key, Text
from allotment.registry.manage_api.routing import Dry, router
from allotment.registry.manage_api.shapes import Body, Said
from allotment.registry.manage_api.writing_items import stored_plan, written
from allotment.registry.states import Verb


class Decided(Body):
    """What was decided, and why; it stays."""

    decision: Annotated[str, Field(max_length=20)]
    reasons: Text


class Named(Body):
    """One item."""

    kind: Literal["experiment", "instrument"]
    machine_name: Key


class Kill(Body):
    """What the kill switch stops: everything that is live, or the items that are listed."""

    reason: Text
    everything: bool = False
    items: Annotated[list[Named], Field(max_length=5000)] = []


class Stopped(Schema):
    """What the kill switch has stopped; of what was listed, only what was live."""

    kill: int
    everything: bool
    reason: str
    stopped: list[Named]


_DO: Final[dict[Verb, tuple[Callable[..., AnyItem], str, str]]] = {
    Verb.ASK: (
        lifecycle.ask,
        "Ask for approval",
        "From draft to ready, when nothing in the plan refuses it any more.",
    ),
    Verb.WITHDRAW: (
        lifecycle.withdraw,
        "Take back to draft",
        "From ready to draft; an approval is gone with it.",
    ),
    Verb.APPROVE: (
        lifecycle.approve,
        "Approve",
        "Another person than its makers has looked at the plan as it stands.",
    ),
    Verb.ACTIVATE: (
        lifecycle.activate,
        "Switch on",
        "It runs, or waits for its start. A start that was left open becomes this minute.",
    ),
    Verb.START: (
        lifecycle.start,
        "Start now",
        "What waits for its start runs from this minute on.",
    ),
    Verb.STOP: (
        lifecycle.stop,
        "Stop",
        "Nobody is enrolled any more once sites have read it. If-Match may be left out here.",
    ),
    Verb.ARCHIVE: (
        lifecycle.archive,
        "Archive",
        "Out of the directory's first view; nothing is lost.",
    ),
    Verb.RESTORE: (
        lifecycle.restore,
        "Bring back",
        "Back to where it was when it was archived.",
    ),
}


def _route(verb: Verb) -> Callable[..., HttpResponse]:
    do, _, words = _DO[verb]

    def run(
        request: HttpRequest,
        kind: answers.Kinds,
        name: str,
        body: Said,
        dry_run: Dry = False,
    ) -> HttpResponse:
        return _moved(request, kind[:-1], name, verb, dry_run, do, reason=body.reason)

    run.__name__ = f"{verb}_item"
    run.__doc__ = words
    return run


for _verb, (_, _summary, _words) in _DO.items():
    router.post(
        f"/{{kind}}/{{name}}/{_verb}",
        operation_id=f"{_verb}_item",
        summary=_summary,
        description=_words,
        tags=["life cycle"],
        response=answers.ItemWritten,
        auth=needs(_verb),
        openapi_extra=None if _verb is Verb.STOP else IF_MATCH,
    )(_route(_verb))


@router.post(
    "/experiments/{name}/decide",
    operation_id="decide_experiment",
    summary="Write down the decision",
    tags=["life cycle"],
    response=answers.ExperimentWritten,
    auth=needs(Verb.DECIDE),
    openapi_extra=IF_MATCH,
)
def decide_experiment(
    request: HttpRequest, name: str, body: Decided, dry_run: Dry = False
) -> HttpResponse:
    """What people made of the result, and why: `ship`, `do-not-ship`, `learn-more`, `no-decision`.

    It cannot be taken back; a relaunch begins a new phase.
    """
    return _moved(
        request,
        "experiment",
        name,
        Verb.DECIDE,
        dry_run,
        lifecycle.decide,
        decision=body.decision,
        reasons=body.reasons,
    )


@router.post(
    "/experiments/{name}/relaunch",
    operation_id="relaunch_experiment",
    summary="Relaunch as a new phase",
    tags=["life cycle"],
    response=answers.ExperimentWritten,
    auth=needs(Verb.RELAUNCH),
    openapi_extra=IF_MATCH,
)
def relaunch_experiment(
    request: HttpRequest, name: str, body: Said, dry_run: Dry = False
) -> HttpResponse:
    """A draft of the next phase of the same experiment; what was measured stays."""
    return _moved(
        request, "experiment", name, Verb.RELAUNCH, dry_run, lifecycle.relaunch, reason=body.reason
    )


def _moved(
    request: HttpRequest,
    kind: str,
    name: str,
    verb: Verb,
    dry_run: bool,  # noqa: FBT001
    do: Callable[..., AnyItem],
    **given: Any,  # noqa: ANN401 - what the verb takes
) -> HttpResponse:
    item = finding_items.one(kind, name)
    caller = caller_of(request)
    caller.require(verb, item)
    lenient = verb is Verb.STOP and "If-Match" not in request.headers
    expected = None if lenient else conditions.revision(request)
    stored_plan(item)
    return written(
        dry_run,
        lambda: do(item, by=caller.account, expected=expected, **given),
        before=documents.kept(item),
    )


@router.post(
    "/kill",
    operation_id="kill",
    summary="Use the kill switch",
    tags=["life cycle"],
    response=Stopped,
    auth=needs(Verb.KILL),
)
def kill(request: HttpRequest, body: Kill) -> HttpResponse:
    """Stop everything that is live, or what is listed, at once; no version is asked for."""
    picked = [finding_items.one(named.kind, named.machine_name) for named in body.items]
    done = lifecycle.kill(
        None if body.everything else picked, reason=body.reason, by=caller_of(request).account
    )
    stopped = [{"kind": kind, "machine_name": name} for kind, name in done.stopped]
    return documents.answer(
        {"kill": done.pk, "everything": done.everything, "reason": done.reason, "stopped": stopped}
    )
