"""Holdouts: whom they keep out of what, that nobody leaves, and that they never cover less."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from tests.registry.form_posts import EDIT, NEW, errors, posted
from tests.registry.page_reading import Page

from allotment.allocation import Reason, allocate, parse_experiment
from allotment.registry import holdouts, lifecycle, placing, public_api, storing
from allotment.registry import plan as plans
from allotment.registry.models import Experiment, Layer
from allotment.registry.plan import ExperimentPlan, GroupPlan
from allotment.registry.rules import Refusal, RuleRefusedError
from allotment.registry.targeting import Condition

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
Make = Callable[..., ExperimentPlan]
NAME = "holdout-of-2026"
EVERYBODY = {"default_rate": Decimal(1), "sites": ()}
GROUPS = (GroupPlan(name="held-out", weight=5), GroupPlan(name="open", weight=95))


@pytest.fixture
def holdout_plan(experiment_plan: Make) -> Make:
    """Makes a holdout's plan that every rule accepts; keywords change it."""

    def make(**changes: Any) -> ExperimentPlan:  # noqa: ANN401 - any field
        usual = {"machine_name": NAME, "groups": GROUPS, "holds_out": ("all",), **EVERYBODY}
        return experiment_plan(**usual | changes)

    return make


def begin(plan: ExperimentPlan) -> Experiment:
    return lifecycle.activate(lifecycle.create(plan))


def refusals(do: Callable[[], object]) -> list[Refusal]:
    with pytest.raises(RuleRefusedError) as error:
        do()
    return list(error.value.refusals)


def served(name: str, environment: str | None = None) -> dict[str, Any]:
    found = public_api.experiments(timezone.now(), environment=environment).documents
    return next(document for document in found if document["name"] == name)


def holdouts_of(name: str) -> list[str]:
    return [found["name"] for found in served(name).get("holdouts", [])]


def definitions(page: Page) -> dict[str, str]:
    terms, meant = ([" ".join(e.text.split()) for e in page.all(tag)] for tag in ("dt", "dd"))
    return dict(zip(terms, meant, strict=True))


def test_holdout__experiment_switched_on_later__keeps_out_exactly_its_first_group(
    experiment_plan: Make, holdout_plan: Make
) -> None:
    begin(holdout_plan())
    begin(experiment_plan(**EVERYBODY))
    assert served("search-suggestions")["holdouts"] == [{"name": NAME, "begin": 0, "end": 838_861}]
    assert served(NAME)["holds_out"] == ["all"]
    holdout, covered = (
        parse_experiment(served(NAME)),
        parse_experiment(served("search-suggestions")),
    )
    held = 0
    for subject in map(str, range(2000)):
        is_held = allocate(holdout, subject).group == "held-out"
        held += is_held
        assert (allocate(covered, subject).reason is Reason.HELD_OUT) is is_held
    assert 60 < held < 140


@pytest.mark.parametrize(
    ("covers", "more", "is_covered"),
    [
        (("all",), {}, True),
        (("all",), {"identifier_type": "mw-user"}, False),
        (("layer:search",), {}, False),
        (("layer:search",), {"layer": "search", "layer_share": Decimal("0.5")}, True),
        (("layer:search",), {"layer": "other", "layer_share": Decimal("0.5")}, False),
        (("layer:search", "search-suggestions"), {}, True),
        (("another-experiment",), {}, False),
        (("all",), {"holds_out": ("another-experiment",)}, False),
    ],
)
def test_holdout__what_it_covers__counts_when_an_experiment_is_switched_on(
    experiment_plan: Make,
    holdout_plan: Make,
    covers: tuple[str, ...],
    more: dict[str, Any],
    is_covered: bool,
) -> None:
    placing.save_layer(Layer(name="search"))
    placing.save_layer(Layer(name="other"))
    begin(holdout_plan(holds_out=covers))
    begin(experiment_plan(**EVERYBODY | more))
    assert holdouts_of("search-suggestions") == ([NAME] if is_covered else [])


