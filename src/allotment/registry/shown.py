"""What the public API shows of one thing, for telling whether a change of it shows.

Each function gives one that is called before and after the change, in its transaction; where the
two answers differ, the configuration has another version. All but the thing itself stays out of it,
so that a write takes as long among two thousand items as among two.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from allotment.registry import public_api
from allotment.registry.models import (
    Experiment,
    ExperimentSite,
    Instrument,
    InstrumentSite,
    Site,
    Stream,
)
from allotment.registry.sites import FAMILY_PREFIX, SiteBook
from allotment.registry.states import Stage
from allotment.registry.surroundings import AnyItem

Show = Callable[[datetime], object]


def nothing(_: datetime) -> object:
    """Of what consumers never see: a new draft, an unused layer, an exception."""
    return ()


def of_item(item: AnyItem) -> Show:
    """Its documents in every form, whether a fault keeps it out, and its environments."""

    books: list[SiteBook] = []

    def show(now: datetime) -> object:
        # Read in the transaction, and once: what changes is the item.
        book = books[0] if books else public_api.sites()
        books[:] = [book]
        if isinstance(item, Instrument):
            shaped = [public_api.instruments(now, only=item.pk, book=book)]
        else:
            shaped = [
                public_api.experiments(now, analytics=form, only=item.pk, book=book)
                for form in (False, True)
            ]
        rows = type(item).objects.filter(pk=item.pk, activated__isnull=False)
        where = list(rows.values_list("environments", flat=True))
        return [(found.documents, found.left_out) for found in shaped], where

    return show


def of_stream(stream: Stream) -> Show:
    """Its document, whether a fault keeps it out, and in which environments it is.

    Items show its name and its schema, which stand in the document too.
    """

    def show(_: datetime) -> object:
        rows = Stream.objects.filter(pk=stream.pk)
        found = public_api.stream_documents_of(rows)
        columns = rows.values_list("name", "schema_title", "environments")
        return found.documents, found.left_out, list(columns)

    return show


def of_site(site: Site) -> Show:
    """Its host name and environments, and its family where an item names that."""
    key = site.pk

    def show(_: datetime) -> object:
        rows = Site.objects.filter(pk=site.pk or key)
        columns = rows.values_list("name", "domain", "environments", "family")
        return [
            (name, domain, where, family if _is_named(family) else "")
            for name, domain, where, family in columns
        ]

    return show


def of_all_that_is_on(_: datetime) -> object:
    """Which items are on: what the kill switch changes."""
    return [
        set(model.objects.filter(stage=Stage.ACTIVE).values_list("pk", flat=True))
        for model in (Experiment, Instrument)
    ]


def _is_named(family: str) -> bool:
    row = f"{FAMILY_PREFIX}{family}"
    return any(
        model.objects.filter(site=row).exists() for model in (ExperimentSite, InstrumentSite)
    )
