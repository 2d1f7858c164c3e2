"""The numbers of rows: another one for whatever is changed in the database, by whomever."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tests.registry.damage import damage

from allotment.registry import fingerprints, lifecycle, placing
from allotment.registry.fingerprints import Prints
from allotment.registry.models import (
    Account,
    Experiment,
    ExperimentSite,
    Group,
    Instrument,
    InstrumentSite,
    Layer,
    Phase,
    Site,
    Stream,
)
from allotment.registry.plan import ExperimentPlan, InstrumentPlan

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
PART_OF: dict[type[Model], type[Model]] = {
    Group: Experiment,
    ExperimentSite: Experiment,
    InstrumentSite: Instrument,
}
SHARED = {Stream, Layer}
NOW = timezone.now()
ALL: tuple[type[Model], ...] = (Experiment, Instrument, Phase, Stream, Layer, Site, *PART_OF)


@pytest.fixture
def lab(
    experiment_plan: Callable[..., ExperimentPlan], instrument_plan: Callable[..., InstrumentPlan]
) -> None:
    """One of everything, and another experiment and instrument that nobody touches."""
    Account.objects.create_user("ada")
    placing.save_layer(Layer(name="chrome"))
    placing.save_site(Site(name="frwiki", family="wiki"))
    for name in ("search-suggestions", "one-beside-it"):
        layer = {"layer": "chrome", "layer_share": Decimal("0.2")}
        item = lifecycle.activate(lifecycle.create(experiment_plan(machine_name=name, **layer)))
    lifecycle.relaunch(lifecycle.stop(item))
    for name in ("desktop-clicks", "instrument-beside"):
        lifecycle.activate(lifecycle.create(instrument_plan(machine_name=name)))


VALUES: dict[str, tuple[object, object]] = {
    **dict.fromkeys(("CharField", "TextField", "EmailField"), ("ab", "cd")),
    "BooleanField": (True, False),
    "DateTimeField": (NOW, NOW + timedelta(days=1)),
    "DecimalField": (Decimal("0.5"), Decimal("0.25")),
    "JSONField": (["x"], ["y"]),
}


def changes() -> Iterator[tuple[type[Model], int, str, object]]:
    """Each column of each table, with a value that it can hold and does not hold in some row."""
    for model in ALL:
        row = model._default_manager.order_by("pk").first()
        assert row is not None, model
        for field in model._meta.concrete_fields:
            if field.primary_key or field.related_model is PART_OF.get(model, Experiment):
                continue  # what belongs elsewhere is tested by itself
            now = getattr(row, field.attname)
            if field.related_model is None:
                one, other = VALUES.get(field.get_internal_type(), (7, 8))
                yield model, row.pk, field.name, other if now == one else one
            else:
                found = field.related_model._default_manager.exclude(pk=now).first()
                yield model, row.pk, field.attname, None if found is None else found.pk


def differing(before: Prints, after: Prints) -> set[tuple[type[Model], int]]:
    return {
        (model, key)
        for model in after
        for key in {*before[model], *after[model]}
        if before[model].get(key) != after[model].get(key)
    }


def test_taken__any_column_written_past_the_registry__another_number_for_that_row_alone(
    lab: None,
) -> None:
    before = fingerprints.taken()
    tried = 0
    for model, key, name, value in changes():
        with transaction.atomic():
            model._default_manager.filter(pk=key).update(**{name: value})
            found = differing(before, fingerprints.taken())
            transaction.set_rollback(True)
        kinds = [kind for kind, _ in found]
        whole = PART_OF.get(model, model)
        assert whole in kinds, name
        assert kinds.count(whole) == 1, name
        assert (whole in SHARED) or kinds == [whole], name
        tried += 1
    assert tried > 100
    assert differing(before, fingerprints.taken()) == set()


def test_taken__a_stream_written__all_that_is_on_it_has_another_number(lab: None) -> None:
    before = fingerprints.taken()
    item = Experiment.objects.get(machine_name="one-beside-it")
    other = Stream.objects.exclude(pk=item.stream_id).get()
    Experiment.objects.filter(pk=item.pk).update(stream=other)
    moved = fingerprints.taken()
    assert differing(before, moved) == {(Experiment, item.pk)}
    Stream.objects.filter(pk=other.pk).update(environments=["staging"])
    assert differing(moved, fingerprints.taken()) == {(Stream, other.pk), (Experiment, item.pk)}


def test_taken__parts_go_come_and_move__those_they_belong_to_have_other_numbers(lab: None) -> None:
    one, other = Experiment.objects.order_by("pk")[:2]
    steps: list[tuple[Callable[[], object], set[Experiment]]] = [
        (lambda: ExperimentSite.objects.filter(experiment=one, site="frwiki").delete(), {one}),
        (lambda: Group.objects.create(experiment=other, name="third", position=2), {other}),
        (lambda: Group.objects.filter(name="third").update(experiment=one), {one, other}),
    ]
    for step, wanted in steps:
        before = fingerprints.taken()
        step()
        assert differing(before, fingerprints.taken()) == {(Experiment, row.pk) for row in wanted}


@pytest.mark.parametrize(
    "damaged",
    [
        "UPDATE registry_experiment SET attributes = '{' WHERE id = {key}",
        "UPDATE registry_experiment SET start = 'soon' WHERE id = {key}",
        "UPDATE registry_experiment SET name = CAST(x'ff80' AS TEXT) WHERE id = {key}",
        "UPDATE registry_experiment SET version = 'one' WHERE id = {key}",
        "UPDATE registry_experimentsite SET rate = 'much' WHERE experiment_id = {key}",
    ],
)
def test_taken__row_that_nobody_can_read__another_number_and_no_error(
    lab: None, damaged: str
) -> None:
    key = Experiment.objects.earliest("pk").pk
    before = fingerprints.taken()
    damage(damaged.replace("{key}", str(key)))
    assert differing(before, fingerprints.taken()) == {(Experiment, key)}


def test_taken__many_rows__as_many_queries_as_for_a_few(
    lab: None, experiment_plan: Callable[..., ExperimentPlan]
) -> None:
    counts = []
    for number in range(2):
        lifecycle.create(experiment_plan(machine_name=f"another-{number}"))
        with CaptureQueriesContext(connection) as asked:
            fingerprints.taken()
        counts.append(len(asked))
    assert counts[0] == counts[1] < 12
