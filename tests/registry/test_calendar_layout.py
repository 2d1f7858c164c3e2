"""The calendar's geometry, and who meets whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from allotment.registry import calendar_layout as layout
from allotment.registry.calendar_layout import Run, Window

BEGIN = datetime(2026, 11, 2, tzinfo=UTC)
WINDOW = Window(BEGIN, BEGIN + timedelta(weeks=layout.WEEKS))


def run(name: str, first: float, last: float, layer: str = "", **shares: str) -> Run:
    return Run(
        machine_name=name,
        name=name,
        state="running",
        begin=BEGIN + timedelta(days=first),
        end=BEGIN + timedelta(days=last),
        shares={site: Decimal(share) for site, share in shares.items()},
        layer=layer,
    )


def label(of: Run, _share: Decimal) -> str:
    return of.name


def test_first_day__any_day__the_monday_two_weeks_before() -> None:
    assert layout.first_day(date(2026, 11, 22)) == date(2026, 11, 2)
    assert layout.first_day(date(2026, 11, 23)) == date(2026, 11, 9)


def test_meetings__same_site_and_time__share_of_both() -> None:
    (found,) = layout.meetings(
        ["frwiki", "dewiki"],
        [run("a", 0, 10, frwiki="0.2", dewiki="0.1"), run("b", 5, 20, frwiki="0.1", dewiki="0.5")],
    )
    assert (found.sites, found.share, found.apart) == (("frwiki", "dewiki"), Decimal("0.05"), False)
    assert (found.begin, found.end) == (BEGIN + timedelta(days=5), BEGIN + timedelta(days=10))


def test_meetings__one_after_the_other_or_elsewhere__none() -> None:
    runs = [run("a", 0, 5, frwiki="0.2"), run("b", 5, 9, frwiki="0.2"), run("c", 0, 9, dewiki="1")]
    assert layout.meetings(["frwiki", "dewiki"], runs) == []


def test_meetings__holdout__is_drawn_and_meets_nobody() -> None:
    holdout = replace(run("a", 0, 9, frwiki="1"), is_apart=True)
    runs = [holdout, run("b", 0, 9, frwiki="1"), run("c", 0, 9, frwiki="1")]
    found = layout.meetings(["frwiki"], runs)
    assert [(m.one.name, m.other.name) for m in found] == [("b", "c")]
    assert holdout in layout.at("frwiki", runs)


def test_meetings__one_layer__kept_apart_and_last() -> None:
    runs = [
        run("a", 0, 9, "top", frwiki="1"),
        run("b", 0, 9, "top", frwiki="1"),
        run("c", 0, 9, "other", frwiki="0.1"),
    ]
    found = layout.meetings(["frwiki"], runs)
    assert [(m.one.name, m.other.name, m.apart) for m in found] == [
        ("a", "c", False),
        ("b", "c", False),
        ("a", "b", True),
    ]
    assert found[-1].share == 0


def test_meetings__rate_for_all_other_sites__reaches_a_named_one() -> None:
    everywhere = Run("b", "b", "running", BEGIN, WINDOW.end, {}, Decimal("0.5"))
    (found,) = layout.meetings(["frwiki"], [run("a", 0, 9, frwiki="0.2"), everywhere])
    assert found.share == Decimal("0.10")


def test_beds__more_than_fit__counted() -> None:
    runs = [run(f"n{number:02}", 0, 5, frwiki="1") for number in range(layout.MOST_ROWS + 7)]
    (bed,) = layout.beds(["frwiki"], runs, WINDOW, label)
    assert (len(bed.bars), bed.more) == (layout.MOST_ROWS, 7)


moments = st.floats(-100, 200)


@given(st.lists(st.tuples(moments, moments, st.text(max_size=60)), min_size=1, max_size=30))
def test_beds__any_runs__stay_in_the_drawing_and_never_overlap(
    spans: list[tuple[float, float, str]],
) -> None:
    runs = [
        Run(str(n), text, "draft", at(min(a, b)), at(max(a, b)), {"frwiki": Decimal(1)})
        for n, (a, b, text) in enumerate(spans)
    ]
    found = layout.beds(["frwiki", "dewiki"], runs, WINDOW, label)
    height = layout.height(found)
    bars = found[0].bars
    for bar in bars:
        assert layout.LEFT <= bar.x <= layout.WIDTH
        assert bar.x + bar.width <= layout.WIDTH + 3
        assert bar.y + 27 < height
    assert all(one.y + 27 < other.y for one, other in pairwise(bars))
    assert found[1].bars == ()
    assert found[1].y > (bars[-1].y if bars else 0)


def at(day: float) -> datetime:
    return BEGIN + timedelta(days=day)
