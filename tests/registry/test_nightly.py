"""The daily check: what it finds is kept, shown on Home, and told while it lasts."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from tests.registry.page_reading import Page

from allotment.contract.check import Kind
from allotment.registry import lifecycle, nightly
from allotment.registry.checked_apart import CheckFailedError
from allotment.registry.models import Site, Stream
from allotment.registry.plan import ExperimentPlan

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
UA = "http.request_headers.user-agent"
BLOCK = {"producers": {"eventgate": {"enrich_fields_from_http_headers": {UA: False}}}}
WEB = "product_metrics.web_base"


def rules(report: nightly.Report | None) -> list[str]:
    assert report is not None
    return [finding.rule for finding in report.findings]


def store(settings: object) -> None:
    Stream.objects.filter(name=WEB).update(settings=settings)


def test_run__sound_lab__nothing_and_home_says_nothing(
    visitor: Client, own_data: Path, experiment_plan: Callable[..., ExperimentPlan]
) -> None:
    lifecycle.activate(lifecycle.create(experiment_plan()))
    assert rules(nightly.run(own_data / "registry", NOW)) == []
    assert 'id="ills"' not in visitor.get("/").content.decode()


def test_run__item_at_a_family_of_sites__a_name_like_others(
    visitor: Client, own_data: Path, experiment_plan: Callable[..., ExperimentPlan]
) -> None:
    site = Site.objects.create(name="swwiki", family="wikipedia")
    share = Decimal("0.1")
    lifecycle.activate(lifecycle.create(experiment_plan(sites=(("family:wikipedia", share),))))
    assert rules(nightly.run(own_data / "registry", NOW)) == []
    site.delete()
    assert rules(nightly.run(own_data / "registry", NOW)) == ["site-has-form"]


def test_run__broken_stream__kept_and_shown_on_home(visitor: Client, own_data: Path) -> None:
    store({"eventgate": {}})
    folder = own_data / "registry"
    report = nightly.run(folder, NOW)
    assert rules(report) == ["setting-in-its-place"]
    assert nightly.latest(folder) == report
    assert len(report.about(Kind.STREAM, WEB)) == 1
    page = Page(visitor.get("/").content.decode())
    assert page.faults() == []
    section = next(e for e in page.all("section") if e.attributes.get("id") == "ills")
    assert "stands in the wrong place" in section.text
    assert "Move it inside producers." in section.text


def test_run__block_lost_between_two_runs__told_for_a_week_or_until_it_is_back(
    streams: None, own_data: Path
) -> None:
    store(BLOCK)
    assert rules(nightly.run(own_data, NOW)) == []
    store({})
    for day in (1, 2, 7):
        assert rules(nightly.run(own_data, NOW + timedelta(days=day))) == ["block-not-lost"], day
    assert rules(nightly.run(own_data, NOW + timedelta(days=8, minutes=1))) == []
    store(BLOCK)
    nightly.run(own_data, NOW + timedelta(days=9))
    store({})
    assert rules(nightly.run(own_data, NOW + timedelta(days=10))) == ["block-not-lost"]
    store(BLOCK)
    assert rules(nightly.run(own_data, NOW + timedelta(days=11))) == []


def test_latest__no_run_or_damaged_file__nothing(db: None, own_data: Path) -> None:
    assert nightly.latest(own_data) is None
    (own_data / "check.json").write_text("{")
    assert nightly.latest(own_data) is None
    assert rules(nightly.run(own_data, NOW)) == []


def test_keep_running__a_run_fails__the_next_is_tried_until_stop_is_set(own_data: Path) -> None:
    stop, runs = threading.Event(), []

    def check() -> None:
        runs.append(nightly.latest(own_data) is not None)
        if len(runs) == 1:
            raise CheckFailedError("as if its process had been killed")
        nightly.run(own_data, NOW)
        if len(runs) == 3:
            stop.set()

    nightly.keep_running(own_data, stop, check, after=timedelta(), every=timedelta())
    assert runs == [False, False, True]


def test_command__broken_stream__a_line_for_each(streams: None, own_data: Path) -> None:
    store({"eventgate": {}})
    printed = StringIO()
    call_command("check_configuration", stdout=printed)
    assert f"error setting-in-its-place in stream {WEB} /eventgate" in printed.getvalue()
    assert timezone.now() - _when(own_data) < timedelta(minutes=1)


def _when(folder: Path) -> datetime:
    report = nightly.latest(folder / "registry")
    assert report is not None
    return report.when
