"""The form's plan: metrics, conditions, layers, links; and the form begun from another item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from tests.registry.form_posts import EDIT, NEW, errors, posted
from tests.registry.page_reading import Page

from allotment.registry import lifecycle, placing
from allotment.registry import plan as plans
from allotment.registry.models import Experiment, Layer
from allotment.registry.plan import ExperimentPlan, Link
from allotment.registry.targeting import Condition

pytestmark = pytest.mark.django_db
WHOLE = {
    "contact": "search@example.org",
    "attributes": ["mediawiki_skin", "performer_is_logged_in"],
    "hypothesis": "More find it at the first try",
    "primary_metric": "click_through_rate",
    "minimum_effect": "1.5",
    "decision_rule": "ship-if-not-worse",
    "planned_size": "93000",
    "planned_days": "21",
    "links-TOTAL_FORMS": "2",
    "links-INITIAL_FORMS": "0",
    "links-0-label": "Design",
    "links-0-url": "https://example.org/design",
    "links-1-label": "",
    "links-1-url": "",
    "targeting-TOTAL_FORMS": "2",
    "targeting-INITIAL_FORMS": "0",
    "targeting-0-attribute": "mediawiki_skin",
    "targeting-0-operator": "in",
    "targeting-0-value": "vector-2022, minerva",
    "targeting-1-attribute": "performer_is_logged_in",
    "targeting-1-operator": "equals",
    "targeting-1-value": "no",
    "guardrails-TOTAL_FORMS": "0",
    "guardrails-INITIAL_FORMS": "0",
}


def test_new__whole_plan__stored_and_shown_again_unchanged(visitor: Client) -> None:
    placing.save_layer(Layer(name="chrome"))
    given = posted(**WHOLE, layer="chrome", layer_share="40")
    assert visitor.post(NEW, given).status_code == 302
    plan = plans.of_experiment(Experiment.objects.get())
    assert plan.targeting == (
        Condition("mediawiki_skin", "in", ("vector-2022", "minerva")),
        Condition("performer_is_logged_in", "equals", False),
    )
    assert plan.links == (Link(label="Design", url="https://example.org/design"),)
    assert (plan.layer, plan.layer_share) == ("chrome", Decimal("0.4"))
    assert (plan.minimum_effect, plan.planned_size, plan.planned_days) == (
        Decimal("1.5"),
        93_000,
        21,
    )
    assert plan.decision_rule == "ship-if-not-worse"
    text = visitor.get(EDIT).content.decode()
    page = Page(text)
    assert page.faults() == []
    assert visitor.post(EDIT, page.values()).status_code == 302
    assert plans.of_experiment(Experiment.objects.get()) == plan
    assert visitor.post(f"{EDIT.removesuffix('/edit')}/activate").status_code == 302
    running = Page(visitor.get(EDIT).content.decode())
    assert running.faults() == []
    assert visitor.post(EDIT, running.values()).status_code == 302
    assert plans.of_experiment(Experiment.objects.get()).targeting == plan.targeting


@pytest.mark.parametrize(
    ("changes", "field", "text"),
    [
        ({"links-0-url": "javascript:alert(1)"}, "links", "does not begin with http"),
        ({"links-0-label": ""}, "id_links-0-label", "Give the link a name"),
        ({"targeting-0-operator": ""}, "id_targeting-0-operator", "Choose how it is compared"),
        ({"targeting-1-value": "perhaps"}, "targeting", "is compared with a yes or no"),
        ({"targeting-0-operator": "greater_than"}, "targeting", "greater_than does not fit"),
        ({"primary_metric": "revenue"}, "id_primary_metric", "not one of the available"),
        ({"minimum_effect": "0"}, "id_minimum_effect", "Give how much better"),
        ({"planned_size": "0"}, "id_planned_size", "whole number from 1"),
        (
            {"secondary_metrics": ["click_through_rate"]},
            "id_secondary_metrics",
            "Keep it in the place",
        ),
        ({"layer": "chrome"}, "id_layer_share", "above 0%"),
        ({"contact": "nobody"}, "id_contact", "valid email"),
    ],
)
def test_new__fault_in_the_plan__said_under_its_field(
    visitor: Client, changes: dict[str, Any], field: str, text: str
) -> None:
    placing.save_layer(Layer(name="chrome"))
    found = errors(visitor.post(NEW, posted(**(WHOLE | changes))))
    assert text in found[field]
    assert list(found) == [field]
    assert not Experiment.objects.exists()


def test_check__form_as_typed__told_and_not_saved(visitor: Client) -> None:
    response = visitor.post(NEW, posted(save=None, check="yes"))
    assert response.status_code == 200
    assert "Checked, not saved" in response.content.decode()
    response = visitor.post(NEW, posted(save=None, check="yes", risk_level="pending"))
    text = response.content.decode()
    assert Page(text).faults() == []
    assert "risk-is-assessed" in text
    assert not Experiment.objects.exists()


def test_new__from_another__filled_in_but_name_and_acknowledgement(
    visitor: Client, experiment_plan: Callable[..., ExperimentPlan]
) -> None:
    lifecycle.create(experiment_plan(is_template=True, name="Two of a kind"))
    text = visitor.get(NEW).content.decode()
    assert "?from=search-suggestions" in text
    page = Page(visitor.get(f"{NEW}?from=search-suggestions").content.decode())
    assert page.faults() == []
    values = page.values()
    assert values["machine_name"] == [""]
    assert "acknowledged" not in values
    assert values["sites-0-site"] == ["frwiki"]
    assert values["groups-1-weight"] == ["2"]
    given = values | {"machine_name": "search-suggestions-2", "acknowledged": "on"}
    assert visitor.post(f"{NEW}?from=search-suggestions", given).status_code == 302
    assert not Experiment.objects.get(machine_name="search-suggestions-2").is_template


def test_edit__somebody_saved_meanwhile__refused_and_nothing_lost(
    visitor: Client, experiment_plan: Callable[..., ExperimentPlan]
) -> None:
    item = lifecycle.create(experiment_plan())
    mine = Page(visitor.get(EDIT).content.decode()).values()
    lifecycle.edit(item, replace(plans.of(item), description="Theirs"))
    response = visitor.post(EDIT, mine | {"description": "Mine"})
    assert response.status_code == 422
    assert "nobody-wrote-meanwhile" in response.content.decode()
    assert Experiment.objects.get().description == "Theirs"
