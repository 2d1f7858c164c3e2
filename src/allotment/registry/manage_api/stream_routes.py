"""Streams, by the rules of their form."""
# ruff: noqa: ARG001 - every route takes the request

from __future__ import annotations

from typing import Annotated, Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from ninja import Schema
from pydantic import Field

from allotment.registry.environments import ENVIRONMENTS
from allotment.registry.forms.stream import StreamForm
from allotment.registry.manage_api import answers, conditions, documents, paging, problems
from allotment.registry.manage_api.callers import needs
from allotment.registry.manage_api.conditions import IF_MATCH
from allotment.registry.manage_api.fields import Key, Line, Text
from allotment.registry.manage_api.paging import SIZE, PageNumber, PageSize
from allotment.registry.manage_api.routing import router
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


_STREAM = tuple(StreamAnswer.model_fields)


def stream_document(row: Stream) -> dict[str, Any]:
    """A stream as it is written."""
    return {name: getattr(row, name) for name in _STREAM}


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
    return documents.answer(paging.page(rows, rows.count(), page, size, stream_document))


@router.post(
    "/streams",
    operation_id="create_stream",
    summary="Make a stream",
    tags=["streams"],
    response={201: StreamAnswer},
    auth=needs("streams"),
)
def create_stream(request: HttpRequest, body: StreamBody) -> HttpResponse:
    """A new stream, by the rules of the form."""
    with transaction.atomic():
        found = stream_document(store_stream(body, None))
    return documents.answer(found, status=201, etag=conditions.tag_of(found))


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
    found = stream_document(_one_stream(name))
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
def replace_stream(request: HttpRequest, name: str, body: StreamBody) -> HttpResponse:
    """Store other settings. Its name stays."""
    with transaction.atomic():
        row = _one_stream(name, lock=True)
        conditions.matches(request, stream_document(row))
        if body.name != row.name:
            raise problems.refused([_named_once("name", row.name)])
        found = stream_document(store_stream(body, row))
    return documents.answer(found, etag=conditions.tag_of(found))


def _one_stream(name: str, *, lock: bool = False) -> Stream:
    rows = Stream.objects.select_for_update() if lock else Stream.objects
    found = rows.filter(name=name).first()
    if found is None:
        raise problems.not_known("stream", name)
    return found


def store_stream(body: StreamBody, row: Stream | None) -> Stream:
    """Store what the form's rules let pass.

    Raises:
        ProblemError: they refuse it.
    """
    given = QueryDict(mutable=True)
    for name, value in body.model_dump().items():
        if name in {"attributes", "environments"}:
            given.setlist(name, list(value))
        elif name == "settings":
            given[name] = documents.text(value)
        elif value is not False:
            given[name] = str(value)
    form = StreamForm(given, stream=row, initial=stream_document(row) if row else None)
    if not form.is_valid():
        raise problems.refused(
            [
                Refusal(
                    error.code if error.code and "-" in error.code else "value-has-form",
                    field,
                    f"{field} cannot be used",
                    " ".join(error.messages),
                    "Mend it and send it again; “meant” says that something is taken away.",
                )
                for field, errors in form.errors.as_data().items()
                for error in errors
            ]
        )
    return form.save()


def _named_once(field: str, name: str) -> Refusal:
    return Refusal(
        "name-stays",
        field,
        "its name cannot change",
        f"The address names {name}, the body another.",
        "Put the name back, or make a new one.",
    )
