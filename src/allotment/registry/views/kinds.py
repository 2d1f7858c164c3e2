"""Instruments and experiments as the pages handle them: by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Count, QuerySet
from django.http import Http404
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from allotment.registry import browsing
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import (
    Experiment,
    ExperimentSite,
    Instrument,
    InstrumentSite,
    State,
)
from allotment.registry.templatetags.registry_display import traffic_in_words

TABS: dict[str, tuple[tuple[str, str | Promise], ...]] = {
    "experiment": (
        ("experiment", pgettext_lazy("of an experiment", "Plan")),
        ("experiment-configuration", _("Configuration")),
        ("experiment-health", _("Health")),
        ("experiment-results", _("Results")),
        ("experiment-history", _("History")),
        ("experiment-install", pgettext_lazy("how to", "Install")),
    ),
    "instrument": (
        ("instrument", _("Overview")),
        ("instrument-health", _("Health")),
        ("instrument-history", _("History")),
        ("instrument-install", pgettext_lazy("how to", "Install")),
    ),
}


def find(kind: str, name: str) -> AnyItem:
    """The item of a kind by its machine name, with its stream, groups and sites.

    Raises:
        Http404: there is none.
    """
    try:
        if kind == "experiment":
            return experiment(name)
        return Instrument.objects.select_related("stream").get(machine_name=name)
    except Instrument.DoesNotExist as error:
        raise Http404(f"no {kind} is called {name}") from error


def experiment(name: str) -> Experiment:
    """The experiment of a machine name.

    Raises:
        Http404: there is none.
    """
    try:
        return Experiment.objects.select_related("stream").get(machine_name=name)
    except Experiment.DoesNotExist as error:
        raise Http404(f"no experiment is called {name}") from error


def instrument(name: str) -> Instrument:
    """The instrument of a machine name.

    Raises:
        Http404: there is none.
    """
    found = find("instrument", name)
    if not isinstance(found, Instrument):
        raise Http404
    return found


@dataclass(frozen=True)
class Live:
    """One thing that is on, as a list of hundreds shows it."""

    kind: str
    machine_name: str
    name: str
    traffic: str

    @property
    def key(self) -> str:
        """What a form calls it."""
        return f"{self.kind} {self.machine_name}"


def live(now: datetime) -> list[Live]:
    """All that is scheduled or running, by name; as columns, since there may be a thousand."""
    states = browsing.in_state(State.RUNNING, now) | browsing.in_state(State.SCHEDULED, now)
    found: list[Live] = []
    for model, places in ((Experiment, ExperimentSite), (Instrument, InstrumentSite)):
        rows: QuerySet[Any] = model.objects.filter(states)
        owner = f"{model.KIND}_id"
        sites: dict[int, list[tuple[str, Decimal]]] = {}
        named: QuerySet[Any] = places.objects.filter(**{f"{owner}__in": rows.values("pk")})
        for key, site, rate in named.order_by("pk").values_list(owner, "site", "rate"):
            sites.setdefault(key, []).append((site, rate))
        columns = rows.values_list("pk", "machine_name", "name", "default_rate")
        items = [
            Live(model.KIND, machine_name, name, traffic_in_words(sites.get(key, ()), default))
            for key, machine_name, name, default in columns
        ]
        found += sorted(items, key=lambda item: (item.name.casefold(), item.machine_name))
    return found


def chosen(keys: Collection[str]) -> list[AnyItem]:
    """The items that a form calls by these keys."""
    found: list[AnyItem] = []
    for model in (Experiment, Instrument):
        prefix = f"{model.KIND} "
        names = [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]
        rows: QuerySet[Any] = model.objects.filter(machine_name__in=names)
        found += rows
    return found


def running_by_stream(now: datetime) -> Counter[int]:
    """How many items run on each stream, by the stream's key."""
    found: Counter[int] = Counter()
    for model in (Experiment, Instrument):
        rows: QuerySet[Any] = model.objects.filter(browsing.in_state(State.RUNNING, now))
        found.update(dict(rows.values_list("stream_id").annotate(Count("pk"))))
    return found


def everything() -> list[AnyItem]:
    """All items of both kinds."""
    experiments = Experiment.objects.select_related("stream").prefetch_related("sites", "groups")
    instruments = Instrument.objects.select_related("stream").prefetch_related("sites")
    return [*experiments, *instruments]
