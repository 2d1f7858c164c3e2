"""The public API's bodies, word for word, and what our own three consumers make of a fault in it.

The registry answers over real HTTP; times stand in the golden files as `<time>`.
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from pytest_django.live_server_helper import LiveServer
from tests.registry.damage import damage

from allotment.analysis.configuration import ConfigurationSource as Analyst
from allotment.intake.stream_source import StreamSource
from allotment.registry import lifecycle, seeding, served
from allotment.registry.models import Experiment, Instrument, Site
from allotment.registry.plan import ExperimentPlan, InstrumentPlan
from allotment.sdk import ConfigurationSource

pytestmark = pytest.mark.django_db(transaction=True)
GOLDEN = Path(__file__).parent / "golden"
TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")
EXPERIMENT, INSTRUMENT = "search-suggestions", "desktop-ui-interactions"
WEB, APP = "product_metrics.web_base", "product_metrics.app_base"


@pytest.fixture
def lab(
    live_server: LiveServer,
    experiment_plan: Callable[..., ExperimentPlan],
    instrument_plan: Callable[..., InstrumentPlan],
) -> Iterator[str]:
    """A registry with two streams, two experiments and an instrument."""
    served.forget()
    seeding.create_streams()
    Site.objects.create(name="frwiki", domain="fr.wikipedia.org")
    Site.objects.create(name="dewiki", domain="de.wikipedia.org")
    for plan in (
        experiment_plan(),
        experiment_plan(
            machine_name="welcome-message", identifier_type="mw-user", default_rate=Decimal("0.5")
        ),
        instrument_plan(),
    ):
        lifecycle.activate(lifecycle.create(plan))
    yield live_server.url
    served.forget()


def fetched(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
        return str(answer.read().decode())


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("instruments", "/api/v1/instruments"),
        ("experiments", "/api/v1/experiments"),
        ("experiments-analytics", "/api/v1/experiments?format=analytics"),
        ("experiments-mediawiki", "/api/v1/experiments?format=config&authority=mediawiki"),
        ("experiments-varnish", "/api/v1/experiments?format=config&authority=varnish"),
        ("streams", "/w/api.php?action=streamconfigs&format=json&formatversion=2"),
        ("streams-frwiki", f"/w/api.php?action=streamconfigs&streams={INSTRUMENT}&site=frwiki"),
    ],
)
def test_body__every_shape__as_the_golden_file_says(lab: str, name: str, path: str) -> None:
    found = json.loads(TIME.sub("<time>", fetched(lab + path)))
    text = json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    assert text == (GOLDEN / f"{name}.json").read_text()


def break_row(table: str, name: str, column: str = "machine_name") -> None:
    what = "settings" if table == "stream" else "attributes"
    # PostgreSQL stores no half of a JSON text, but one of the wrong kind.
    broken = "[1" if connection.vendor == "sqlite" else '"text"'
    damage(f"UPDATE registry_{table} SET {what} = '{broken}' WHERE {column} = '{name}'")


def test_consumers__rows_damaged_and_others_changed__keep_the_damaged_and_follow_the_others(
    lab: str, tmp_path: Path
) -> None:
    site = ConfigurationSource(lab, "frwiki", tmp_path / "site.json", timeout=10)
    intake = StreamSource(lab, tmp_path / "streams.json", 60)
    analyst = Analyst(lab, tmp_path)

    def ask() -> None:
        site.refresh()
        intake.refresh()
        analyst.current()
        assert (site.problems, intake.last_error) == ((), None)

    def analyzed() -> set[str]:
        return {item["name"] for item in analyst.current().experiments}

    ask()
    before = site.current()
    break_row("experiment", EXPERIMENT)
    break_row("instrument", INSTRUMENT)
    break_row("stream", APP, "name")
    lifecycle.stop(Experiment.objects.get(machine_name="welcome-message"))
    ask()
    assert set(before.experiments) == {EXPERIMENT, "welcome-message"}
    assert site.current().experiments == {EXPERIMENT: before.experiments[EXPERIMENT]}
    assert site.current().instruments == before.instruments
    assert set(site.current().streams) == set(intake.state.streams) == {WEB, APP, INSTRUMENT}
    assert EXPERIMENT in analyzed()
    again = ConfigurationSource(lab, "frwiki", tmp_path / "site.json")
    assert set(again.current().experiments) == {EXPERIMENT}, "also after a start without network"

    lifecycle.kill(None, reason="it breaks search")
    served.forget()
    ask()
    assert site.current().experiments == {}
    assert site.current().instruments == {}
    assert set(intake.state.streams) == {WEB, APP}


def test_consumers__told_that_too_much_is_left_out_to_name__keep_all_they_had(
    lab: str, tmp_path: Path
) -> None:
    names = [f"instrument-{number:03d}-{'x' * 45}" for number in range(90)]
    model = Instrument.objects.get()
    site = ConfigurationSource(lab, "frwiki", tmp_path / "site.json", timeout=10)
    for name in names:
        model.pk, model.machine_name = None, name
        model.save()
    served.forget()
    site.refresh()
    assert len(site.current().instruments) == 91
    with connection.cursor() as cursor:
        cursor.execute("UPDATE registry_instrument SET attributes = '\"text\"' WHERE name <> ''")
    served.forget()
    site.refresh()
    assert len(site.current().instruments) == 91
    with urllib.request.urlopen(f"{lab}/api/v1/instruments", timeout=10) as answer:
        assert answer.headers["X-Allotment-Left-Out-Names"] == "*"