def test_holdout__switched_on_after_the_experiment__takes_nobody_out_in_this_phase(
    experiment_plan: Make, holdout_plan: Make
) -> None:
    item = begin(experiment_plan(**EVERYBODY))
    begin(holdout_plan())
    assert holdouts_of("search-suggestions") == []
    item = lifecycle.activate(lifecycle.stop(item))
    assert holdouts_of("search-suggestions") == []
    item = lifecycle.relaunch(lifecycle.stop(item))
    lifecycle.activate(item)
    assert holdouts_of("search-suggestions") == [NAME]


def test_holdout__stopped__experiments_keep_it_until_their_phase_ends(
    experiment_plan: Make, holdout_plan: Make
) -> None:
    holdout = begin(holdout_plan())
    item = begin(experiment_plan(**EVERYBODY))
    lifecycle.stop(holdout)
    begin(experiment_plan(machine_name="later-experiment", **EVERYBODY))
    assert holdouts_of("search-suggestions") == [NAME]
    assert holdouts_of("later-experiment") == []
    lifecycle.activate(lifecycle.stop(item))
    assert holdouts_of("search-suggestions") == [NAME]
    item.refresh_from_db()
    item = lifecycle.relaunch(lifecycle.stop(item))
    assert item.holdouts == []
    phase = item.phases.get()
    assert [found["name"] for found in phase.document["holdouts"]] == [NAME]
    assert phase.plan["held_out_by"] == [NAME]
    lifecycle.activate(item)
    assert holdouts_of("search-suggestions") == []


def test_holdout__of_staging__keeps_nobody_out_in_production(
    experiment_plan: Make, holdout_plan: Make
) -> None:
    both = ("staging", "production")
    begin(holdout_plan(environments=("staging",)))
    begin(experiment_plan(environments=both, **EVERYBODY))
    assert "holdouts" not in served("search-suggestions", "production")
    assert [h["name"] for h in served("search-suggestions", "staging")["holdouts"]] == [NAME]


@pytest.mark.parametrize(
    ("covers", "words"),
    [
        (NAME, "out of itself"),
        ("*", "“*” is neither all nor a layer nor a machine name"),
        ("layer:nowhere", "“nowhere” is no layer"),
        ("short", "neither all"),
    ],
)
def test_holdout__covers_what_is_nothing__refused(
    holdout_plan: Make, covers: str, words: str
) -> None:
    (found,) = refusals(lambda: lifecycle.create(holdout_plan(holds_out=("all", covers))))
    assert (found.rule, found.field) == ("holdout-covers-known", "holds_out")
    assert words in found.what


def test_holdout__with_layer_conditions_or_sessions__refused(holdout_plan: Make) -> None:
    placing.save_layer(Layer(name="search"))
    plan = holdout_plan(
        layer="search",
        layer_share=Decimal("0.5"),
        targeting=(Condition("mediawiki_skin", "equals", "minerva"),),
        attributes=("mediawiki_skin",),
        identifier_type="session",
    )
    found = {r.field for r in refusals(lambda: lifecycle.create(plan)) if "alone" in r.rule}
    assert found == {"layer", "targeting", "identifier_type"}


def test_holdout__live__covers_more_but_never_less(
    experiment_plan: Make, holdout_plan: Make
) -> None:
    item = begin(holdout_plan(holds_out=("first-experiment",)))
    for covers in ((), ("second-experiment",)):
        fewer = replace(plans.of(item), holds_out=covers)
        (found,) = refusals(partial(lifecycle.edit, item, fewer))
        assert (found.rule, found.field) == ("holdout-only-grows", "holds_out")
    more = replace(plans.of(item), holds_out=("second-experiment", "first-experiment"))
    item = lifecycle.edit(item, more)
    item = lifecycle.edit(item, replace(plans.of(item), holds_out=("all",)))
    assert served(NAME)["holds_out"] == ["all"]
    usual = begin(experiment_plan(**EVERYBODY))
    made = replace(plans.of(usual), holds_out=("all",))
    (found,) = refusals(lambda: lifecycle.edit(usual, made))
    assert found.rule == "holdout-only-grows"


