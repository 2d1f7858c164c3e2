"""Finding instruments and experiments: one by its name, or those that filters fit."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from ninja import Schema
from pydantic import Field

from allotment.registry.lifecycle import AnyItem
from allotment.registry.manage_api import problems
from allotment.registry.manage_api.paging import SIZE, PageNumber, PageSize
from allotment.registry.models import Experiment, Instrument

_PEOPLE = ("creator", "edited_by", "approved_by")


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


def listed(kind: str, filters: Filters, now: datetime) -> list[AnyItem]:
    """The items of a kind that the filters fit, in a stable order."""
    rows: list[AnyItem] = (
        list(
            Experiment.objects.select_related("stream", "layer", *_PEOPLE).prefetch_related(
                "sites", "groups"
            )
        )
        if kind == Experiment.KIND
        else list(Instrument.objects.select_related("stream", *_PEOPLE).prefetch_related("sites"))
    )
    fitting = [row for row in rows if _fits(row, filters, now)]
    fitting.sort(key=lambda row: row.machine_name)
    if filters.sort == "name":
        fitting.sort(key=lambda row: row.name.casefold())
    elif filters.sort == "start":
        fitting.sort(key=lambda row: -row.start.timestamp() if row.start else 0.0)
    elif filters.sort == "changed":
        fitting.sort(key=lambda row: -row.changed.timestamp())
    return fitting


def _fits(row: AnyItem, asked: Filters, now: datetime) -> bool:
    text = f"{row.name} {row.machine_name} {row.description}".casefold()
    return (
        all(word in text for word in asked.q.casefold().split())
        and asked.status in {"", row.state(now).value}
        and (not asked.team or asked.team in row.owners)
        and (not asked.site or asked.site in {place.site for place in row.sites.all()})
        and asked.template in {None, row.is_template}
    )


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
