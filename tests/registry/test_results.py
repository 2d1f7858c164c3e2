"""The results page over real reports in a real lake."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.test import Client
from tests.analysis.likely_moments import moments
from tests.registry.page_reading import Page

from allotment.analysis import reports, verdict
from allotment.analysis.experiment import parse_experiment
from allotment.analysis.metrics import CLICK_THROUGH_RATE
from allotment.analysis.moments import OWN, Measured, Moments
from allotment.analysis.report import Report, make_report
from allotment.lake.catalog import open_catalog
from allotment.registry import lifecycle, results
from allotment.registry.plan import ExperimentPlan, GroupPlan

NAME = "search-suggestions"
PATH = f"/experiments/{NAME}/results"
SNAPSHOT = 5629103384471920115


def report(
    control: Moments,
    *others: Moments,
    over: bool = False,
    stopped: bool = False,
    mixed: int = 0,
) -> Report:
    groups = ["control", *(f"variant-{number}" for number in range(1, len(others) + 1))]
    experiment = parse_experiment(
        {
            "name": NAME,
            "groups": groups,
            "stream_name": "product_metrics.web_base",
            "schema_id": "/analytics/product_metrics/web/base/1.3.0",
            "version": "3",
            "active": not stopped,
            "end": "2026-11-19T00:00:00Z" if over else "2026-12-19T00:00:00Z",
            "stopped": "2026-11-18T00:00:00Z" if stopped else None,
        }
    )
    measured = Measured(dict(zip(groups, [control, *others], strict=True)), mixed, OWN)
    return make_report(
        experiment,
        CLICK_THROUGH_RATE,
        measured,
        {"event.product_metrics_web_base": SNAPSHOT},
        datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
    )


CONTROL, BETTER = moments(1503, 402, 3100), moments(1497, 470, 3080)
UNEVEN = moments(1200, 380, 2500)
FEW, NONE = moments(3, 0, 3), moments(2, 0, 0)

Show = Callable[[Report], str]


@pytest.fixture
def show(visitor: Client, own_data: Path, experiment_plan: Callable[..., ExperimentPlan]) -> Show:
    """Puts a report into the lake and gives the page that shows it."""
    groups = (GroupPlan(name="control"), GroupPlan(name="variant-1"))
    lifecycle.activate(lifecycle.create(experiment_plan(groups=groups)))

    def page(stored: Report) -> str:
        with closing(open_catalog(own_data / "lake")) as catalog:
            reports.append(reports.ensure_reports_table(catalog), [stored])
        answer = visitor.get(PATH)
        assert answer.status_code == 200
        text = answer.content.decode()
        assert Page(text).faults() == []
        cells = [e for e in Page(text).elements if e.tag in {"td", "dd", "dt"}]
        assert all(cell.text.strip() for cell in cells)
        return text

    return page


pytestmark = pytest.mark.django_db


def values(text: str, group: str) -> dict[str, str]:
    """What the group's row in the page says, by column."""
    found: dict[str, str] = {}
    inside = False
    for element in Page(text).elements:
        if element.tag == "tr":
            attributes = element.attributes
            inside = group in {attributes.get("data-group"), attributes.get("data-comparison")}
        elif inside and "data-value" in element.attributes:
            found[element.attributes["data-value"]] = element.text
    return found


def test_page__no_lake__says_what_to_do_and_makes_none(
    visitor: Client, own_data: Path, experiment_plan: Callable[..., ExperimentPlan]
) -> None:
    lifecycle.activate(lifecycle.create(experiment_plan()))
    text = visitor.get(PATH).content.decode()
    assert "No data yet" in text
    assert "none of its events has reached the lake" in text
    assert not (own_data / "lake").exists()


def test_page__running__counts_and_no_reading(show: Show) -> None:
    text = show(report(CONTROL, BETTER, mixed=4))
    assert values(text, "control") == {
        "subjects": "1,503",
        "impressions": "3,100",
        "clicks": "402",
        "rate": "12.97%",
    }
    found = values(text, "variant-1")
    assert found["rate"] == "15.26%"
    assert found["difference"] == "+2.29 points"
    assert found["lift"] == "+17.7%"
    assert "Keep running" in text
    assert "Too early to read" in text
    assert "The ranges below are for the last planned day" in text
    for number in (r"\S[\d.]+ to \S[\d.]+ points", r"\S[\d.]+% to \S[\d.]+%"):
        assert re.search(f">95% range {number}<", text)
    assert "Healthy: the groups are the size they should be" in text
    assert "leaves out 0" not in text
    assert "Better" not in text
    assert "4 readers were seen in more than one group" in text
    assert "var(--plot-a)" not in text.split('class="plot"')[1].split("</svg>")[0].split("tick")[0]


