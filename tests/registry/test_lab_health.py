"""The lab's health: events that are not accounted for, and readers that stopped."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from tests.registry.page_reading import Page

from allotment.analysis import lab_ledger
from allotment.analysis.lab_ledger import LabLedger, StreamAccount
from allotment.registry import consumers
from allotment.registry.models import ConfigurationVersion

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
STREAM = "product_metrics.web_base"
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
SOUND = StreamAccount(
    stream=STREAM,
    received=12_345,
    written=12_000,
    duplicate=40,
    rejected=300,
    waiting=5,
    lost=0,
    missing=0,
    minutes=0,
)


def publish(
    data: Path, *accounts: StreamAccount, at: datetime | None = None, faults: tuple[str, ...] = ()
) -> None:
    when = at or timezone.now()
    (data / "lake").mkdir(exist_ok=True)
    lab_ledger.publish(data / "lake", LabLedger(when, when - DAY, accounts, faults))


def section(client: Client, address: str, name: str) -> str:
    page = Page(client.get(address).content.decode())
    assert page.faults() == []
    found = (e.text for e in page.all("section") if e.attributes.get("id") == name)
    return " ".join(next(found, "").split())


def test_page__nothing_known__says_so(visitor: Client) -> None:
    assert "Nothing is amiss" in section(visitor, "/health", "ills")
    assert "Nobody has counted them yet" in section(visitor, "/health", "events")
    assert "Nobody has asked in the last day" in section(visitor, "/health", "readers")


def test_page__everything_accounted_for__figures_of_each_stream(
    visitor: Client, own_data: Path
) -> None:
    publish(own_data, SOUND, replace(SOUND, stream="other", received=0))
    text = section(visitor, "/health", "events")
    assert "Every event is accounted for" in text
    assert "12,345" in text
    assert "12,000" in text
    assert "Every event of the last day is accounted for." in visitor.get("/").content.decode()
    assert section(visitor, "/", "ills") == ""


def test_home__events_are_nowhere__told_with_numbers_and_the_way_to_look(
    visitor: Client, own_data: Path
) -> None:
    publish(
        own_data,
        replace(SOUND, written=11_990, missing=10, minutes=2),
        replace(SOUND, lost=3, minutes=1, stream="b"),
    )
    for address in ("/", "/health"):
        text = section(visitor, address, "ills")
        assert "Of 12,345 events of the last day 10 are nowhere." in text
        assert "3 could not be written, and their senders were told so." in text
        assert "allotment ledger --since 1d" in text
    assert "is accounted for:" not in section(visitor, "/health", "events")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"missing": -4, "minutes": 1}, "4 events are in the lake that the intake has not counted"),
        ({"minutes": 2}, "What is too many in one minute lacks in another."),
        ({"oldest": timezone.now() - 12 * MINUTE}, "5 have come and are not in the lake"),
    ],
)
def test_home__figures_that_do_not_fit__in_plain_words(
    visitor: Client, own_data: Path, changes: dict[str, object], said: str
) -> None:
    publish(own_data, replace(SOUND, **changes))  # type: ignore[arg-type] # of the row above
    assert said in section(visitor, "/", "ills")


def test_home__journal_of_another_lake__the_fault_as_the_lake_says_it(
    visitor: Client, own_data: Path
) -> None:
    publish(own_data, SOUND, faults=("the journal abc is not there: restore its folder",))
    answer = visitor.get("/").content.decode()
    assert 'lang="en">the journal abc is not there: restore its folder' in answer


def test_home__events_wait_a_little__nothing_said(visitor: Client, own_data: Path) -> None:
    publish(own_data, replace(SOUND, oldest=timezone.now() - 2 * MINUTE))
    assert section(visitor, "/", "ills") == ""


def test_home__ledger_is_old__only_that_nobody_counts(visitor: Client, own_data: Path) -> None:
    publish(own_data, replace(SOUND, missing=10, minutes=2), at=timezone.now() - 40 * MINUTE)
    text = section(visitor, "/", "ills")
    assert "Nobody counts the events" in text
    assert "nowhere" not in text


def stopped(version: int, *addresses: str) -> None:
    """Readers that came every five seconds and stopped an hour ago."""
    begun = timezone.now() - timedelta(hours=2)
    book = consumers.book(begun)
    for address in addresses:
        for number in range(20):
            book.note("allotment-php", address, version, begun + 5 * number * MINUTE / 60)


def test_home__reader_stopped_at_an_old_configuration__told_what_it_holds(
    visitor: Client, own_data: Path
) -> None:
    ConfigurationVersion.rise()
    current = ConfigurationVersion.rise()
    stopped(current - 1, "10.0.0.1")
    text = section(visitor, "/", "ills")
    assert "allotment-php no longer asks for its configuration" in text
    assert f"It holds configuration {current - 1}; served is {current}." in text
    assert "1 has stopped" in section(visitor, "/health", "readers")


def test_home__several_stopped_at_the_present_one__one_thing_that_is_less_bad(
    visitor: Client, own_data: Path
) -> None:
    stopped(ConfigurationVersion.current().number, "10.0.0.1", "10.0.0.2")
    answer = visitor.get("/").content.decode()
    assert answer.count("no longer asks for its configuration") == 1
    assert "2 instances have stopped" in answer
    assert "the present one, and misses the next" in answer
    assert "Warning:" in answer
    assert "Error:" not in answer


def test_page__more_than_fit__paged_and_home_shows_the_first(
    visitor: Client, own_data: Path
) -> None:
    publish(own_data, *(replace(SOUND, stream=f"stream.{n:02d}", minutes=1) for n in range(60)))
    home = section(visitor, "/", "ills")
    assert home.count("does not account for every event") == 8
    assert "8 of 60; the others are in the health of the lab" in home
    pages = [section(visitor, f"/health?page={n}", "ills") for n in (1, 2, 3)]
    assert [text.count("does not account for every event") for text in pages] == [25, 25, 10]
