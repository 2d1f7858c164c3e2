"""Instruments and experiments as the pages handle them: by kind."""

from __future__ import annotations

from django.http import Http404
from django.urls import reverse

from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import Experiment, Instrument

TABS = {
    "experiment": (
        ("experiment", "Plan"),
        ("experiment-configuration", "Configuration"),
        ("experiment-results", "Results"),
        ("experiment-history", "History"),
        ("experiment-install", "Install"),
    ),
    "instrument": (
        ("instrument", "Overview"),
        ("instrument-history", "History"),
        ("instrument-install", "Install"),
    ),
}
SUBJECTS = {"edge-unique": "readers", "mw-user": "users", "session": "sessions"}


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


def address(kind: str, name: str) -> str:
    """Where a thing that the check names is looked at; the directory for the lab as a whole."""
    if kind == "stream" and name:
        return reverse("stream", args=[name])
    return reverse(kind, args=[name]) if kind in TABS and name else reverse("directory")


def everything() -> list[AnyItem]:
    """All items of both kinds."""
    experiments = Experiment.objects.select_related("stream").prefetch_related("sites", "groups")
    instruments = Instrument.objects.select_related("stream").prefetch_related("sites")
    return [*experiments, *instruments]
