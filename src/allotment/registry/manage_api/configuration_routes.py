"""The whole configuration at once, for files that are kept elsewhere: read, plan, apply."""
# ruff: noqa: ARG001 - every route takes the request

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest, HttpResponse
from ninja import Schema

from allotment.registry.manage_api import answers, configuration, documents
from allotment.registry.manage_api.callers import caller_of, needs
from allotment.registry.manage_api.conditions import IF_MATCH
from allotment.registry.manage_api.configuration import Changes, Kind
from allotment.registry.manage_api.routing import router


class Document(Schema):
    """One thing with its version. `document` is null where the stored row is damaged.

    `state` is that of an item, else empty; `removable` says whether it may be archived or removed
    as it stands.
    """

    kind: Kind
    name: str
    version: str
    document: dict[str, Any] | None
    state: str
    removable: bool
    fault: str


class Whole(Schema):
    """Everything that is configured."""

    entries: list[Document]


class Outcome(Schema):
    """What became of one entry, or would. `forbidden` says of a plan what the caller may not do."""

    kind: Kind
    name: str
    done: Literal["created", "changed", "same", "removed", "refused"]
    forbidden: str
    changes: list[answers.ChangeAnswer]
    effects: list[str]
    findings: list[answers.FindingAnswer]
    refusals: list[answers.RefusalAnswer]


class Outcomes(Schema):
    """What became of all entries."""

    stored: bool
    entries: list[Outcome]


@router.get(
    "/configuration",
    operation_id="get_configuration",
    summary="Read the whole configuration",
    tags=["configuration"],
    response=Whole,
    auth=needs("see"),
)
def get_configuration(request: HttpRequest) -> HttpResponse:
    """Teams, layers, sites, streams, exceptions, instruments and experiments, with versions."""
    return documents.answer({"entries": list(configuration.everything())})


@router.post(
    "/configuration/plan",
    operation_id="plan_configuration",
    summary="Try many changes",
    tags=["configuration"],
    response=Outcomes,
    auth=needs("see"),
)
def plan_configuration(request: HttpRequest, body: Changes) -> HttpResponse:
    """What the changes would do, and what refuses them. Nothing is stored: a reader may ask."""
    found = configuration.plan(caller_of(request), body)
    return documents.answer(configuration.answered(found, stored=False))


@router.post(
    "/configuration/apply",
    operation_id="apply_configuration",
    summary="Make many changes together",
    tags=["configuration"],
    response=Outcomes,
    auth=needs("create"),
    openapi_extra={"responses": {n: IF_MATCH["responses"][n] for n in (409, 412)}},
)
def apply_configuration(request: HttpRequest, body: Changes) -> HttpResponse:
    """All or nothing, each by its own rules and rights; what was there must have its version."""
    found = configuration.write(caller_of(request), body)
    return documents.answer(configuration.answered(found, stored=True))
