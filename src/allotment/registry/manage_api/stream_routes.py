"""Streams, by the rules of their form."""
# ruff: noqa: ARG001 - every route takes the request

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Schema
from pydantic import Field

from allotment.registry import stream_versions
from allotment.registry.environments import ENVIRONMENTS
from allotment.registry.manage_api import answers, conditions, documents, paging, problems
from allotment.registry.manage_api.callers import needs
from allotment.registry.manage_api.conditions import IF_MATCH
from allotment.registry.manage_api.fields import Key, Line, Reason, Revision, Text
from allotment.registry.manage_api.paging import SIZE, PageNumber, PageSize
from allotment.registry.manage_api.routing import Why, router
from allotment.registry.manage_api.shapes import Body
from allotment.registry.models import Stream
from allotment.registry.rules import Refusal


class StreamBody(Body):
    """A stream. `meant` says that a block of settings is taken away on purpose."""

    name: Key
    description: Text = ""
    schema_title: Line
    destination_event_service: Annotated[str, Field(max_length=100)] = "allotment-intake"
    attributes: Annotated[list[Line], Field(max_length=100)] = []
    environments: Annotated[list[Key], Field(max_length=10)] = list(ENVIRONMENTS)
    settings: dict[str, Any] = {}
    meant: bool = False


class StreamAnswer(Schema):
    """A stream."""

    name: str
    description: str
    schema_title: str
    destination_event_service: str
    attributes: list[str]
    environments: list[str]
    settings: dict[str, Any]


class StreamPage(answers.ListPage):
    """Streams by name."""

    items: list[StreamAnswer]


class StreamVersion(Schema):
    """One stored state of a stream: when, by whom, why, what it changed, and the whole of it."""

    revision: int
    when: datetime
    who: str
    reason: str
    changes: list[answers.ChangeAnswer]
    record: StreamAnswer


class StreamVersions(Schema):
    """Every stored state of a stream, newest first."""

    versions: list[StreamVersion]


class StreamRevert(Body):
    """Which stored state comes back, and why. `meant`: also where a block goes with that."""

    revision: Revision
    reason: Reason = ""
    meant: bool = False


@router.get(
    "/streams",
    operation_id="list_streams",
    summary="List streams",
    tags=["streams"],
    response=StreamPage,
    auth=needs("see"),
)
def list_streams(request: HttpRequest, page: PageNumber = 1, size: PageSize = SIZE) -> HttpResponse:
    """Every stream, by name."""
    rows = Stream.objects.order_by("name")
    return documents.answer(
        paging.page(rows, rows.count(), page, size, stream_versions.document_of)
    )


@router.post(
    "/streams",
    operation_id="create_stream",
    summary="Make a stream",
    tags=["streams"],
    response={201: StreamAnswer},
    auth=needs("streams"),
)
def create_stream(request: HttpRequest, body: StreamBody, reason: Why = "") -> HttpResponse:
    """A new stream, by the rules of the form."""
    with transaction.atomic():
        found = stream_versions.document_of(store_stream(body, None, reason))
    return documents.answer(found, status=201, etag=conditions.tag_of(found))


@router.get(
    "/streams/{path:name}/history",
    operation_id="list_stream_versions",
    summary="Read the history of a stream",
    tags=["streams"],
    response=StreamVersions,
    auth=needs("see"),
)
def list_stream_versions(request: HttpRequest, name: str) -> HttpResponse:
    """Every stored state, newest first, and what each changed."""
    found = [
        {
            "revision": version.number,
            "when": documents.stamp(version.when),
            "who": version.who,
            "reason": version.reason,
            "changes": documents.lines(version.changes),
            "record": version.document,
        }
        for version in stream_versions.all_of(_one_stream(name))
    ]
    return documents.answer({"versions": found[::-1]})


@router.post(
    "/streams/{path:name}/revert",
    operation_id="revert_stream",
    summary="Put a stored state of a stream back",
    tags=["streams"],
    response=StreamAnswer,
    auth=needs("streams"),
    openapi_extra=IF_MATCH,
)
def revert_stream(request: HttpRequest, name: str, body: StreamRevert) -> HttpResponse:
    """A new version with old settings, by the same rules as any write."""
    with transaction.atomic():
        row = _one_stream(name, lock=True)
        conditions.matches(request, stream_versions.document_of(row))
        done = stream_versions.revert(row, body.revision, reason=body.reason, meant=body.meant)
        found = stream_versions.document_of(done)
    return documents.answer(found, etag=conditions.tag_of(found))


@router.get(
    "/streams/{path:name}",
    operation_id="get_stream",
    summary="Read a stream",
    tags=["streams"],
    response=StreamAnswer,
    auth=needs("see"),
)
def get_stream(request: HttpRequest, name: str) -> HttpResponse:
    """A stream; its ETag is what a write needs."""
    found = stream_versions.document_of(_one_stream(name))
    return documents.answer(found, etag=conditions.tag_of(found))


@router.put(
    "/streams/{path:name}",
    operation_id="replace_stream",
    summary="Replace a stream",
    tags=["streams"],
    response=StreamAnswer,
    auth=needs("streams"),
    openapi_extra=IF_MATCH,
)
def replace_stream(
    request: HttpRequest, name: str, body: StreamBody, reason: Why = ""
) -> HttpResponse:
    """Store other settings. Its name stays."""
    with transaction.atomic():
        row = _one_stream(name, lock=True)
        conditions.matches(request, stream_versions.document_of(row))
        if body.name != row.name:
            raise problems.refused([_named_once("name", row.name)])
        found = stream_versions.document_of(store_stream(body, row, reason))
    return documents.answer(found, etag=conditions.tag_of(found))


def _one_stream(name: str, *, lock: bool = False) -> Stream:
    rows = Stream.objects.select_for_update() if lock else Stream.objects
    found = rows.filter(name=name).first()
    if found is None:
        raise problems.not_known("stream", name)
    return found


def store_stream(body: StreamBody, row: Stream | None, reason: str = "") -> Stream:
    """Store what the form's rules let pass.

    Raises:
        RuleRefusedError: they refuse it.
    """
    document = body.model_dump(exclude={"meant"})
    return stream_versions.store(document, row, reason=reason, meant=body.meant)


def _named_once(field: str, name: str) -> Refusal:
    return Refusal(
        "name-stays",
        field,
        "its name cannot change",
        f"The address names {name}, the body another.",
        "Put the name back, or make a new one.",
    )
