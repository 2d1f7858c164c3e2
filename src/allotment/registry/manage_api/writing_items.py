"""Writing instruments and experiments: make, replace, change parts, copy, put back, publish.

Every write is one transaction; a dry run is the same one, undone at its end, so that it can never
say anything else than the write would.
"""
# ruff: noqa: FBT002 - how a route says that a query may be left out

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Body as InBody
from pydantic import ValidationError

from allotment.registry import audit, checking, lifecycle, reverting, subject_replay
from allotment.registry import plan as plans
from allotment.registry.changing import refuse
from allotment.registry.lifecycle import AnyItem
from allotment.registry.manage_api import (
    answers,
    conditions,
    documents,
    finding_items,
    problems,
    reading_items,
    vocabulary,
)
from allotment.registry.manage_api.callers import caller_of, needs
from allotment.registry.manage_api.conditions import IF_MATCH
from allotment.registry.manage_api.fields import Key, Name, Reason, Revision
from allotment.registry.manage_api.routing import Dry, Why, router
from allotment.registry.manage_api.shapes import (
    Body,
    ExperimentBody,
    InstrumentBody,
    PlanBody,
)
from allotment.registry.models import Experiment
from allotment.registry.permissions import with_owner
from allotment.registry.rules import Refusal

Parts = InBody[dict[str, Any]]
BODIES: dict[str, type[PlanBody]] = {"experiment": ExperimentBody, "instrument": InstrumentBody}


class Like(Body):
    """A new item like another."""

    machine_name: Key
    name: Name = ""
    acknowledged: bool = False


class Revert(Body):
    """Which stored state comes back, and why."""

    revision: Revision
    reason: Reason = ""


class Publish(Body):
    """Whether everybody may read its public page."""

    public: bool


