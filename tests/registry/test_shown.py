"""The configuration's version rises with what consumers can see, and with nothing else.

The oracle shapes everything before and after; the registry itself looks at what changes alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from allotment.registry import lifecycle, placing, public_api
from allotment.registry import plan as plans
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import (
    ConfigurationVersion,
    Experiment,
    Instrument,
    Layer,
    Site,
    Stream,
)
from allotment.registry.plan import ExperimentPlan, InstrumentPlan

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
Make = Callable[..., ExperimentPlan]
OF_SITES = {"a site that nothing names"}
VISIBLE = [
    "an experiment is on",
    "an instrument is on",
    "traffic",
    "attributes",
    "a site of the family",
    "a host name",
    "a stream's attributes",
    "a stream's settings",
    "an item is off",
    "everything is off",
    "a new phase",
    "a site goes",
]
MakeInstrument = Callable[..., InstrumentPlan]


def everything(now: datetime) -> list[object]:
    """All that the public API can show at a moment, in every form and environment."""
    shaped = [
        found
        for environment in (None, "production", "staging", "development")
        for found in (
            public_api.experiments(now, environment=environment),
            public_api.experiments(now, analytics=True, environment=environment),
            public_api.edge_experiments(now, environment=environment),
            public_api.instruments(now, environment=environment),
            public_api.stream_material(now, environment=environment),
        )
    ]
    return [(found.documents, found.left_out) for found in shaped]


def site(name: str, **changes: object) -> None:
    row = Site.objects.filter(name=name).first() or Site(name=name)
    for field, value in changes.items():
        setattr(row, field, value)
    placing.save_site(row)


def stream(**changes: object) -> None:
    row = Stream.objects.get(name="product_metrics.web_base")
    for field, value in changes.items():
        setattr(row, field, value)
    lifecycle.save_stream(row)


def edit(item: AnyItem, **changes: object) -> None:
    item = type(item).objects.get(pk=item.pk)
    lifecycle.edit(item, replace(plans.of(item), **changes))  # type: ignore[arg-type]


def test_version__every_kind_of_change__rises_with_what_is_shown(
    experiment_plan: Make, instrument_plan: MakeInstrument
) -> None:
    site("frwiki", family="wiki")
    one = lifecycle.create(experiment_plan(sites=(("family:wiki", Decimal("0.1")),)))
    two = lifecycle.create(instrument_plan())
    third = (("family:wiki", Decimal("0.3")),)
    steps: list[tuple[str, Callable[[], object]]] = [
        ("a draft", lambda: lifecycle.create(experiment_plan(machine_name="another-one"))),
        ("a draft's plan", lambda: edit(one, default_rate=Decimal("0.2"))),
        ("an unused site", lambda: site("frwiki", label="French")),
        ("an experiment is on", lambda: lifecycle.activate(one)),
        ("an instrument is on", lambda: lifecycle.activate(two)),
        ("a name that nobody is served", lambda: edit(one, name="Another name")),
        ("traffic", lambda: edit(one, sites=third)),
        ("attributes", lambda: edit(two, attributes=("page_id",))),
        ("a site of the family", lambda: site("dewiki", family="wiki")),
        ("a site that nothing names", lambda: site("commons", family="other")),
        ("another family of it", lambda: site("commons", family="none")),
        ("its label", lambda: site("commons", label="Commons")),
        ("its cap", lambda: site("commons", cap=Decimal("0.5"))),
        ("a host name", lambda: site("dewiki", domain="de.example.org")),
        ("a stream's words", lambda: stream(description="Other words")),
        ("a stream's attributes", lambda: stream(attributes=["page_title"])),
        ("a stream's settings", lambda: stream(settings={"canary_events_enabled": True})),
        ("a stream as it was", stream),
        ("a layer", lambda: placing.save_layer(Layer(name="chrome"))),
        ("an exception", lambda: placing.grant_exception(one, "dewiki", Decimal(1), reason="x")),
        ("an item is off", lambda: lifecycle.stop(two)),
        ("off once more", lambda: lifecycle.stop(two)),
        ("everything is off", lambda: lifecycle.kill(None, reason="x")),
        ("nothing is left to stop", lambda: lifecycle.kill(None, reason="x")),
        ("a decision", lambda: lifecycle.decide(one, "ship", "It helped")),
        ("a new phase", lambda: lifecycle.relaunch(one)),
        ("the archive", lambda: lifecycle.archive(two)),
        ("a site goes", lambda: placing.remove_site(Site.objects.get(name="dewiki"))),
    ]
    shown = {}
    for words, step in steps:
        now = timezone.now()
        before, number = everything(now), ConfigurationVersion.current().number
        step()
        rose = ConfigurationVersion.current().number - number
        shown[words] = everything(now) != before
        # Where a site is counts for whoever asks for its environment, named by an item or not.
        assert rose == (shown[words] or words in OF_SITES), words
    assert [words for words, visible in shown.items() if visible] == VISIBLE
    assert len(shown) == 28


def test_edit__among_more_items__takes_as_many_queries(
    experiment_plan: Make, instrument_plan: MakeInstrument
) -> None:
    item = lifecycle.activate(lifecycle.create(experiment_plan()))
    counts = []
    for number in range(12):
        with CaptureQueriesContext(connection) as asked:
            edit(item, name=f"Name {number}")
        counts.append(len(asked))
        more = f"more-{number}"
        lifecycle.activate(lifecycle.create(experiment_plan(machine_name=f"experiment-{more}")))
        lifecycle.activate(lifecycle.create(instrument_plan(machine_name=f"instrument-{more}")))
    # The second reads what came after the first; from then on each reads two more items.
    assert len(set(counts[2:])) == 1, counts
    assert Experiment.objects.count() + Instrument.objects.count() == 25
