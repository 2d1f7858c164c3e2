"""Back to an earlier version, by one click and through the same rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from django.test import Client
from tests.registry.page_reading import Page

from allotment.registry import lifecycle, reverting, versions
from allotment.registry import plan as plans
from allotment.registry.models import Account, Experiment
from allotment.registry.plan import ExperimentPlan
from allotment.registry.rules import RuleRefusedError

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
Make = Callable[..., ExperimentPlan]


def refused(item: Experiment, number: int, expected: int | None = None) -> list[str]:
    with pytest.raises(RuleRefusedError) as told:
        reverting.revert(item, number, expected=expected)
    return [refusal.rule for refusal in told.value.refusals]


def test_revert__draft__old_content_as_a_new_version(experiment_plan: Make) -> None:
    plan = experiment_plan(hypothesis="First")
    item = lifecycle.create(plan)
    changed = replace(plan, hypothesis="Second", sites=(("itwiki", Decimal("0.5")),))
    item = lifecycle.edit(item, changed)
    item = reverting.revert(item, 1)
    assert plans.of(item) == plan
    last = versions.all_of(item)[-1]
    assert (last.number, last.reason, last.verb) == (3, "Back to version 1", "edit")
    assert reverting.revert(item, 1).revision == 3, "nothing to store"


def test_revert__live__rule_of_what_is_frozen_refuses(experiment_plan: Make) -> None:
    item = lifecycle.create(experiment_plan())
    raised = (("frwiki", Decimal("0.2")), ("dewiki", Decimal("0.1")))
    item = lifecycle.activate(item)
    item = lifecycle.edit(item, replace(plans.of(item), sites=raised))
    assert refused(item, 2) == ["traffic-only-rises"]
    assert Experiment.objects.get().revision == 3
    assert refused(item, 9) == ["version-is-kept"]


def test_revert__stale__refused(experiment_plan: Make) -> None:
    item = lifecycle.create(experiment_plan())
    lifecycle.edit(item, replace(plans.of(item), hypothesis="Other"))
    assert refused(item, 1, expected=1) == ["nobody-wrote-meanwhile"]


def test_revert__version_of_an_earlier_phase__dates_of_the_present_one_stay(
    experiment_plan: Make,
) -> None:
    item = lifecycle.stop(lifecycle.activate(lifecycle.create(experiment_plan())))
    item = lifecycle.relaunch(item)
    item = lifecycle.edit(item, replace(plans.of(item), hypothesis="Of the second phase"))
    end = item.end
    item = reverting.revert(item, 2)
    assert (item.hypothesis, item.start, item.end, item.phase_index) == ("", None, end, 1)


def test_history_page__two_versions_compared_and_one_gone_back_to(
    visitor: Client, experiment_plan: Make
) -> None:
    item = lifecycle.create(experiment_plan(hypothesis="First"))
    lifecycle.edit(item, replace(plans.of(item), hypothesis="Second"))
    lifecycle.edit(item, replace(plans.of(item), hypothesis="Third"))
    path = f"/experiments/{item.machine_name}/history"
    page = Page(visitor.get(path).content.decode())
    assert page.faults() == []
    text = visitor.get(f"{path}?from=3&to=1").content.decode()
    assert "From version 1 to version 3" in text
    between = text.split("</section>")[0]
    assert "First" in between
    assert "Third" in between
    assert "Second" not in between
    assert "From version" not in visitor.get(f"{path}?from=1&to=77").content.decode()
    answer = visitor.post(f"/experiments/{item.machine_name}/revert", {"number": 1, "revision": 3})
    assert answer.status_code == 302
    assert Experiment.objects.get().hypothesis == "First"
    last = versions.all_of(Experiment.objects.get())[-1]
    assert (last.number, last.who) == (4, "ada")
    refusal = visitor.post(f"/experiments/{item.machine_name}/revert", {"number": 1, "revision": 3})
    assert refusal.status_code == 422
    assert "nobody-wrote-meanwhile" in refusal.content.decode()


def test_history_page__who_may_not_edit__has_no_button_and_is_refused(
    experiment_plan: Make,
) -> None:
    item = lifecycle.create(experiment_plan())
    lifecycle.edit(item, replace(plans.of(item), hypothesis="Second"))
    client = Client()
    client.force_login(Account.objects.create_user(username="vic", role="viewer"))
    path = f"/experiments/{item.machine_name}"
    assert "Back to version" not in client.get(f"{path}/history").content.decode()
    assert client.post(f"{path}/revert", {"number": 1}).status_code == 403
