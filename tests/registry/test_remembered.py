"""Rows in memory: read once, and once more whenever anything of them is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from allotment.registry import lifecycle, placing, public_api
from allotment.registry import plan as plans
from allotment.registry.models import Experiment, Phase, Site, Stream
from allotment.registry.plan import ExperimentPlan
from allotment.registry.remembered import Memory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
Make = Callable[..., ExperimentPlan]
HALF = timedelta(seconds=30)


@pytest.fixture
def item(experiment_plan: Make) -> Experiment:
    lifecycle.activate(lifecycle.create(experiment_plan(machine_name="another-one")))
    return lifecycle.activate(lifecycle.create(experiment_plan()))


def same(memory: Memory) -> None:
    """What is shaped from memory is what is shaped without one."""
    now = timezone.now()
    for environment in (None, "production"):
        for shape in (public_api.experiments, public_api.edge_experiments):
            known = shape(now, environment=environment, memory=memory)
            assert known.documents == shape(now, environment=environment).documents


def shaped(memory: Memory) -> list[public_api.Shaped]:
    """What three askers are given."""
    now = timezone.now()
    return [
        public_api.experiments(now, analytics=True, memory=memory),
        public_api.experiments(now, environment="production", memory=memory),
        public_api.edge_experiments(now, environment="production", memory=memory),
    ]


def raised(item: Experiment) -> None:
    sites = (("frwiki", Decimal("0.4")), ("dewiki", Decimal("0.1")))
    lifecycle.edit(item, replace(plans.of(item), sites=sites))


def renamed_stream(item: Experiment) -> None:
    row = Stream.objects.get(pk=item.stream_id)
    row.name = "product_metrics.renamed"
    lifecycle.save_stream(row)


CHANGES: dict[str, Callable[[Experiment], object]] = {
    "its traffic": raised,
    "its end": lambda item: lifecycle.edit(
        item, replace(plans.of(item), end=item.end + timedelta(days=1))
    ),
    "it stops": lifecycle.stop,
    "another is killed": lambda item: lifecycle.kill(
        [Experiment.objects.get(machine_name="another-one")], reason="x"
    ),
    "the stream's name": renamed_stream,
    "a site": lambda item: placing.save_site(Site(name="frwiki", domain="fr.example.org")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_shaped__after_a_change__as_if_nothing_were_kept(
    item: Experiment, change: Callable[[Experiment], object]
) -> None:
    memory = Memory()
    same(memory)
    change(item)
    same(memory)
    same(memory)


def test_shaped__family_gets_a_site__what_names_it_is_made_anew(experiment_plan: Make) -> None:
    placing.save_site(Site(name="frwiki", family="wiki"))
    sites = (("family:wiki", Decimal("0.1")),)
    lifecycle.activate(lifecycle.create(experiment_plan(sites=sites)))
    memory = Memory()
    same(memory)
    placing.save_site(Site(name="dewiki", family="wiki"))
    same(memory)
    (document,) = public_api.experiments(timezone.now(), memory=memory).documents
    assert document["sample_rate"]["0.1"] == ["dewiki", "frwiki"]


def test_rows__one_of_many_written__that_one_is_read(item: Experiment) -> None:
    memory = Memory()

    def asked() -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            public_api.experiments(timezone.now(), memory=memory)
        return [query["sql"] for query in queries]

    asked()
    known = asked()
    assert not any("registry_group" in sql for sql in known)
    raised(item)
    read = [sql for sql in asked() if 'FROM "registry_group"' in sql]
    assert len(read) == 1
    assert f"IN ({item.pk})" in read[0]


def test_rows__changed_past_the_registry__seen_at_the_next_look(item: Experiment) -> None:
    memory, now = Memory(), timezone.now()
    memory.look_after(HALF, now)
    same(memory)
    Experiment.objects.filter(pk=item.pk).update(schema_id="/other/1.0.0")
    later = now + timedelta(seconds=29)
    memory.look_after(HALF, later)
    kept = public_api.experiments(later, memory=memory).documents
    assert "/other/1.0.0" not in {document["schema_id"] for document in kept}
    memory.look_after(HALF, now + HALF)
    same(memory)


PAST: dict[str, Callable[[Experiment], object]] = {
    "its column": lambda item: Experiment.objects.filter(pk=item.pk).update(phase_index=3),
    "a weight": lambda item: item.groups.filter(position=1).update(weight=5),
    "a group is gone": lambda item: item.groups.filter(position=1).delete(),
    "a rate": lambda item: item.sites.filter(site="frwiki").update(rate=Decimal("0.7")),
    "its stream": lambda item: Stream.objects.filter(pk=item.stream_id).update(
        environments=["staging"]
    ),
    "an earlier phase": lambda _: Phase.objects.update(document={"name": "x", "phase_index": 0}),
    "a site": lambda _: Site.objects.filter(name="frwiki").update(environments=["staging"]),
}


@pytest.mark.parametrize("change", PAST.values(), ids=PAST)
def test_shaped__anything_changed_past_the_registry__seen_at_the_next_look(
    item: Experiment, change: Callable[[Experiment], object]
) -> None:
    placing.save_site(Site(name="frwiki", domain="fr.example.org"))
    again = lifecycle.relaunch(lifecycle.stop(Experiment.objects.get(machine_name="another-one")))
    lifecycle.activate(again)
    memory, now = Memory(), timezone.now()
    memory.look_after(HALF, now)
    same(memory)
    before = shaped(memory)
    change(item)
    memory.look_after(HALF, now + HALF)
    assert shaped(memory) != before
    same(memory)


def test_look_after__one_changed_past_the_registry__that_one_alone_is_read_again(
    item: Experiment,
) -> None:
    memory, now = Memory(), timezone.now()

    def read() -> list[str]:
        with CaptureQueriesContext(connection) as queries:
            public_api.experiments(now, memory=memory)
        found = [query["sql"] for query in queries]
        return [sql for sql in found if 'FROM "registry_group"' in sql]

    memory.look_after(HALF, now)
    assert len(read()) == 1
    found = memory.finds
    memory.look_after(HALF, now + HALF)
    assert memory.finds == found
    assert read() == []
    item.groups.filter(position=1).update(weight=5)
    memory.look_after(HALF, now + 2 * HALF)
    assert memory.finds == found + 1
    (sql,) = read()
    assert f"IN ({item.pk})" in sql


def test_look_after__changed_before_it_was_read__no_answer_is_older_than_the_row(
    item: Experiment,
) -> None:
    memory, now = Memory(), timezone.now()
    memory.look_after(HALF, now)
    Experiment.objects.filter(pk=item.pk).update(schema_id="/other/1.0.0")
    same(memory)
    Experiment.objects.filter(pk=item.pk).update(schema_id="/third/1.0.0")
    memory.look_after(HALF, now + HALF)
    same(memory)