def written(
    dry_run: bool,  # noqa: FBT001 - as the route has it
    do: Callable[[], AnyItem],
    *,
    before: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    """Do a write, or try it, and say what it changed and what the check finds in the result."""
    with transaction.atomic():
        item = do()
        now = timezone.now()
        item = finding_items.one(item.KIND, item.machine_name)
        after = documents.kept(item)
        found: dict[str, Any] = {
            "stored": not dry_run,
            "changes": [] if before is None else documents.changes(before, after),
            "effects": [],
            "findings": documents.findings(checking.of_plan(plans.of(item), now, item)),
            "item": documents.item(item, now),
        }
        if dry_run:
            transaction.set_rollback(True)
    if dry_run and found["changes"] and before is not None:
        # Asked of the lake once nobody waits for the database any more.
        stored = finding_items.one(item.KIND, before["machine_name"])
        found["effects"] = subject_replay.between(stored, before, after)
    response = documents.answer(found, status=200 if dry_run else status, etag=str(item.revision))
    if status == 201 and not dry_run:  # noqa: PLR2004
        response["Location"] = f"/api/v1/manage/{item.KIND}s/{item.machine_name}"
    return response


def _create(request: HttpRequest, body: PlanBody, dry_run: bool) -> HttpResponse:  # noqa: FBT001
    account = caller_of(request).account
    plan = plan_of(body, None)
    plan = plans.with_owners(plan, with_owner(account, plan.owners))
    refuse(vocabulary.refusals(plan, None))
    return written(dry_run, lambda: lifecycle.create(plan, by=account), status=201)


def plan_of(body: PlanBody, before: plans.AnyPlan | None) -> plans.AnyPlan:
    """The plan that a body asks for.

    Raises:
        ProblemError: its conditions cannot be read.
    """
    try:
        return body.plan(before)
    except TypeError as error:
        refusal = Refusal(
            "condition-can-be-met",
            "targeting",
            "the conditions cannot be read",
            f"{error}.",
            "Give {attribute: {operator: operand}}.",
        )
        raise problems.refused([refusal]) from error


def _edit(
    request: HttpRequest,
    item: AnyItem,
    body: PlanBody,
    reason: str,
    dry_run: bool,  # noqa: FBT001
) -> HttpResponse:
    expected = conditions.revision(request)
    if item.revision != expected:
        raise conditions.stale(expected, item.revision)
    before = stored_plan(item)
    plan = plan_of(body, before)
    refuse(vocabulary.refusals(plan, before))
    account = caller_of(request).account
    return written(
        dry_run,
        lambda: lifecycle.edit(item, plan, reason=reason, by=account, expected=expected),
        before=documents.kept(item),
    )


def stored_plan(item: AnyItem) -> plans.AnyPlan:
    """The plan that is stored.

    Raises:
        ProblemError: the row is damaged.
    """
    try:
        return plans.of(item)
    except documents.DAMAGE as error:
        raise problems.ProblemError(
            409, f"The stored row cannot be read: {error}", remedy="Tell an admin."
        ) from error


def _mine(request: HttpRequest, kind: str, name: str, action: str) -> AnyItem:
    """The item of a name, when the caller may do the action to it."""
    item = finding_items.one(kind, name)
    caller_of(request).require(action, item)
    return item


@router.post(
    "/experiments",
    operation_id="create_experiment",
    summary="Make an experiment",
    tags=["experiments"],
    response={201: answers.ExperimentWritten, 200: answers.ExperimentWritten},
    auth=needs("create"),
)
def create_experiment(
    request: HttpRequest, body: ExperimentBody, dry_run: Dry = False
) -> HttpResponse:
    """A new experiment, which is a draft. Where no owner named lets you edit it, you become one."""
    return _create(request, body, dry_run)


@router.post(
    "/instruments",
    operation_id="create_instrument",
    summary="Make an instrument",
    tags=["instruments"],
    response={201: answers.InstrumentWritten, 200: answers.InstrumentWritten},
    auth=needs("create"),
)
def create_instrument(
    request: HttpRequest, body: InstrumentBody, dry_run: Dry = False
) -> HttpResponse:
    """A new instrument, which is a draft. Where no owner named lets you edit it, you become one."""
    return _create(request, body, dry_run)


@router.put(
    "/experiments/{name}",
    operation_id="replace_experiment",
    summary="Replace the plan of an experiment",
    tags=["experiments"],
    response=answers.ExperimentWritten,
    auth=needs("edit"),
    openapi_extra=IF_MATCH,
)
def replace_experiment(
    request: HttpRequest, name: str, body: ExperimentBody, dry_run: Dry = False, reason: Why = ""
) -> HttpResponse:
    """Store another plan; its state stays."""
    return _edit(request, _mine(request, "experiment", name, "edit"), body, reason, dry_run)


@router.put(
    "/instruments/{name}",
    operation_id="replace_instrument",
    summary="Replace the plan of an instrument",
    tags=["instruments"],
    response=answers.InstrumentWritten,
    auth=needs("edit"),
    openapi_extra=IF_MATCH,
)
def replace_instrument(
    request: HttpRequest, name: str, body: InstrumentBody, dry_run: Dry = False, reason: Why = ""
) -> HttpResponse:
    """Store another plan; its state stays."""
    return _edit(request, _mine(request, "instrument", name, "edit"), body, reason, dry_run)


@router.patch(
    "/experiments/{name}",
    operation_id="change_experiment",
    summary="Change parts of the plan of an experiment",
    tags=["experiments"],
    response=answers.ExperimentWritten,
    auth=needs("edit"),
    openapi_extra=IF_MATCH,
)
def change_experiment(
    request: HttpRequest, name: str, body: Parts, dry_run: Dry = False, reason: Why = ""
) -> HttpResponse:
    """The fields that are given replace those of the plan, whole; the others stay."""
    return _change(request, _mine(request, "experiment", name, "edit"), body, reason, dry_run)


@router.patch(
    "/instruments/{name}",
    operation_id="change_instrument",
    summary="Change parts of the plan of an instrument",
    tags=["instruments"],
    response=answers.InstrumentWritten,
    auth=needs("edit"),
    openapi_extra=IF_MATCH,
)
def change_instrument(
    request: HttpRequest, name: str, body: Parts, dry_run: Dry = False, reason: Why = ""
) -> HttpResponse:
    """The fields that are given replace those of the plan, whole; the others stay."""
    return _change(request, _mine(request, "instrument", name, "edit"), body, reason, dry_run)


def _change(
    request: HttpRequest,
    item: AnyItem,
    parts: Parts,
    reason: str,
    dry_run: bool,  # noqa: FBT001
) -> HttpResponse:
    whole = documents.plan(stored_plan(item)) | parts
    try:
        asked = BODIES[item.KIND].model_validate(whole)
    except ValidationError as error:
        raise problems.refused(problems.value_refusals(error.errors())) from error
    return _edit(request, item, asked, reason, dry_run)


@router.post(
    "/{kind}/{name}/clone",
    operation_id="clone_item",
    summary="Make an item like another",
    tags=["experiments", "instruments"],
    response={201: answers.ItemWritten, 200: answers.ItemWritten},
    auth=needs("create"),
)
def clone_item(
    request: HttpRequest, kind: answers.Kinds, name: str, body: Like, dry_run: Dry = False
) -> HttpResponse:
    """A new draft with the plan of another item, also of a template; it runs as long, from now."""
    account = caller_of(request).account
    source = finding_items.one(kind[:-1], name)
    stored_plan(source)

    def make() -> AnyItem:
        plan = lifecycle.copied(source, machine_name=body.machine_name, name=body.name)
        plan = plans.with_owners(plan, with_owner(account, plan.owners))
        plan = plans.with_acknowledgement(plan, body.acknowledged)
        return lifecycle.create(plan, by=account, reason=f"Like {source.machine_name}")

    return written(dry_run, make, status=201)


@router.post(
    "/{kind}/{name}/revert",
    operation_id="revert_item",
    summary="Put a stored plan back",
    tags=["history"],
    response=answers.ItemWritten,
    auth=needs("edit"),
    openapi_extra=IF_MATCH,
)
def revert_item(
    request: HttpRequest, kind: answers.Kinds, name: str, body: Revert, dry_run: Dry = False
) -> HttpResponse:
    """A new version with an old plan, by the same rules as any write; its state stays."""
    item = _mine(request, kind[:-1], name, "edit")
    expected = conditions.revision(request)
    account = caller_of(request).account

    def put_back() -> AnyItem:
        return reverting.revert(
            item, body.revision, reason=body.reason, by=account, expected=expected
        )

    stored_plan(item)
    return written(
        dry_run,
        put_back,
        before=documents.kept(item),
    )


@router.post(
    "/experiments/{name}/publish",
    operation_id="publish_experiment",
    summary="Give an experiment a public page, or take it away",
    tags=["experiments"],
    response=answers.ExperimentAnswer,
    auth=needs("publish"),
)
def publish_experiment(request: HttpRequest, name: str, body: Publish) -> HttpResponse:
    """Everybody may then read its plan and results, and no person's name."""
    item = _mine(request, "experiment", name, "publish")
    with transaction.atomic():
        rows = Experiment.objects.filter(pk=item.pk, public=not body.public)
        if rows.update(public=body.public):
            audit.record("publish" if body.public else "unpublish", kind="experiment", name=name)
    return reading_items.shown(finding_items.one("experiment", name))
