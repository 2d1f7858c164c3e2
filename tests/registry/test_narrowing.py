"""What pages say of who takes part, where layer, holdouts and conditions leave fewer people."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.test import Client
from tests.registry.damage import damage
from tests.registry.page_reading import Page

from allotment.allocation import allocate, parse_experiment
from allotment.registry import lifecycle, narrowing, placing, public_api
from allotment.registry.models import Experiment, Layer
from allotment.registry.plan import ExperimentPlan, GroupPlan
from allotment.registry.targeting import Condition

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
Make = Callable[..., ExperimentPlan]
PAGE = "/experiments/search-suggestions"


@pytest.fixture
def narrowed(experiment_plan: Make) -> Experiment:
    """On at 40% of frwiki, in half of a layer, with a fifth held out, for articles alone."""
    placing.save_layer(Layer(name="desktop"))
    groups = (GroupPlan(name="held-out", weight=20), GroupPlan(name="open", weight=80))
    for plan in (
        experiment_plan(
            machine_name="holdout-of-2026",
            groups=groups,
            holds_out=("all",),
            default_rate=Decimal(1),
            sites=(),
        ),
        experiment_plan(
            layer="desktop",
            layer_share=Decimal("0.5"),
            sites=(("frwiki", Decimal("0.4")),),
            attributes=("page_namespace_id",),
            targeting=(Condition("page_namespace_id", "equals", 0),),
        ),
    ):
        lifecycle.activate(lifecycle.create(plan))
    return Experiment.objects.get(machine_name="search-suggestions")


def read(visitor: Client, path: str) -> str:
    """What a page says, without its elements."""
    source = visitor.get(path).content.decode()
    assert Page(source).faults() == []
    return " ".join(re.sub(r"<[^>]*>", " ", source).split())


def test_part__layer_and_holdout__is_what_the_law_leaves(narrowed: Experiment) -> None:
    assert narrowing.part(narrowed) == Decimal("0.4")
    document = public_api.experiment(narrowed) | {"targeting": {}}
    law = parse_experiment(document)
    enrolled = sum(allocate(law, str(n), site="frwiki").enrolled for n in range(4000))
    assert enrolled / 4000 == pytest.approx(0.16, abs=0.025)


def test_plan__fewer_than_the_traffic__drawn_and_told(
    visitor: Client, narrowed: Experiment
) -> None:
    found = read(visitor, PAGE)
    assert "16% of readers" in found
    assert "The traffic is frwiki 40%. It has 50% of its layer. Holdouts keep 20% out." in found
    assert "Only who meets its conditions is in it" in found
    assert "33.33% of who takes part, weight 1" in found
    Experiment.objects.filter(pk=narrowed.pk).update(public=True)
    assert "frwiki 40%. It has 50% of its layer. Holdouts" in read(Client(), f"/public{PAGE}")


def test_plan__whole_sites__says_nothing_of_it(visitor: Client, experiment_plan: Make) -> None:
    lifecycle.create(experiment_plan())
    assert "The traffic is" not in read(visitor, PAGE)


def test_calendar__others_on_the_site__meets_as_many_as_are_left(
    visitor: Client, narrowed: Experiment, experiment_plan: Make
) -> None:
    other = experiment_plan(machine_name="another-one", sites=(("frwiki", Decimal("0.5")),))
    lifecycle.activate(lifecycle.create(other))
    assert "No shared layer, so about 8% of a site" in read(visitor, "/calendar")


def test_calendar__damaged_holdouts__are_none_and_the_page_is_there(
    visitor: Client, narrowed: Experiment
) -> None:
    damage("UPDATE registry_experiment SET holdouts = '{\"name\": 1}'")
    assert "Search suggestions" in read(visitor, "/calendar")
