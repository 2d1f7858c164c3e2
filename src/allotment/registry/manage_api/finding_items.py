"""Finding instruments and experiments: one by its name, or those that filters fit."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from django.db.models import F, QuerySet
from django.db.models.functions import Lower
from ninja import Schema
from pydantic import Field

from allotment.registry import browsing
from allotment.registry.lifecycle import AnyItem
from allotment.registry.manage_api import problems
from allotment.registry.manage_api.paging import SIZE, PageNumber, PageSize
from allotment.registry.models import Experiment, ExperimentSite, Instrument, InstrumentSite
from allotment.registry.states import State

_PEOPLE = ("creator", "edited_by", "approved_by")
_ORDERS: dict[str, tuple[Any, ...]] = {
    "machine_name": ("machine_name",),
    "name": (Lower("name"), "machine_name"),
    "start": (F("start").desc(nulls_last=True), "machine_name"),
    "changed": ("-changed", "machine_name"),
}


class Filters(Schema):
    """What a list may be narrowed to, as the directory's page does, and its order."""

    q: Annotated[str, Field(max_length=200, description="Words in names or description.")] = ""
    status: Annotated[str, Field(max_length=20, description="A state.")] = ""
    team: Annotated[str, Field(max_length=150, description="An owner.")] = ""
    site: Annotated[str, Field(max_length=70, description="A site or family that is named.")] = ""
    template: bool | None = None
    sort: Literal["machine_name", "name", "start", "changed"] = "machine_name"
    page: PageNumber = 1
    size: PageSize = SIZE


def listed(kind: str, filters: Filters, now: datetime) -> QuerySet[Any]:
    """The items of a kind that the filters fit, in a stable order, read as far as asked for."""
    rows: QuerySet[Any] = (
        Experiment.objects.select_related("stream", "layer", *_PEOPLE).prefetch_related(
            "sites", "groups"
        )
        if kind == Experiment.KIND
        else Instrument.objects.select_related("stream", *_PEOPLE).prefetch_related("sites")
    )
    for word in filters.q.split():
        rows = rows.filter(browsing.has_word(word))
    if filters.status:
        known = filters.status in set(State)
        rows = rows.filter(browsing.in_state(State(filters.status), now)) if known else rows.none()
    if filters.team:
        rows = browsing.owned_by(rows, [filters.team])
    if filters.site:
        places = ExperimentSite if kind == Experiment.KIND else InstrumentSite
        named = places.objects.filter(site=filters.site).values(f"{kind}_id")
        rows = rows.filter(pk__in=named)
    if filters.template is not None:
        rows = rows.filter(is_template=filters.template)
    return rows.order_by(*_ORDERS[filters.sort])


def one(kind: str, name: str) -> AnyItem:
    """The item of a kind by its machine name.

    Raises:
        ProblemError: there is none.
    """
    found: AnyItem | None = (
        Experiment.objects.select_related("stream", "layer", *_PEOPLE)
        .filter(machine_name=name)
        .first()
        if kind == Experiment.KIND
        else Instrument.objects.select_related("stream", *_PEOPLE).filter(machine_name=name).first()
    )
    if found is None:
        raise problems.not_known(kind, name)
    return found
