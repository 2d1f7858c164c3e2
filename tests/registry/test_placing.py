"""Sites, families, caps and layers: what they mean for items, and that no change moves anybody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from tests.registry.page_reading import Page

from allotment.registry import lifecycle, placing, public_api
from allotment.registry import plan as plans
from allotment.registry.models import Account, CapException, Experiment, Layer, Site
from allotment.registry.plan import ExperimentPlan, InstrumentPlan
from allotment.registry.rules import RuleRefusedError

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
Make = Callable[..., ExperimentPlan]
HALF = Decimal("0.5")
FAMILY = (("family:wikipedia", HALF),)


def refused(do: Callable[[], object]) -> list[str]:
    with pytest.raises(RuleRefusedError) as error:
        do()
    return [refusal.rule for refusal in error.value.refusals]


def site(name: str, **more: Any) -> Site:  # noqa: ANN401 - any field
    return placing.save_site(Site(**{"name": name, "family": "wikipedia", **more}))


def rates(environment: str | None = None) -> dict[str, Any]:
    (served,) = public_api.experiments(timezone.now(), environment=environment).documents
    return dict(served["sample_rate"])


def test_family__named_in_a_row__is_written_out_when_served(experiment_plan: Make) -> None:
    site("frwiki")
    site("dewiki")
    site("commons", family="")
    lifecycle.activate(lifecycle.create(experiment_plan(sites=FAMILY)))
    assert rates() == {"default": 0, "0.5": ["dewiki", "frwiki"]}


@pytest.mark.parametrize(
    ("sites", "text"),
    [
        (
            (*FAMILY, ("frwiki", HALF)),
            "frwiki stands at 50% and at 50% (by family:wikipedia, frwiki)",
        ),
        ((*FAMILY, *FAMILY), "by family:wikipedia)"),
        ((("frwiki", HALF), ("frwiki", Decimal("0.1"))), "frwiki stands at 50% and at 10%"),
    ],
)
def test_family__site_named_twice__refused_and_never_resolved_in_silence(
    experiment_plan: Make,
    sites: tuple[tuple[str, Decimal], ...],
    text: str,
) -> None:
    site("frwiki")
    with pytest.raises(RuleRefusedError) as error:
        lifecycle.create(experiment_plan(sites=sites))
    (refusal,) = error.value.refusals
    assert refusal.rule == "site-listed-once"
    assert text in refusal.what


def test_family__without_sites__refused_with_those_known(experiment_plan: Make) -> None:
    site("frwiki")
    plan = experiment_plan(sites=(("family:wikipdia", HALF),))
    with pytest.raises(RuleRefusedError) as error:
        lifecycle.create(plan)
    (refusal,) = error.value.refusals
    assert refusal.rule == "family-is-known"
    assert "family:wikipedia" in refusal.what


def test_cap__share_above_it__refused_until_an_exception_is_granted(
    experiment_plan: Make, account: Account
) -> None:
    site("enwiki", cap=Decimal("0.01"))
    plan = experiment_plan(sites=(("enwiki", Decimal("0.05")),))
    assert refused(lambda: lifecycle.create(plan)) == ["site-below-cap"]
    assert refused(lambda: lifecycle.create(experiment_plan(default_rate=HALF))) == [
        "site-below-cap"
    ]
    item = lifecycle.create(replace(plan, sites=(("enwiki", Decimal("0.01")),)))
    assert refused(lambda: placing.grant_exception(item, "enwiki", HALF, reason=" ")) == [
        "exception-has-reason"
    ]
    placing.grant_exception(
        item, "enwiki", Decimal("0.05"), reason="A fix that all must have", by=account
    )
    item = lifecycle.edit(item, plan)
    more = replace(plan, sites=(("enwiki", Decimal("0.06")),))
    assert refused(lambda: lifecycle.edit(item, more)) == ["site-below-cap"]
    item = lifecycle.activate(item)
    placing.withdraw_exception(CapException.objects.get())
    item = lifecycle.edit(item, replace(plans.of(item), description="It runs on"))
    higher = replace(plans.of(item), sites=(("enwiki", Decimal("0.055")),))
    assert refused(lambda: lifecycle.edit(item, higher)) == ["site-below-cap"]


def test_cap__of_an_instrument__counts_too(
    instrument_plan: Callable[..., InstrumentPlan],
) -> None:
    site("enwiki", cap=Decimal("0.001"))
    assert refused(lambda: lifecycle.create(instrument_plan())) == ["site-below-cap"]


@pytest.mark.parametrize(
    "change",
    [{"family": ""}, {"family": "wiktionary"}, {"environments": ["staging"]}],
)
def test_save_site__of_a_running_experiment__nobody_is_put_out(
    experiment_plan: Make, change: dict[str, Any]
) -> None:
    site("frwiki")
    site("dewiki")
    lifecycle.activate(lifecycle.create(experiment_plan(sites=FAMILY)))
    found = Site.objects.get(name="frwiki")
    for name, value in change.items():
        setattr(found, name, value)
    assert refused(lambda: placing.save_site(found)) == ["family-moves-nobody"]
    assert refused(lambda: placing.remove_site(Site.objects.get(name="dewiki"))) == [
        "family-moves-nobody"
    ]
    site("eswiki")
    assert rates() == {"default": 0, "0.5": ["dewiki", "eswiki", "frwiki"]}
    lifecycle.kill(None, reason="Over")
    placing.save_site(found)


def test_save_site__that_would_list_it_twice__refused(experiment_plan: Make) -> None:
    site("frwiki")
    lifecycle.activate(lifecycle.create(experiment_plan(sites=(*FAMILY, ("eswiki", HALF)))))
    assert refused(lambda: site("eswiki")) == ["family-moves-nobody"]


def test_environments__item_stream_and_site__decide_who_is_served(experiment_plan: Make) -> None:
    site("testwiki", family="", environments=["staging"])
    plan = experiment_plan(
        environments=("staging", "production"), sites=(("testwiki", HALF), ("frwiki", HALF))
    )
    item = lifecycle.activate(lifecycle.create(plan))
    assert rates("staging") == {"default": 0, "0.5": ["testwiki", "frwiki"]}
    assert rates("production") == {"default": 0, "0.5": ["frwiki"], "0": ["testwiki"]}
    now = timezone.now()
    assert public_api.experiments(now, environment="development").documents == []
    fewer = replace(plans.of(item), environments=("production",))
    assert "environments-only-grow" in refused(lambda: lifecycle.edit(item, fewer))


def test_environments__site_or_stream_elsewhere__refused(experiment_plan: Make) -> None:
    site("testwiki", family="", environments=["staging"])
    plan = experiment_plan(sites=(("testwiki", HALF),))
    assert refused(lambda: lifecycle.create(plan)) == ["environment-has-site"]
    item = lifecycle.create(experiment_plan())
    stream = item.stream
    stream.environments = ["development"]
    lifecycle.save_stream(stream)
    assert "environment-has-stream" in refused(lambda: lifecycle.activate(item))


def test_layer__used__keeps_its_name(experiment_plan: Make) -> None:
    layer = placing.save_layer(Layer(name="chrome"))
    assert refused(lambda: placing.save_layer(Layer(name="CHROME"))) == ["layer-name-is-free"]
    assert refused(lambda: placing.save_layer(Layer(name="a b"))) == ["layer-name-has-form"]
    plan = experiment_plan(layer="chrome", layer_share=HALF)
    lifecycle.activate(lifecycle.create(plan))
    layer.name = "desktop"
    assert refused(lambda: placing.save_layer(layer)) == ["layer-name-stays"]
    plan = experiment_plan(machine_name="another-one", layer="chrome")
    assert refused(lambda: lifecycle.create(plan)) == ["layer-has-share"]


def test_pages__sites_layers_exceptions__made_and_shown(
    visitor: Client, experiment_plan: Make
) -> None:
    for path in ("/sites", "/sites/new", "/layers/new", "/sites/exceptions/new"):
        assert Page(visitor.get(path).content.decode()).faults() == [], path
    form = {"name": "enwiki", "family": "wikipedia", "environments": ["production"], "cap": "1"}
    assert visitor.post("/sites/new", form).status_code == 302
    assert visitor.post("/sites/new", form).status_code == 422
    assert visitor.post("/layers/new", {"name": "chrome"}).status_code == 302
    item = lifecycle.create(experiment_plan(layer="chrome", layer_share=HALF))
    given = {"item": item.machine_name, "site": "enwiki", "cap": "5", "reason": "A fix for all"}
    assert visitor.post("/sites/exceptions/new", {**given, "reason": ""}).status_code == 422
    assert visitor.post("/sites/exceptions/new", given).status_code == 302
    lifecycle.activate(item)
    text = visitor.get("/sites").content.decode()
    assert Page(text).faults() == []
    for shown in ("1% of its subjects", "family:wikipedia", "A fix for all", "50%"):
        assert shown in text
    assert Page(visitor.get("/sites/of/enwiki").content.decode()).faults() == []
    assert visitor.post("/sites/of/enwiki/remove").status_code == 302
    assert not Site.objects.exists()
    key = CapException.objects.get().pk
    assert visitor.post(f"/sites/exceptions/{key}/withdraw").status_code == 302
    assert not CapException.objects.exists()
    assert Experiment.objects.get().layer_begin == 0
