"""The templates that come with a registry: sound, offered by the forms, and made only once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.test import Client
from django.utils import timezone
from tests.registry.manage_api.conftest import program
from tests.registry.page_reading import Page

from allotment.contract.check import Severity
from allotment.registry import checking, lifecycle, shipped_templates
from allotment.registry import plan as plans
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import Account, Experiment, Instrument, Stream

pytestmark = pytest.mark.django_db
NAMES = ["template-a-a-test", "template-a-b-test", "template-click-through-rate"]


@pytest.fixture
def shipped(streams: None) -> None:
    shipped_templates.create()


def test_create__twice_or_archived__each_once(shipped: None) -> None:
    shipped_templates.create()
    experiments = list(Experiment.objects.order_by("machine_name"))
    assert [item.machine_name for item in experiments] == NAMES[:2]
    lifecycle.archive(experiments[0])
    shipped_templates.create()
    assert Experiment.objects.count() == 2
    assert [item.machine_name for item in Instrument.objects.all()] == NAMES[2:]


def test_create__name_taken__left_out(streams: None) -> None:
    Stream.objects.filter(name="product_metrics.app_base").update(name="Template-A-A-Test")
    shipped_templates.create()
    assert [item.machine_name for item in Experiment.objects.all()] == NAMES[1:2]


def test_create__no_stream__none(db: None) -> None:
    shipped_templates.create()
    assert not Experiment.objects.exists()


def test_forms__new_item__begins_from_a_template_and_belongs_to_its_maker(
    visitor: Client, shipped: None
) -> None:
    for kind, names in (("experiment", NAMES[:2]), ("instrument", NAMES[2:])):
        text = visitor.get(f"/{kind}s/new").content.decode()
        for name in names:
            assert f"from={name}" in text
            page = Page(visitor.get(f"/{kind}s/new?from={name}").content.decode())
            assert page.faults() == []
            values = page.values()
            assert values["stream"] == ["product_metrics.web_base"]
            assert values["owners"] == ["@ada"]


def test_clone__of_each__can_be_switched_on(account: Account, shipped: None) -> None:
    admin = program(account)
    for name in NAMES:
        kind = "instruments" if name.endswith("rate") else "experiments"
        new = name.replace("template", "my-own")
        made = admin.post(f"/{kind}/{name}/clone", {"machine_name": new, "acknowledged": True})
        assert made.status == 201, made.body
        assert made.body["item"]["plan"]["owners"] == ["@ada"]
        assert not [f for f in made.body["findings"] if f["severity"] == "error"]
        done = admin.post(f"/{kind}/{new}/activate", {}, etag=made.headers["ETag"])
        assert (done.status, done.body["item"]["state"]) == (200, "running"), done.body


def test_plans__each__nothing_that_the_check_finds(shipped: None) -> None:
    items: list[AnyItem] = [*Experiment.objects.all(), *Instrument.objects.all()]
    for item in items:
        plan = replace(plans.of(item), is_template=False)
        found = checking.of_plan(plan, timezone.now(), item)
        assert [f.rule for f in found if f.severity is not Severity.NOTE] == [], item
