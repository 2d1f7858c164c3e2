"""The health of an item: what arrives, what is refused, what the check finds, and the drawing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.synthetic import event, put
from tests.registry.page_reading import Page

from allotment.analysis.arrivals import Arrivals
from allotment.registry import arrival_signs, hour_plot, lifecycle, nightly
from allotment.registry.models import Stream
from allotment.registry.plan import ExperimentPlan, InstrumentPlan

E = "/experiments/search-suggestions/health"
NOW = datetime(2026, 11, 10, 12, 20, tzinfo=UTC)
MakeExperiment = Callable[..., ExperimentPlan]


def arrived(
    parts: dict[str, int], *, forced: int = 0, refused: tuple[tuple[str, int], ...] = ()
) -> Arrivals:
    return Arrivals(NOW, NOW, parts, (), (), forced, refused)


@pytest.mark.parametrize(
    ("found", "tones", "told"),
    [
        (None, ["muted"], "not known"),
        (arrived({}), ["warn", "good"], "No event of it has arrived"),
        (arrived({"a": 4, "b": 5}), ["good", "good"], "from every group: 9"),
        (arrived({"a": 4}), ["warn", "good"], "none from b yet"),
        (arrived({"a": 5000}), ["bad", "good"], "Nothing arrives from b"),
        (arrived({"a": 1, "b": 1}, forced=1), ["good", "muted", "good"], "1 event of a forced"),
        (arrived({"a": 1, "b": 1}, refused=(("invalid", 1200),)), ["good", "bad"], "1,200 events"),
    ],
)
def test_signs__each_case__says_so(found: Arrivals | None, tones: list[str], told: str) -> None:
    signs = arrival_signs.signs(found, ["a", "b"])
    assert [sign.tone for sign in signs] == tones
    assert told in " ".join(sign.text for sign in signs)


@pytest.mark.django_db
def test_page__events_of_one_group_alone__told_and_drawn(
    visitor: Client, own_data: Path, experiment_plan: MakeExperiment
) -> None:
    lifecycle.activate(lifecycle.create(experiment_plan()))
    moment = (timezone.now() - timedelta(minutes=1)).isoformat()
    name = "search-suggestions"
    put(
        own_data / "lake",
        [event(f"s{n}", "described", "click", n, experiment=name, dt=moment) for n in range(60)],
    )
    page = Page(visitor.get(E).content.decode())
    assert page.faults() == []
    assert "Nothing arrives from control: is it measured there?" in page.source
    assert page.source.count("<polyline") == 4
    cells = [e.text.strip() for e in page.all("td")]
    assert cells == ["0", "60"]
    assert "There is no report yet" in page.source


@pytest.mark.django_db
def test_page__nothing_came__leads_to_the_lines_to_install(
    visitor: Client, own_data: Path, instrument_plan: Callable[..., InstrumentPlan]
) -> None:
    lifecycle.activate(lifecycle.create(instrument_plan()))
    address = "/instruments/desktop-ui-interactions/health"
    assert "could not be counted quickly" in visitor.get(address).content.decode()
    (own_data / "lake").mkdir()
    text = visitor.get(address).content.decode()
    assert "None has arrived" in text
    assert "/instruments/desktop-ui-interactions/install" in text


@pytest.mark.django_db
def test_page__check_found_something_in_its_stream__said_with_the_rule(
    visitor: Client, own_data: Path, experiment_plan: MakeExperiment
) -> None:
    lifecycle.activate(lifecycle.create(experiment_plan()))
    assert "It has not run yet" in visitor.get(E).content.decode()
    nightly.run(own_data / "registry", timezone.now())
    assert "Nothing: stream, schema and configuration fit" in visitor.get(E).content.decode()
    Stream.objects.filter(name="product_metrics.web_base").update(settings={"eventgate": {}})
    nightly.run(own_data / "registry", timezone.now())
    text = visitor.get(E).content.decode()
    assert "setting-in-its-place" in text
    assert "/streams/product_metrics.web_base" in text


@pytest.mark.parametrize(
    ("most", "top"), [(0, 2), (1, 2), (3, 4), (5, 10), (10, 10), (11, 20), (4763, 10_000)]
)
def test_nice__any_count__round_and_not_below(most: int, top: int) -> None:
    assert hour_plot.nice(most) == top


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=24), st.integers(1, 6))
def test_draw__any_counts__inside_the_drawing(counts: list[int], parts: int) -> None:
    names = [f"group {n}" for n in range(parts)]
    last = NOW.replace(minute=0)
    hours = [
        (last - timedelta(hours=back), dict.fromkeys(names, n)) for back, n in enumerate(counts)
    ]
    plot = hour_plot.draw(hours, names, NOW, {})
    assert len(plot.lines) == min(parts, 4)
    for line in plot.lines:
        for points, (width, height) in ((line.broad, hour_plot.BROAD), (line.slim, hour_plot.SLIM)):
            found = [tuple(map(float, point.split(","))) for point in points.split(" ")]
            assert len(found) == 24
            assert all(0 <= x <= width and 0 <= y <= height for x, y in found)
