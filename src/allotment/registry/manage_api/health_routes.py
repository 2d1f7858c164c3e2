"""What the pages tell of health: of the lab, of one item's events, and what waits for whom."""
# ruff: noqa: ARG001, FBT002 - every route takes the request; a query may be left out

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Schema
from pydantic import Field

from allotment.analysis import lab_ledger
from allotment.registry import arrival_signs, consumers, results, unhealthy, waiting
from allotment.registry.manage_api import answers, documents, finding_items
from allotment.registry.manage_api.callers import caller_of, needs
from allotment.registry.manage_api.routing import router


class IllAnswer(Schema):
    """One thing that is ill: `name` is what has it, empty for the lab; `rule` is the check's."""

    tone: Literal["bad", "warn"]
    name: str
    rule: str
    headline: str
    what: str
    remedy: str
    since: datetime | None


class StreamAccountAnswer(Schema):
    """What became of a stream's events in the last day.

    Received are all the others together but `minutes`, which counts those that do not add up.
    """

    stream: str
    received: int
    written: int
    duplicate: int
    rejected: int
    waiting: int
    lost: int
    missing: int
    minutes: int
    oldest: datetime | None


class LedgerAnswer(Schema):
    """Every stream's account; `faults` are what is wrong with journal or lake."""

    at: datetime
    since: datetime
    streams: list[StreamAccountAnswer]
    faults: list[str]


class ProgramAnswer(Schema):
    """A program that asks for the configuration: `held` are the versions its instances hold."""

    name: str
    readers: int
    late: int
    last: datetime
    held: list[int]


class LabHealth(Schema):
    """All that is ill, the worst first; no `ledger` where nobody has counted yet."""

    ills: list[IllAnswer]
    ledger: LedgerAnswer | None
    programs: list[ProgramAnswer]


class HourAnswer(Schema):
    """How many events of each part came in one hour."""

    begin: datetime
    parts: dict[str, int]


class ArrivedAnswer(Schema):
    """Events since a moment, by part: an experiment's groups, or an instrument's actions.

    `forced` counts those of groups that somebody forced; `refused` are what the intake refused of
    the stream, by reason.
    """

    since: datetime
    last: datetime | None
    parts: dict[str, int]
    hours: list[HourAnswer]
    sites: dict[str, int]
    forced: int
    refused: dict[str, int]


class Arrivals(Schema):
    """What came of an item in the last day; null where it cannot be known quickly."""

    arrived: ArrivedAnswer | None


class MatterAnswer(Schema):
    """One thing that waits for somebody."""

    kind: Literal["experiment", "instrument"]
    machine_name: str
    headline: str
    what: str


class WaitingAnswer(Schema):
    """What waits, the most pressing first; `total` counts also what is not listed."""

    total: int
    matters: list[MatterAnswer]


@router.get(
    "/health",
    operation_id="get_health",
    summary="Read the health of the lab",
    tags=["health"],
    response=LabHealth,
    auth=needs("health"),
)
def get_health(request: HttpRequest) -> HttpResponse:
    """What is ill, what became of the events of the last day, and who asks for the
    configuration."""
    now = timezone.now()
    latest, fault = results.newest_or_fault(settings.ALLOTMENT.lake_dir)
    book = consumers.book(now)
    found = {
        "ills": [_ill(ill) for ill in unhealthy.everything(now, latest, fault=fault)],
        "ledger": _ledger(lab_ledger.latest(settings.ALLOTMENT.lake_dir)),
        "programs": [
            {**asdict(one), "last": documents.stamp(one.last), "held": list(one.held)}
            for one in consumers.programs(book.all(now), book.late(now))
        ],
    }
    return documents.answer(found)


@router.get(
    "/waiting",
    operation_id="list_waiting",
    summary="Read what waits for whom asks",
    tags=["health"],
    response=WaitingAnswer,
    auth=needs("see"),
)
def list_waiting(
    request: HttpRequest,
    everybodys: Annotated[bool, Field(description="Of all items, not of one's own.")] = False,
) -> HttpResponse:
    """What the caller can do something about: approvals, decisions, drafts, what ends soon."""
    account = caller_of(request).account
    found = waiting.for_account(account, timezone.now(), everybodys=everybodys)
    matters = [
        {
            "kind": matter.item.KIND,
            "machine_name": matter.item.machine_name,
            "headline": str(matter.headline),
            "what": str(matter.detail),
        }
        for matter in found.matters
    ]
    return documents.answer({"total": found.total, "matters": matters})


@router.get(
    "/{kind}/{name}/arrivals",
    operation_id="get_arrivals",
    summary="Read whether an item's events arrive",
    tags=["health"],
    response=Arrivals,
    auth=needs("see"),
)
def get_arrivals(request: HttpRequest, kind: answers.Kinds, name: str) -> HttpResponse:
    """The events of the last day by group or action, hour and site, and what was refused."""
    found = arrival_signs.lately(finding_items.one(kind[:-1], name), timezone.now())
    if found is None:
        return documents.answer({"arrived": None})
    arrived = {
        **asdict(found),
        "since": documents.stamp(found.since),
        "last": documents.stamp(found.last),
        "hours": [{"begin": documents.stamp(hour), "parts": dict(of)} for hour, of in found.hours],
        "sites": dict(found.sites),
        "refused": dict(found.refused),
    }
    return documents.answer({"arrived": arrived})


def _ill(ill: unhealthy.Ill) -> dict[str, Any]:
    return {
        "tone": ill.tone,
        "name": str(ill.name),
        "rule": ill.rule,
        "headline": str(ill.headline),
        "what": str(ill.text),
        "remedy": str(ill.remedy),
        "since": documents.stamp(ill.since),
    }


def _ledger(found: lab_ledger.LabLedger | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "at": documents.stamp(found.at),
        "since": documents.stamp(found.since),
        "streams": [
            {**asdict(account), "oldest": documents.stamp(account.oldest)}
            for account in found.streams
        ],
        "faults": list(found.faults),
    }
