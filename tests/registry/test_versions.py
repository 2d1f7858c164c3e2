"""Versions: numbered, without gaps, never changed; and no write that loses another one."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from tests.registry.page_reading import Page

from allotment.registry import lifecycle, seeding, versions
from allotment.registry import plan as plans
from allotment.registry.models import Experiment, Stream
from allotment.registry.plan import ExperimentPlan
from allotment.registry.rules import RuleRefusedError

pytestmark = pytest.mark.django_db
Make = Callable[..., ExperimentPlan]
WEB = "product_metrics.web_base"


@pytest.mark.usefixtures("streams")
def test_versions__every_write__one_number_more_and_the_whole_plan(experiment_plan: Make) -> None:
    plan = experiment_plan()
    item = lifecycle.create(plan)
    item = lifecycle.edit(item, replace(plan, description="Two"), reason="Said better")
    item = lifecycle.activate(item)
    lifecycle.kill(None, reason="it breaks search")
    found = versions.all_of(item)
    assert [v.number for v in found] == [1, 2, 3, 4]
    assert [v.verb for v in found] == ["create", "edit", "activate", "kill"]
    assert [versions.plan_of(item, v).description for v in found] == ["", "Two", "Two", "Two"]
    assert (found[1].reason, found[1].who) == ("Said better", "the system")
    assert versions.find(item, 2) == found[1]
    assert versions.find(item, 5) is None


@pytest.mark.usefixtures("streams")
def test_versions__streams__numbered_too() -> None:
    stream = Stream.objects.get(name=WEB)
    lifecycle.save_stream(stream, expected=1)
    assert list(stream.history.order_by("revision").values_list("revision", flat=True)) == [1, 2]
    with pytest.raises(RuleRefusedError, match="nobody-wrote-meanwhile"):
        lifecycle.save_stream(Stream.objects.get(name=WEB), expected=1)


@pytest.mark.usefixtures("streams")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {table} SET revision = revision + 1",
        "UPDATE {table} SET schema_id = 'other'",
        "UPDATE {table} SET plan = '{{}}'",
        "DELETE FROM {table}",
    ],
)
def test_versions__changed_past_the_application__refused_by_the_database(
    statement: str, experiment_plan: Make
) -> None:
    lifecycle.create(experiment_plan())
    with (
        pytest.raises(DatabaseError, match="a version is never changed"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(table="registry_historicalexperiment"))


@pytest.mark.usefixtures("streams")
def test_versions__put_in_the_place_of_another__refused_by_the_database(
    experiment_plan: Make,
) -> None:
    item = lifecycle.create(experiment_plan())
    table = "registry_historicalexperiment"
    fields: Any = type(item).history.model._meta.concrete_fields
    columns = [f'"{field.column}"' for field in fields]
    other = ["'{}'" if column == '"plan"' else column for column in columns]
    verb = "INSERT OR REPLACE" if connection.vendor == "sqlite" else "INSERT"
    for drop in ({'"history_id"'}, set()):
        kept = [column not in drop for column in columns]
        into, values = (
            ", ".join(one for one, keep in zip(names, kept, strict=True) if keep)
            for names in (columns, other)
        )
        with (
            pytest.raises(DatabaseError),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"{verb} INTO {table} ({into}) SELECT {values} FROM {table}")
    assert item.history.get().plan != {}


@pytest.mark.usefixtures("streams")
def test_versions__number_given_twice__refused_by_the_database(experiment_plan: Make) -> None:
    item = lifecycle.create(experiment_plan())
    with pytest.raises(DatabaseError), transaction.atomic():
        item.save()


@pytest.mark.usefixtures("streams")
def test_stream_form__stale__412_and_theirs_stays(visitor: Client) -> None:
    path = f"/streams/{WEB}"
    mine = Page(visitor.get(path).content.decode()).values()
    assert mine["revision"] == ["1"]
    assert visitor.post(path, mine | {"description": "Theirs"}).status_code == 302
    refused = visitor.post(path, mine | {"description": "Mine"})
    assert refused.status_code == 412
    assert "nobody-wrote-meanwhile" in refused.content.decode()
    assert Stream.objects.get(name=WEB).description == "Theirs"


@pytest.mark.usefixtures("streams")
def test_item_form__stale__three_way_difference_and_saved_again_on_top(
    visitor: Client, experiment_plan: Make
) -> None:
    item = lifecycle.create(experiment_plan())
    path = f"/experiments/{item.machine_name}/edit"
    mine = Page(visitor.get(path).content.decode()).values()
    theirs = replace(
        plans.of(item),
        description="Theirs",
        hypothesis="Told by them",
        owners=("Other team",),
        environments=("staging", "production"),
        end=item.end + timedelta(days=1),
    )
    lifecycle.edit(item, theirs)
    refused = visitor.post(path, mine | {"description": "Mine", "sites-0-rate": "20"})
    assert refused.status_code == 422
    text = refused.content.decode()
    page = Page(text)
    assert page.faults() == []
    assert "You began from version 1" in text
    assert "Told by them" in text
    labels = re.findall(r"(?:Changed|Added|Removed): </span>([^<]*)<", text)
    assert labels == [
        *("Description", "Owner", "End", "Environments", "Hypothesis"),
        *("Description", "Traffic on frwiki"),
    ]
    again = page.values()
    assert (again["revision"], again["description"]) == (["2"], ["Mine"])
    assert visitor.post(path, again).status_code == 302
    stored: Any = plans.of(Experiment.objects.get())
    assert (stored.description, stored.hypothesis) == ("Mine", "Told by them")
    assert str(stored.sites[0][1].normalize()) == "0.2"
    assert (stored.owners, stored.end) == (theirs.owners, theirs.end)
    assert set(stored.environments) == set(theirs.environments)


def test_rebased__maps_and_fields__mine_where_i_changed_it_else_theirs() -> None:
    began = {"a": 1, "b": 1, "sites": {"x": "1", "y": "1", "z": "1"}}
    theirs = {"a": 2, "b": 2, "sites": {"x": "2", "y": "1", "new": "5"}}
    mine = {"a": 1, "b": 3, "sites": {"x": "1", "z": "1", "own": "7"}}
    assert versions.rebased(began, theirs, mine) == {
        "a": 2,
        "b": 3,
        "sites": {"x": "2", "new": "5", "own": "7"},
    }


@pytest.mark.django_db(transaction=True)
def test_edit__many_writers_at_once__no_update_is_lost_and_no_number_missing(
    experiment_plan: Make,
) -> None:
    seeding.create_streams()
    item = lifecycle.create(experiment_plan())
    writers, each = 4, 5
    refused: list[str] = []
    faults: list[BaseException] = []

    def write(name: str) -> None:
        try:
            for turn in range(each):
                while True:
                    row = Experiment.objects.get(pk=item.pk)
                    plan: Any = plans.of(row)
                    owners = (*plan.owners, f"{name}{turn}")
                    try:
                        lifecycle.edit(row, replace(plan, owners=owners), expected=row.revision)
                    except RuleRefusedError as error:
                        refused.extend(r.rule for r in error.refusals)
                        continue
                    break
        except BaseException as error:  # noqa: BLE001 - told in the test's own thread
            faults.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert set(refused) <= {"nobody-wrote-meanwhile"}
    stored = Experiment.objects.get(pk=item.pk)
    assert sorted(stored.owners[1:]) == sorted(f"{n}{t}" for n in "abcd" for t in range(each))
    numbers = [version.number for version in versions.all_of(stored)]
    assert numbers == list(range(1, writers * each + 2))
