"""Pages left at random moments and an intake that fails; `make page-views` does it at length."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Browser
from tests.end_to_end.lab import Lab
from tests.end_to_end.page_views import Journey, running_site, tabs_of

VIEWS = 14


def test_page_views__left_at_random_and_intake_killed_and_away__each_event_in_the_lake_once(
    make_lab: Callable[..., Lab], chromium: Browser
) -> None:
    lab = make_lab(ALLOTMENT_SINK_SECONDS="0.2")
    with running_site() as site, tabs_of(chromium) as tabs:
        report = Journey(lab, site, tabs, seed=3).run(VIEWS, outage_seconds=3, longest_ms=1_200)
    assert report.faults == []
    # Two of each page at least: when it was read, and when it was left.
    assert report.made >= 2 * VIEWS
    # Else no page was left with a request under way, and nothing was tried.
    assert report.repeated > 0
