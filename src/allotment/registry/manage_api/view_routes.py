"""Saved views of the directory: the account's own, and those that others offer."""

from __future__ import annotations

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Schema
from pydantic import Field

from allotment.registry import saved_views
from allotment.registry.manage_api import answers, documents, paging, problems
from allotment.registry.manage_api.callers import caller_of, needs
from allotment.registry.manage_api.paging import SIZE, PageNumber, PageSize
from allotment.registry.manage_api.problems import ProblemError
from allotment.registry.manage_api.routing import router
from allotment.registry.manage_api.shapes import Body
from allotment.registry.models import SavedView


class NewView(Body):
    """Filters as they stand in the address of the directory, under a name."""

    name: Annotated[str, Field(min_length=1, max_length=saved_views.LONGEST_NAME)]
    query: Annotated[str, Field(max_length=saved_views.LONGEST_QUERY)] = ""
    shared: bool = False


class ViewAnswer(Schema):
    """A view; `account` is whose it is, and `query` has its filters in the directory's order."""

    key: int
    name: str
    query: str
    shared: bool
    account: str


class ViewPage(answers.ListPage):
    """Views by name."""

    items: list[ViewAnswer]


@router.get(
    "/views",
    operation_id="list_views",
    summary="List saved views",
    tags=["views"],
    response=ViewPage,
    auth=needs("see"),
)
def list_views(request: HttpRequest, page: PageNumber = 1, size: PageSize = SIZE) -> HttpResponse:
    """One's own views of the directory, and those that are offered to all."""
    rows = saved_views.offered(caller_of(request).account)
    return documents.answer(paging.page(rows, rows.count(), page, size, _shown))


@router.post(
    "/views",
    operation_id="save_view",
    summary="Save a view",
    tags=["views"],
    response={201: ViewAnswer},
    auth=needs("views"),
)
def save_view(request: HttpRequest, body: NewView) -> HttpResponse:
    """Keep filters under a name. The same name again means other filters."""
    strange = saved_views.strange(body.query)
    if strange:
        raise ProblemError(
            422,
            f"The directory has no filter {', '.join(strange)}, or not with this value.",
            remedy=f"Its filters are {', '.join(saved_views.FILTERS)}.",
        )
    try:
        found = saved_views.save(
            caller_of(request).account, name=body.name, query=body.query, shared=body.shared
        )
    except saved_views.ViewRefusedError as error:
        raise ProblemError(422, str(error)) from error
    return documents.answer(_shown(found), status=201)


@router.delete(
    "/views/{int:key}",
    operation_id="remove_view",
    summary="Remove a view",
    tags=["views"],
    response={204: None},
    auth=needs("views"),
)
def remove_view(request: HttpRequest, key: int) -> HttpResponse:
    """Forget one's own view. What others offer is theirs to remove."""
    if saved_views.remove(caller_of(request).account, key) is None:
        # The same answer where it is another's: whether it exists is nobody else's matter.
        raise problems.not_known("view of yours", str(key))
    return HttpResponse(status=204)


def _shown(row: SavedView) -> dict[str, Any]:
    return {
        "key": row.pk,
        "name": row.name,
        "query": row.query,
        "shared": row.shared,
        "account": row.account.username,
    }
