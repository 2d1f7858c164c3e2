"""Sites, exceptions to caps, and layers."""
# ruff: noqa: ARG001 - every route takes the request

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Schema
from pydantic import Field

from allotment.registry import placing
from allotment.registry.environments import DEFAULT
from allotment.registry.layers import free_share
from allotment.registry.manage_api import answers, conditions, documents, paging, problems
from allotment.registry.manage_api.callers import caller_of, needs
from allotment.registry.manage_api.conditions import IF_MATCH
from allotment.registry.manage_api.fields import Key, Reason, Share, Text
from allotment.registry.manage_api.finding_items import one
from allotment.registry.manage_api.paging import SIZE, PageNumber, PageSize
from allotment.registry.manage_api.routing import Why, router
from allotment.registry.manage_api.shapes import Body
from allotment.registry.models import CapException, Layer, Site
from allotment.registry.surroundings import Neighborhood


class SiteBody(Body):
    """A site. `cap` is the largest share that one item may have; null: all."""

    name: Key
    label: Annotated[str, Field(max_length=120)] = ""
    family: Annotated[str, Field(max_length=60)] = ""
    domain: Annotated[
        str,
        Field(
            max_length=253,
            pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+)?$",
        ),
    ] = ""
    environments: Annotated[list[Key], Field(max_length=10)] = [DEFAULT]
    cap: Share | None = None


class SitePage(answers.ListPage):
    """Registered sites by name."""

    items: list[SiteBody]


class LayerBody(Body):
    """A layer: its experiments never share a subject."""

    name: Key
    description: Text = ""


class LayerAnswer(LayerBody):
    """A layer, and how much of it no live experiment owns."""

    free: float


class LayerPage(answers.ListPage):
    """Layers by name."""

    items: list[LayerAnswer]


class ExceptionBody(Body):
    """More than a site's cap for one item."""

    site: Key
    cap: Share
    reason: Reason


class ExceptionAnswer(Schema):
    """An exception that was granted."""

    machine_name: str
    site: str
    cap: float
    reason: str
    granted_by: str | None
    granted: datetime


class ExceptionPage(answers.ListPage):
    """Exceptions by item and site."""

    items: list[ExceptionAnswer]


_SITE = tuple(SiteBody.model_fields)


def site_document(row: Site) -> dict[str, Any]:
    """A site as it is written."""
    return {name: getattr(row, name) for name in _SITE}


def _exception(row: CapException) -> dict[str, Any]:
    return {
        "machine_name": row.machine_name,
        "site": row.site,
        "cap": row.cap,
        "reason": row.reason,
        "granted_by": row.granted_by.username if row.granted_by else None,
        "granted": row.granted,
    }


@router.get(
    "/sites",
    operation_id="list_sites",
    summary="List registered sites",
    tags=["sites"],
    response=SitePage,
    auth=needs("see"),
)
def list_sites(request: HttpRequest, page: PageNumber = 1, size: PageSize = SIZE) -> HttpResponse:
    """Sites with a family, environments or a cap; others can be used without a row here."""
    rows = Site.objects.order_by("name")
    return documents.answer(paging.page(rows, rows.count(), page, size, site_document))


@router.post(
    "/sites",
    operation_id="create_site",
    summary="Register a site",
    tags=["sites"],
    response={201: SiteBody},
    auth=needs("places"),
)
def create_site(request: HttpRequest, body: SiteBody, reason: Why = "") -> HttpResponse:
    """A site that is not registered yet."""
    return _save_site(request, body, Site(), reason, 201)


@router.get(
    "/sites/{name}",
    operation_id="get_site",
    summary="Read a site",
    tags=["sites"],
    response=SiteBody,
    auth=needs("see"),
)
def get_site(request: HttpRequest, name: str) -> HttpResponse:
    """A registered site."""
    found = site_document(_one_site(name))
    return documents.answer(found, etag=conditions.tag_of(found))


@router.put(
    "/sites/{name}",
    operation_id="replace_site",
    summary="Replace a site",
    tags=["sites"],
    response=SiteBody,
    auth=needs("places"),
    openapi_extra=IF_MATCH,
)
def replace_site(request: HttpRequest, name: str, body: SiteBody, reason: Why = "") -> HttpResponse:
    """Refused where it would lower the traffic of something that is live."""
    with transaction.atomic():
        row = _one_site(name)
        conditions.matches(request, site_document(row))
        return _save_site(request, body, row, reason, 200)


@router.delete(
    "/sites/{name}",
    operation_id="remove_site",
    summary="Forget a site",
    tags=["sites"],
    response={204: None},
    auth=needs("places"),
    openapi_extra=IF_MATCH,
)
def remove_site(request: HttpRequest, name: str, reason: Why = "") -> HttpResponse:
    """It can still be named, but has no family, environments or cap."""
    with transaction.atomic():
        row = _one_site(name)
        conditions.matches(request, site_document(row))
        placing.remove_site(row, by=caller_of(request).account, reason=reason)
    return HttpResponse(status=204)


def _one_site(name: str) -> Site:
    found = Site.objects.filter(name=name).first()
    if found is None:
        raise problems.not_known("site", name)
    return found


