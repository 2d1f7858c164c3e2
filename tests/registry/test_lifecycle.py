"""What is stored, switched on and switched off; and what never happens by the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from tests.postgres_server import on_postgresql

from allotment.registry import lifecycle, rules
from allotment.registry import plan as plans
from allotment.registry.models import ConfigurationVersion, Experiment, State
from allotment.registry.plan import ExperimentPlan, InstrumentPlan

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
Make = Callable[..., ExperimentPlan]


def number() -> int:
    return ConfigurationVersion.current().number


@pytest.mark.skipif(on_postgresql(), reason="of SQLite alone")
def test_database__in_tests__is_a_file_in_wal_mode() -> None:
    assert str(connection.settings_dict["NAME"]).endswith("registry.sqlite3")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        assert cursor.fetchone() == ("wal",)


def test_create__plan__stored_whole_and_off(experiment_plan: Make) -> None:
    plan = experiment_plan()
    item = lifecycle.create(plan)
    assert plans.of(Experiment.objects.get(pk=item.pk)) == plan
    assert item.state(timezone.now()) is State.DRAFT


def test_create__name_of_a_stream_or_instrument__refused(
    experiment_plan: Make, instrument_plan: Callable[..., InstrumentPlan]
) -> None:
    lifecycle.create(instrument_plan())
    for name in ("product_metrics.web_base", "desktop-ui-interactions"):
        with pytest.raises(rules.RuleRefusedError) as refused:
            lifecycle.create(experiment_plan(machine_name=name))
        assert refused.value.refusals[0].rule == "name-is-free"
    assert not Experiment.objects.exists()


@pytest.mark.parametrize("switched_on", [False, True])
def test_edit__any_field__switch_stays(experiment_plan: Make, switched_on: bool) -> None:
    """The failure of November 2024: every edited item was switched off."""
    item = lifecycle.create(experiment_plan())
    if switched_on:
        item = lifecycle.activate(item)
    before = item.state(timezone.now())
    stored = plans.of(item)
    changes: list[dict[str, Any]] = [
        {"name": "Another name"},
        {"description": "Another text"},
        {"end": stored.end + timedelta(days=7)},
        {"sites": (("frwiki", Decimal("0.5")), ("dewiki", Decimal("0.5")))},
        {"attributes": ()},
        {"stream": "product_metrics.web_base"},
        {"risk_level": "high", "review_link": "https://example.org/review"},
    ]
    for change in changes:
        lifecycle.edit(item, replace(plans.of(item), **change))
        item = Experiment.objects.get(pk=item.pk)
        assert item.state(timezone.now()) is before, change
        assert item.active is switched_on


def test_edit__while_another_switched_it_on__stays_on(experiment_plan: Make) -> None:
    item = lifecycle.create(experiment_plan())
    opened_in_a_form = Experiment.objects.get(pk=item.pk)
    lifecycle.activate(item)
    stored = plans.of(Experiment.objects.get(pk=item.pk))
    lifecycle.edit(opened_in_a_form, replace(stored, name="Renamed"))
    assert Experiment.objects.get(pk=item.pk).active


def test_activate__open_start__becomes_this_minute(experiment_plan: Make) -> None:
    before = timezone.now() - timedelta(minutes=1)
    item = lifecycle.activate(lifecycle.create(experiment_plan()))
    assert item.start is not None
    assert before < item.start <= timezone.now()
    assert item.state(timezone.now()) is State.RUNNING


def test_activate__planned_start__is_kept(experiment_plan: Make) -> None:
    start = timezone.now().replace(second=0, microsecond=0) + timedelta(days=1)
    item = lifecycle.activate(lifecycle.create(experiment_plan(start=start)))
    assert item.start == start
    assert item.state(timezone.now()) is State.SCHEDULED
    assert item.state(start) is State.RUNNING
    assert item.state(item.end) is State.RUNNING
    assert item.state(item.end + timedelta(seconds=1)) is State.STOPPED


def test_activate__risk_pending__refused_and_off(experiment_plan: Make) -> None:
    item = lifecycle.create(experiment_plan(risk_level="pending"))
    with pytest.raises(rules.RuleRefusedError, match="risk-is-assessed"):
        lifecycle.activate(item)
    item = Experiment.objects.get(pk=item.pk)
    assert (item.active, item.activated) == (False, None)


def test_stop_and_activate_again__first_start_and_activation_stay(experiment_plan: Make) -> None:
    item = lifecycle.activate(lifecycle.create(experiment_plan()))
    first = (item.start, item.activated)
    item = lifecycle.stop(item)
    assert item.state(timezone.now()) is State.STOPPED
    item = lifecycle.activate(item)
    assert (item.start, item.activated) == first


def test_edit__after_activation__lowering_refused_and_nothing_stored(
    experiment_plan: Make,
) -> None:
    item = lifecycle.activate(lifecycle.create(experiment_plan()))
    stored = plans.of(item)
    with pytest.raises(rules.RuleRefusedError, match="traffic-only-rises"):
        lifecycle.edit(item, replace(stored, name="X", sites=()))
    assert plans.of(Experiment.objects.get(pk=item.pk)) == stored


def test_configuration_version__rises_with_public_changes_only(experiment_plan: Make) -> None:
    start = number()
    item = lifecycle.create(experiment_plan())
    assert number() == start
    item = lifecycle.activate(item)
    assert number() == start + 1
    lifecycle.edit(item, replace(plans.of(item), description="Not public"))
    assert number() == start + 1
    lifecycle.edit(item, replace(plans.of(item), attributes=("page_id",)))
    assert number() == start + 2
    lifecycle.stop(item)
    assert number() == start + 3
    lifecycle.stop(item)
    assert number() == start + 3


def test_configuration_version__refused_change__does_not_rise(experiment_plan: Make) -> None:
    item = lifecycle.activate(lifecycle.create(experiment_plan()))
    before = number()
    with pytest.raises(rules.RuleRefusedError):
        lifecycle.edit(item, replace(plans.of(item), sites=()))
    assert number() == before


def test_version_of_an_experiment__rises_with_its_public_fields(experiment_plan: Make) -> None:
    item = lifecycle.create(experiment_plan())
    assert item.version == 1
    item = lifecycle.edit(item, replace(plans.of(item), description="Not public"))
    assert item.version == 1
    item = lifecycle.edit(item, replace(plans.of(item), attributes=("page_id",)))
    assert item.version == 2


def test_history__every_change__one_record_with_the_whole_plan(experiment_plan: Make) -> None:
    item = lifecycle.create(experiment_plan())
    lifecycle.edit(
        item,
        replace(plans.of(item), sites=(("frwiki", Decimal("0.2")),)),
        reason="One site is enough",
    )
    lifecycle.activate(item)
    lifecycle.stop(item, reason="Broken on phones")
    records = list(Experiment.history.order_by("history_date"))
    assert [r.history_change_reason for r in records] == [
        "",
        "One site is enough",
        "Switched on",
        "Broken on phones",
    ]
    assert [r.plan["sites"] for r in records][:2] == [
        {"frwiki": "0.1", "dewiki": "0.1"},
        {"frwiki": "0.2"},
    ]
    assert [r.plan["active"] for r in records] == [False, False, True, False]
    assert [g["name"] for g in records[0].plan["groups"]] == ["control", "described"]


def test_edit__nothing_changed__no_record(experiment_plan: Make) -> None:
    item = lifecycle.create(experiment_plan())
    lifecycle.edit(item, plans.of(item))
    assert Experiment.history.count() == 1
