"""A change told by replaying the last day's subjects, on the pages where it is made and read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from tests.analysis.synthetic import event, put
from tests.registry.page_reading import Page

from allotment.allocation import draw, keyed_subject_id
from allotment.registry import lifecycle, subject_replay, versions
from allotment.registry import plan as plans
from allotment.registry.plan import ExperimentPlan

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
Make = Callable[..., ExperimentPlan]
NAME = "search-suggestions"
RAISED = (("frwiki", Decimal("0.2")), ("dewiki", Decimal("0.1")))


def readers(lake: Path, rate: float, weights: int, key: bytes | None = None) -> int:
    """Events of readers of frwiki whom the law enrolls; how many there are."""
    moment = (timezone.now() - timedelta(hours=1)).isoformat()
    events = []
    for number in range(3000):
        drawn = draw(f"reader-{number}", NAME, weights)
        if drawn.remainder < rate * (1 << 24):
            group = "described" if drawn.slot else "control"
            one = event("", group, "click", number, experiment=NAME, dt=moment)
            shown = keyed_subject_id(key, f"reader-{number}", NAME) if key else drawn.subject_hash
            one["experiments"]["subject_ids"] = {NAME: shown}
            events.append(one | {"mediawiki": {"database": "frwiki"}})
    put(lake, events)
    return len(events)


def rounded(number: int) -> int:
    tens: int = 10 ** (len(str(number)) - 2)
    return round(number / tens) * tens


def test_between__running_and_seen__counted(experiment_plan: Make, own_data: Path) -> None:
    item = lifecycle.activate(lifecycle.create(experiment_plan()))
    number = readers(own_data / "lake", 0.1, 3)
    item = lifecycle.edit(item, replace(plans.of(item), sites=RAISED))
    before, after = (versions.all_of(item)[place].record for place in (1, 2))
    (found,) = subject_replay.between(item, before, after)
    more = f"about {rounded(number)} more of yesterday's readers"
    assert found == f"Traffic on frwiki 10% → 20%: {more}; nobody moves."


def test_between__ids_that_a_key_hides__not_counted_and_said(
    experiment_plan: Make, own_data: Path
) -> None:
    item = lifecycle.activate(lifecycle.create(experiment_plan()))
    readers(own_data / "lake", 0.1, 3, key=b"a secret of some length")
    item = lifecycle.edit(item, replace(plans.of(item), sites=RAISED))
    before, after = (versions.all_of(item)[place].record for place in (1, 2))
    found, why = subject_replay.between(item, before, after)
    assert found == "Traffic on frwiki 10% → 20%: nobody moves: raising a rate never does."
    assert why.startswith("Yesterday's readers cannot be counted")


def test_form__check_button__what_saving_does(
    visitor: Client, experiment_plan: Make, own_data: Path
) -> None:
    lifecycle.activate(lifecycle.create(experiment_plan()))
    number = readers(own_data / "lake", 0.1, 3)
    path = f"/experiments/{NAME}/edit"
    values = Page(visitor.get(path).content.decode()).values()
    text = visitor.post(path, values | {"sites-0-rate": "20", "check": "yes"}).content.decode()
    assert "What this does to people" in text
    assert f"about {rounded(number)} more of yesterday" in text


def test_history_page__nothing_in_the_lake__by_the_law_alone(
    visitor: Client, experiment_plan: Make
) -> None:
    item = lifecycle.create(experiment_plan())
    lifecycle.edit(item, replace(plans.of(item), sites=RAISED))
    text = visitor.get(f"/experiments/{NAME}/history?from=1&to=2").content.decode()
    assert "Traffic on frwiki 10% → 20%: nobody moves: raising a rate never does." in text