def _save_site(
    request: HttpRequest, body: SiteBody, row: Site, reason: str, status: int
) -> HttpResponse:
    for name, value in body.model_dump().items():
        setattr(row, name, value)
    found = site_document(placing.save_site(row, by=caller_of(request).account, reason=reason))
    return documents.answer(found, status=status, etag=conditions.tag_of(found))


@router.get(
    "/layers",
    operation_id="list_layers",
    summary="List layers",
    tags=["layers"],
    response=LayerPage,
    auth=needs("see"),
)
def list_layers(request: HttpRequest, page: PageNumber = 1, size: PageSize = SIZE) -> HttpResponse:
    """Every layer, with what is free in it."""
    rows, around = Layer.objects.order_by("name"), Neighborhood(timezone.now())
    found = paging.page(rows, rows.count(), page, size, lambda row: _layer(row, around))
    return documents.answer(found)


def _layer(row: Layer, around: Neighborhood) -> dict[str, Any]:
    free = free_share(around.taken_in(row.name))
    return {"name": row.name, "description": row.description, "free": float(free)}


def _layer_tag(row: Layer) -> str:
    return conditions.tag_of({"name": row.name, "description": row.description})


def _one_layer(name: str) -> Layer:
    found = Layer.objects.filter(name=name).first()
    if found is None:
        raise problems.not_known("layer", name)
    return found


@router.post(
    "/layers",
    operation_id="create_layer",
    summary="Make a layer",
    tags=["layers"],
    response={201: LayerAnswer},
    auth=needs("places"),
)
def create_layer(request: HttpRequest, body: LayerBody, reason: Why = "") -> HttpResponse:
    """A new layer."""
    return _save_layer(request, body, Layer(), reason, 201)


@router.get(
    "/layers/{name}",
    operation_id="get_layer",
    summary="Read a layer",
    tags=["layers"],
    response=LayerAnswer,
    auth=needs("see"),
)
def get_layer(request: HttpRequest, name: str) -> HttpResponse:
    """A layer, with what is free in it."""
    row = _one_layer(name)
    return documents.answer(_layer(row, Neighborhood(timezone.now())), etag=_layer_tag(row))


@router.put(
    "/layers/{name}",
    operation_id="replace_layer",
    summary="Replace a layer",
    tags=["layers"],
    response=LayerAnswer,
    auth=needs("places"),
    openapi_extra=IF_MATCH,
)
def replace_layer(
    request: HttpRequest, name: str, body: LayerBody, reason: Why = ""
) -> HttpResponse:
    """Another description; the name stays once an experiment has used it."""
    with transaction.atomic():
        row = _one_layer(name)
        wanted, stored = conditions.asked(request), _layer_tag(row)
        if wanted != stored:
            raise conditions.stale(wanted, stored)
        return _save_layer(request, body, row, reason, 200)


def _save_layer(
    request: HttpRequest, body: LayerBody, row: Layer, reason: str, status: int
) -> HttpResponse:
    row.name, row.description = body.name, body.description
    placing.save_layer(row, by=caller_of(request).account, reason=reason)
    found = _layer(row, Neighborhood(timezone.now()))
    return documents.answer(found, status=status, etag=_layer_tag(row))


@router.get(
    "/exceptions",
    operation_id="list_exceptions",
    summary="List exceptions to caps",
    tags=["sites"],
    response=ExceptionPage,
    auth=needs("see"),
)
def list_exceptions(
    request: HttpRequest, page: PageNumber = 1, size: PageSize = SIZE
) -> HttpResponse:
    """Which items may have more of a site than its cap, and why."""
    rows = CapException.objects.select_related("granted_by").order_by("machine_name", "site")
    return documents.answer(paging.page(rows, rows.count(), page, size, _exception))


@router.post(
    "/{kind}/{name}/exceptions",
    operation_id="grant_exception",
    summary="Grant an exception to a cap",
    tags=["sites"],
    response=ExceptionAnswer,
    auth=needs("places"),
)
def grant_exception(
    request: HttpRequest, kind: answers.Kinds, name: str, body: ExceptionBody
) -> HttpResponse:
    """More of one site than its cap, for one item, with a reason; again: another share."""
    granted = placing.grant_exception(
        one(kind[:-1], name),
        body.site,
        body.cap,
        reason=body.reason,
        by=caller_of(request).account,
    )
    return documents.answer(_exception(granted))


@router.delete(
    "/{kind}/{name}/exceptions/{site}",
    operation_id="withdraw_exception",
    summary="Take an exception back",
    tags=["sites"],
    response={204: None},
    auth=needs("places"),
)
def withdraw_exception(
    request: HttpRequest, kind: answers.Kinds, name: str, site: str, reason: Why = ""
) -> HttpResponse:
    """What runs stays, and cannot be raised any more."""
    item = one(kind[:-1], name)
    rows = CapException.objects.filter(machine_name=item.machine_name, site=site)
    granted = rows.first()
    if granted is None:
        raise problems.not_known("exception on the site", site)
    placing.withdraw_exception(granted, by=caller_of(request).account, reason=reason)
    return HttpResponse(status=204)