def test_page__ended_and_clear__verdict_plot_and_inputs(show: Show) -> None:
    text = show(report(CONTROL, BETTER, over=True))
    page = Page(text)
    assert "last planned day" not in text
    assert "leaves out 0" in text
    assert "variant-1 is better" in next(e.text for e in page.all("h2"))
    plots = [e.attributes for e in page.all("svg") if e.attributes.get("role") == "img"]
    assert [p["class"] for p in plots] == ["broad", "slim"]
    assert all("variant-1 +17.7%" in p["aria-label"] for p in plots)
    for told in ("version 3", "click_through_rate version 1", "allotment 0.1.0", str(SNAPSHOT)):
        assert told in text
    assert "Fri 20 Nov 2026, 09:30 UTC" in text


def test_page__stopped_before_its_end__decides_nothing(show: Show) -> None:
    text = show(report(CONTROL, BETTER, stopped=True))
    assert "Stopped early" in text
    assert "It has ended: stopped early" in text
    assert "is better" not in text
    assert "leaves out 0" not in text


def test_page__uneven_groups__verdict_withheld_and_no_plot(show: Show) -> None:
    text = show(report(CONTROL, UNEVEN, over=True))
    assert "Verdict withheld" in text
    assert "The groups are not the size they should be, so there is no verdict." in text
    assert "once in about" in text
    assert 'class="plot"' not in text
    assert "Not to be read" in text


def test_page__too_few__cannot_say_and_no_nan(show: Show) -> None:
    text = show(report(FEW, NONE))
    assert values(text, "variant-1") == {
        "subjects": "2",
        "impressions": "0",
        "clicks": "0",
        "rate": "cannot say",
        "difference": "cannot say",
        "lift": "cannot say",
    }
    assert "Too few readers" in text
    assert "nan" not in text.casefold().replace("nance", "")


def test_page__nobody_at_all__cannot_say(show: Show) -> None:
    text = show(report(moments(0, 0, 0), moments(0, 0, 0)))
    assert "Cannot say" in text
    assert "What you can do" in text
    assert "last planned day" not in text
    assert str(SNAPSHOT) in text


def test_page__report_of_another_make__503_that_says_so(
    visitor: Client, own_data: Path, show: Show
) -> None:
    show(report(CONTROL, BETTER))
    catalog_file = own_data / "lake" / "catalog.sqlite3"
    catalog_file.write_bytes(b"this is no database" * 100)
    for leftover in own_data.glob("lake/catalog.sqlite3-*"):
        leftover.unlink()
    answer = visitor.get(PATH)
    assert answer.status_code == 503
    assert "The report cannot be read now" in answer.content.decode()
    assert "Its report cannot be read" in visitor.get("/").content.decode()


def test_home__running_experiment__total_health_and_word(visitor: Client, show: Show) -> None:
    show(report(CONTROL, BETTER))
    text = visitor.get("/").content.decode()
    for told in ("3,000 readers", "Healthy", "Keep running"):
        assert told in text


def test_verdicts__every_word_of_the_lab__has_a_face() -> None:
    assert set(results.VERDICTS) == set(verdict.WORDS)


def test_shown__identifier_type__names_the_subjects() -> None:
    made = report(CONTROL, BETTER)
    assert "1,503 users in control" in results.shown(made, "users").health.text


def test_shown__several_treatments__one_row_each_and_plotted() -> None:
    made = results.shown(report(CONTROL, BETTER, moments(1499, 400, 3090), over=True), "readers")
    assert [row.name for row in made.comparisons] == ["variant-1", "variant-2"]
    assert [row.face.word for row in made.comparisons] == ["Better", "No clear change"]
    assert [row.settled for row in made.plot_rows] == [True, False]


def test_shown__uneven_once_in__rounded_for_people() -> None:
    made = report(CONTROL, BETTER)
    ratio = replace(made.sample_ratio, p_value=8.4e-6, healthy=False)
    text = results.shown(replace(made, sample_ratio=ratio), "readers").health.text
    assert "once in about 120,000 experiments" in text
