"""Real failures of platforms like this one, as far as the registry's own rules can prevent them.

Those that configuration of streams and schemas shows are in the tests of the check.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from tests.registry.form_posts import EDIT, NEW, errors, posted
from tests.registry.page_reading import Page

from allotment.registry import lifecycle, public_api
from allotment.registry import plan as plans
from allotment.registry.models import Experiment, Instrument, Stream
from allotment.registry.plan import ExperimentPlan, GroupPlan, InstrumentPlan
from allotment.registry.rules import RuleRefusedError

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
Make = Callable[..., ExperimentPlan]


def refused(do: Callable[[], object]) -> list[str]:
    with pytest.raises(RuleRefusedError) as error:
        do()
    return [refusal.rule for refusal in error.value.refusals]


def test_november_2024__form_saved_while_on__stays_on(
    visitor: Client, experiment_plan: Make
) -> None:
    """Any edited item was switched off."""
    lifecycle.activate(lifecycle.create(experiment_plan()))
    values = Page(visitor.get(EDIT).content.decode()).values()
    for change in ({"name": "Another"}, {"description": "More"}, {"contact": "a@example.org"}):
        values = Page(visitor.get(EDIT).content.decode()).values()
        assert visitor.post(EDIT, values | change).status_code == 302
        assert Experiment.objects.get().stage == "active"


@pytest.mark.parametrize("count", range(2, 11))
def test_february_2026__every_group__is_judged_not_the_first_two(
    experiment_plan: Make, count: int
) -> None:
    """The validators looked at two variants only."""
    groups = tuple(GroupPlan(name=f"group-{number}") for number in range(count))
    lifecycle.create(experiment_plan(groups=groups))
    twice = (*groups[:-1], GroupPlan(name=groups[0].name))
    plan = experiment_plan(machine_name="another-one", groups=twice)
    assert refused(lambda: lifecycle.create(plan)) == ["group-named-once"]


def test_february_2026__machine_name_of_a_draft__changes_and_everything_goes_with_it(
    visitor: Client, experiment_plan: Make
) -> None:
    """Changing the machine name crashed the application."""
    lifecycle.create(experiment_plan())
    values = Page(visitor.get(EDIT).content.decode()).values()
    response = visitor.post(EDIT, values | {"machine_name": "search-suggestions-2"})
    assert response["Location"] == "/experiments/search-suggestions-2"
    assert visitor.get(response["Location"]).status_code == 200
    item = lifecycle.activate(Experiment.objects.get())
    (served,) = public_api.experiments(timezone.now()).documents
    assert served["name"] == "search-suggestions-2"
    assert item.history.count() == 3
    renamed = replace(plans.of(item), machine_name="search-suggestions-3")
    assert refused(lambda: lifecycle.edit(item, renamed)) == ["live-is-frozen"]


def test_summer_2025__site_in_two_rows__refused_by_form_and_api(
    visitor: Client, experiment_plan: Make
) -> None:
    """The same wiki twice, in two rows of other rates."""
    response = visitor.post(NEW, posted(**{"sites-1-site": "frwiki", "sites-1-rate": "20"}))
    assert "frwiki stands at 12.5% and at 20%" in errors(response)["sites"]
    sites = (("frwiki", Decimal("0.1")), ("frwiki", Decimal("0.2")))
    assert refused(lambda: lifecycle.create(experiment_plan(sites=sites))) == ["site-listed-once"]


def keeping_user_agents(stream: Stream) -> None:
    headers = {"enrich_fields_from_http_headers": {"http.request_headers.user-agent": "user-agent"}}
    stream.settings = {"producers": {"eventgate": headers}}
    lifecycle.save_stream(stream)


def test_october_2025__stream_keeps_user_agents__risk_rises_and_a_review_is_asked_for(
    experiment_plan: Make,
) -> None:
    """The user agent was collected since launch, and nobody had reviewed it."""
    keeping_user_agents(Stream.objects.get(name="product_metrics.web_base"))
    low = experiment_plan(attributes=("performer_id",))
    assert refused(lambda: lifecycle.create(low)) == ["risk-fits-what-is-sent"]
    unseen = replace(low, risk_level="medium")
    assert refused(lambda: lifecycle.create(unseen)) == ["risk-needs-review"]
    lifecycle.create(replace(unseen, review_link="https://example.org/review/7"))
    high = experiment_plan(
        machine_name="another-one",
        attributes=("performer_id", "page_id"),
        risk_level="medium",
        review_link="https://example.org/review/7",
    )
    assert refused(lambda: lifecycle.create(high)) == ["risk-fits-what-is-sent"]


def test_october_2025__user_agent_asked_for_after_the_item_was_saved__not_switched_on(
    experiment_plan: Make,
) -> None:
    item = lifecycle.create(experiment_plan(attributes=("performer_id",)))
    keeping_user_agents(item.stream)
    assert "risk-fits-what-is-sent" in refused(lambda: lifecycle.activate(item))


@pytest.mark.parametrize("kind", ["experiment", "instrument"])
def test_activation__minutes_and_no_lead_time__takes_effect_at_once(
    experiment_plan: Make, instrument_plan: Callable[..., InstrumentPlan], kind: str
) -> None:
    """Start and end took effect at 14:30 UTC alone, and a day ahead."""
    plan = experiment_plan() if kind == "experiment" else instrument_plan()
    item = lifecycle.activate(lifecycle.create(plan))
    now = timezone.now()
    served = public_api.experiments if kind == "experiment" else public_api.instruments
    assert [d["name"] for d in served(now).documents] == [item.machine_name]
    lifecycle.stop(item)
    assert served(timezone.now()).documents == []


def test_raising_traffic__any_way__moves_nobody_and_lowering_is_refused(
    experiment_plan: Make,
) -> None:
    """Traffic down and wikis removed while on: prohibited by hand, allowed by the software."""
    item = lifecycle.activate(lifecycle.create(experiment_plan()))
    stored = plans.of(item)
    changes: list[dict[str, Any]] = [
        {"sites": stored.sites[:1]},
        {"sites": ()},
        {"sites": ((stored.sites[0][0], Decimal("0.05")), stored.sites[1])},
    ]
    for change in changes:
        less = replace(stored, **change)
        assert "traffic-only-rises" in refused(partial(lifecycle.edit, item, less))
    more = replace(stored, sites=((stored.sites[0][0], Decimal(1)), stored.sites[1]))
    assert lifecycle.edit(item, more).stage == "active"
    assert Instrument.objects.count() == 0
