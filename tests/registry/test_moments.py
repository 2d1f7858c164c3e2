"""Times in the reader's zone with UTC beside it, wherever a page or a sentence shows one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.utils import timezone, translation

from allotment.registry import history_diff, moments
from allotment.registry.rules.refusal import moment

WHEN = datetime(2026, 11, 26, 23, 30, tzinfo=UTC)


def test_shown__reader_in_utc__once() -> None:
    with timezone.override("UTC"):
        assert moments.shown(WHEN) == moments.Shown(
            "Thu 26 Nov 2026, 23:30 UTC", "", "2026-11-26T23:30Z"
        )


def test_shown__another_day_there__utc_names_its_own() -> None:
    with timezone.override("Europe/Berlin"):
        found = moments.shown(WHEN)
    assert (found.local, found.universal) == ("Fri 27 Nov 2026, 00:30 CET", "Thu 26 23:30 UTC")


def test_shown__zone_that_is_as_utc_that_day__once() -> None:
    with timezone.override("Europe/London"):
        assert moments.shown(WHEN).universal == ""


def test_spoken__summer__says_so() -> None:
    with timezone.override("Europe/Berlin"):
        assert (
            moments.spoken(datetime(2026, 7, 1, 8, tzinfo=UTC))
            == "1 Jul 2026, 10:00 CEST (08:00 UTC)"
        )


def test_shown__german_reader__german_names() -> None:
    with timezone.override("Europe/Berlin"), translation.override("de"):
        assert moments.shown(WHEN).local.startswith("Fr 27. ")


@pytest.mark.parametrize(("zone", "text"), [("UTC", "10:00 UTC"), ("Asia/Tokyo", "19:00 JST")])
def test_difference__end_moved__in_the_readers_zone(zone: str, text: str) -> None:
    before, after = {"end": "2026-11-26T10:00:00Z"}, {"end": "2026-11-27T10:00:00Z"}
    with timezone.override(zone):
        change = history_diff.changes(before, after)[0]
    assert text in change.was
    assert "10:00 UTC" in change.was


def test_refusal__time_in_it__in_the_readers_zone() -> None:
    with timezone.override("Asia/Tokyo"):
        assert moment(WHEN) == "27 Nov 2026, 08:30 JST (Thu 26 23:30 UTC)"
        assert moment(None) == "an open time"
