"""Reading instruments and experiments: lists, one, its history, findings, results."""
# ruff: noqa: ARG001 - every route takes the request

from __future__ import annotations

from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query
from pydantic import Field

from allotment.registry import checking, results, subject_replay
from allotment.registry import plan as plans
from allotment.registry.lifecycle import AnyItem
from allotment.registry.manage_api import answers, documents, finding_items, paging, problems
from allotment.registry.manage_api.callers import needs
from allotment.registry.manage_api.fields import Revision
from allotment.registry.manage_api.finding_items import Filters
from allotment.registry.manage_api.routing import router
from allotment.registry.models import Experiment

_SEE = needs("see")


@router.get(
    "/experiments",
    operation_id="list_experiments",
    summary="List experiments",
    tags=["experiments"],
    response=answers.ExperimentPage,
    auth=_SEE,
)
def list_experiments(request: HttpRequest, filters: Query[Filters]) -> HttpResponse:
    """Every experiment that the filters fit."""
    return _list(Experiment.KIND, filters)


@router.get(
    "/instruments",
    operation_id="list_instruments",
    summary="List instruments",
    tags=["instruments"],
    response=answers.InstrumentPage,
    auth=_SEE,
)
def list_instruments(request: HttpRequest, filters: Query[Filters]) -> HttpResponse:
    """Every instrument that the filters fit."""
    return _list("instrument", filters)


def _list(kind: str, filters: Filters) -> HttpResponse:
    now = timezone.now()
    rows = finding_items.listed(kind, filters, now)
    found = paging.page(
        rows, rows.count(), filters.page, filters.size, lambda row: documents.item(row, now)
    )
    return documents.answer(found)


@router.get(
    "/experiments/{name}",
    operation_id="get_experiment",
    summary="Read an experiment",
    tags=["experiments"],
    response=answers.ExperimentAnswer,
    auth=_SEE,
)
def get_experiment(request: HttpRequest, name: str) -> HttpResponse:
    """An experiment with its plan; its ETag is what a write needs."""
    return shown(finding_items.one("experiment", name))


@router.get(
    "/instruments/{name}",
    operation_id="get_instrument",
    summary="Read an instrument",
    tags=["instruments"],
    response=answers.InstrumentAnswer,
    auth=_SEE,
)
def get_instrument(request: HttpRequest, name: str) -> HttpResponse:
    """An instrument with its plan; its ETag is what a write needs."""
    return shown(finding_items.one("instrument", name))


def shown(item: AnyItem) -> HttpResponse:
    """One item with its ETag."""
    return documents.answer(documents.item(item, timezone.now()), etag=str(item.revision))


@router.get(
    "/{kind}/{name}/history",
    operation_id="list_versions",
    summary="Read the history of an item",
    tags=["history"],
    response=answers.Versions,
    auth=_SEE,
)
def list_versions(request: HttpRequest, kind: answers.Kinds, name: str) -> HttpResponse:
    """Every stored state, newest first, and what each changed."""
    before: dict[str, Any] | None = None
    found = []
    for record in _records(finding_items.one(kind[:-1], name)):
        kept = record.plan or {}
        user = record.history_user
        found.append(
            {
                "revision": record.revision,
                "version": record.version,
                "when": documents.stamp(record.history_date),
                "who": user.get_username() if user else "the system",
                "verb": record.verb,
                "reason": record.history_change_reason or "",
                "kill": record.kill,
                "changes": [] if before is None else documents.changes(before, kept),
            }
        )
        before = kept
    return documents.answer({"versions": found[::-1]})


@router.get(
    "/{kind}/{name}/history/{revision}",
    operation_id="get_version",
    summary="Read a stored state of an item",
    tags=["history"],
    response=answers.Record,
    auth=_SEE,
)
def get_version(
    request: HttpRequest, kind: answers.Kinds, name: str, revision: Revision
) -> HttpResponse:
    """The whole plan as it was then, with stage, phase, range and decision."""
    kept = record_of(finding_items.one(kind[:-1], name), revision)
    return documents.answer({"revision": revision, "record": kept})


@router.get(
    "/{kind}/{name}/diff",
    operation_id="get_difference",
    summary="Compare two stored states of an item",
    tags=["history"],
    response=answers.Difference,
    auth=_SEE,
)
def get_difference(
    request: HttpRequest, kind: answers.Kinds, name: str, before: Revision, after: Revision
) -> HttpResponse:
    """What differs between two revisions, in words."""
    item = finding_items.one(kind[:-1], name)
    was, becomes = record_of(item, before), record_of(item, after)
    found = {
        "before": before,
        "after": after,
        "changes": documents.changes(was, becomes),
        "effects": subject_replay.between(item, was, becomes),
    }
    return documents.answer(found)


def record_of(item: AnyItem, revision: int) -> dict[str, Any]:
    """What the history keeps of one revision.

    Raises:
        ProblemError: there is no such revision.
    """
    for record in _records(item, revision):
        return dict(record.plan or {})
    raise problems.not_known("revision", str(revision))


def _records(item: AnyItem, revision: int | None = None) -> list[Any]:
    """The records of an item's history, oldest first."""
    rows = item.history.select_related("history_user").order_by("history_date", "history_id")
    return list(rows if revision is None else rows.filter(revision=revision))


@router.get(
    "/{kind}/{name}/findings",
    operation_id="get_findings",
    summary="Check an item",
    tags=["check"],
    response=answers.Findings,
    auth=_SEE,
)
def get_findings(request: HttpRequest, kind: answers.Kinds, name: str) -> HttpResponse:
    """What the rules of the check find in an item, as it stands, among what is live."""
    item = finding_items.one(kind[:-1], name)
    try:
        plan = plans.of(item)
    except documents.DAMAGE as error:
        raise problems.ProblemError(409, f"The stored row cannot be read: {error}") from error
    found = checking.of_plan(plan, timezone.now(), item)
    return documents.answer({"findings": documents.findings(found)})


@router.get(
    "/experiments/{name}/results",
    operation_id="get_results",
    summary="Read the results of an experiment",
    tags=["experiments"],
    response=answers.ReportAnswer,
    auth=_SEE,
)
def get_results(
    request: HttpRequest, name: str, phase: Annotated[int, Field(ge=0, le=10_000)] | None = None
) -> HttpResponse:
    """The latest report of a phase, counted from 0; of the present one where none is named."""
    item = finding_items.one("experiment", name)
    if not isinstance(item, Experiment):
        raise problems.not_known("experiment", name)
    wanted = item.phase if phase is None else phase
    if wanted > item.phase:
        raise problems.not_known("phase", str(wanted))
    report = _report(name, wanted)
    return documents.answer({"experiment": name, "phase": wanted, "report": report})


def _report(name: str, phase: int) -> dict[str, Any] | None:
    try:
        report = results.latest(settings.ALLOTMENT.lake_dir, name, phase)
    except results.ResultsUnreadableError as error:
        raise problems.ProblemError(
            503, str(error), remedy="Try again; if it goes on, tell an admin."
        ) from error
    return None if report is None else report.to_json()
