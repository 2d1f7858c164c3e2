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
from allotment.registry.models import Experiment, Site, Stream
from allotment.registry.plan import ExperimentPlan
from allotment.registry.remembered import Memory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
Make = Callable[..., ExperimentPlan]
TITLE = "analytics/product_metrics/web/translation"


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


def test_rows__damaged_past_the_registry__seen_once_the_memory_is_too_old(
    item: Experiment,
) -> None:
    memory, now = Memory(), timezone.now()
    memory.forget_after(timedelta(seconds=30), now)
    same(memory)
    Experiment.objects.filter(pk=item.pk).update(schema_id="/other/1.0.0")
    later = now + timedelta(seconds=29)
    memory.forget_after(timedelta(seconds=30), later)
    kept = public_api.experiments(later, memory=memory).documents
    assert "/other/1.0.0" not in {document["schema_id"] for document in kept}
    memory.forget_after(timedelta(seconds=30), now + timedelta(seconds=30))
    same(memory)