def test_holdout__record__comes_back_as_it_was_and_old_records_have_none(
    holdout_plan: Make,
) -> None:
    plan = holdout_plan()
    record = plans.to_record(plan)
    assert plans.from_record("experiment", dict(record)) == plan
    del record["holds_out"]
    assert plans.from_record("experiment", record) == replace(plan, holds_out=())
    assert storing.to_keep(begin(plan))["held_out_by"] == []


@pytest.mark.parametrize("found", [{}, ["x"], None, [{"name": NAME}]])
def test_served__damaged_row__is_left_out_alone(experiment_plan: Make, found: object) -> None:
    item = begin(experiment_plan(**EVERYBODY))
    begin(experiment_plan(machine_name="sound-experiment", **EVERYBODY))
    Experiment.objects.filter(pk=item.pk).update(holdouts=found if found is not None else 7)
    shaped = public_api.experiments(timezone.now())
    assert [document["name"] for document in shaped.documents] == ["sound-experiment"]
    assert shaped.left_out == ["search-suggestions"]


def test_share__first_group_of_uneven_weights__is_its_part() -> None:
    assert holdouts.share(838_861) == Decimal("0.0500")


def test_form__holdout__is_stored_shown_again_and_explained_on_its_page(
    visitor: Client, experiment_plan: Make
) -> None:
    placing.save_layer(Layer(name="search"))
    begin(experiment_plan(machine_name="first-experiment", **EVERYBODY))
    given = posted(holds_out=" all, layer:search,all", default_rate="100")
    given |= {"groups-0-weight": "1", "groups-1-weight": "19"}
    assert visitor.post(NEW, given).status_code == 302
    item = Experiment.objects.get(machine_name="search-suggestions")
    assert item.holds_out == ["all", "layer:search"]
    page = Page(visitor.get(EDIT).content.decode())
    assert page.faults() == []
    assert page.values()["holds_out"] == ["all, layer:search"]
    lifecycle.activate(item)
    begin(experiment_plan(machine_name="later-experiment", **EVERYBODY))
    page = Page(visitor.get("/experiments/search-suggestions").content.decode())
    assert page.faults() == []
    rows = definitions(page)
    assert "5%, the group control, are kept out of each" in rows["A holdout of"]
    assert rows["Kept out of"] == "later-experiment"
    assert rows["Not kept out of"].startswith("first-experiment switched on before this")
    page = Page(visitor.get("/experiments/later-experiment").content.decode())
    assert "search-suggestions: 5% are kept out" in definitions(page)["Holdouts"]


def test_form__holdout_of_nothing__says_so_under_the_field(visitor: Client) -> None:
    found = errors(visitor.post(NEW, posted(holds_out="everything!")))
    assert "neither all nor a layer" in found["id_holds_out"]


@pytest.mark.parametrize(("weight", "is_told"), [("5", False), ("95", True), ("", True)])
def test_check_beside_the_form__holdout__warns_of_a_large_one(
    visitor: Client, weight: str, is_told: bool
) -> None:
    weights = {"groups-0-weight": weight, "groups-1-weight": "95" if weight else ""}
    given = posted(holds_out="all", check="live", save=None, **weights)
    answer = visitor.post(NEW, given)
    assert ("holdout is large" in answer.content.decode()) is is_told


def test_holdout__end_has_passed__covers_nothing_any_more(
    experiment_plan: Make, holdout_plan: Make
) -> None:
    item = begin(holdout_plan())
    past = timezone.now() - timedelta(minutes=1)
    Experiment.objects.filter(pk=item.pk).update(start=past - timedelta(days=1), end=past)
    begin(experiment_plan(**EVERYBODY))
    assert holdouts_of("search-suggestions") == []
