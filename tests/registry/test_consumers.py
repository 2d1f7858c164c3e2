"""Who reads the configuration: told apart, kept over a restart, and missed once they stop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client

from allotment.registry import consumers
from allotment.registry.consumers import Book

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
SDK = "allotment-python"


def asks(
    book: Book, *, times: int = 20, every: int = 5, address: str = "10.0.0.1", since: datetime = NOW
) -> datetime:
    for number in range(times):
        for together in (0, 0.1):  # experiments and streams at once
            when = since + number * every * SECOND + together * SECOND
            book.note(f"{SDK} (linux)", address, 7, when)
    return since + (times - 1) * every * SECOND


def test_note__several_questions_at_once__one_visit_of_one_reader(tmp_path: Path) -> None:
    book = Book(tmp_path, NOW)
    last = asks(book)
    (one,) = book.all(last)
    assert (one.program, one.visits, one.version, one.first) == (SDK, 20, 7, NOW)
    assert one.pause == pytest.approx(5, abs=0.2)


def test_note__another_address__another_reader_and_no_address_is_kept(tmp_path: Path) -> None:
    book = Book(tmp_path, NOW)
    asks(book, address="10.11.12.13")
    last = asks(book, address="10.11.12.14")
    book.note("x", "10.11.12.14", 7, last + HOUR)  # writes
    assert len(book.all(last)) == 3
    assert "10.11" not in (tmp_path / consumers.FILE).read_text()


@pytest.mark.parametrize("agent", ["", "Mozilla/5.0 (X11)", "a" * 61, "wörter"])
def test_note__no_program__nobody(tmp_path: Path, agent: str) -> None:
    book = Book(tmp_path, NOW)
    book.note(agent, "10.0.0.1", 7, NOW)
    assert book.all(NOW) == ()


def test_note__ever_new_addresses__no_more_than_are_kept(tmp_path: Path) -> None:
    book = Book(tmp_path, NOW)
    for number in range(700):
        book.note(SDK, f"10.0.{number // 250}.{number % 250}", 7, NOW)
    assert len(book.all(NOW)) == 500


def test_late__stopped__after_many_pauses_and_forgotten_after_a_day(tmp_path: Path) -> None:
    book = Book(tmp_path, NOW)
    last = asks(book)
    assert book.late(last + 299 * SECOND) == ()
    assert [one.program for one in book.late(last + 301 * SECOND)] == [SDK]
    assert book.late(last + 25 * HOUR) == ()


def test_late__comes_once_an_hour__not_missed_before_ten_hours(tmp_path: Path) -> None:
    book = Book(tmp_path, NOW)
    last = asks(book, every=3600, times=10)
    assert book.late(last + 9 * HOUR) == ()
    assert len(book.late(last + 11 * HOUR)) == 1


def test_late__came_a_few_times_only__nobody_expects_it(tmp_path: Path) -> None:
    book = Book(tmp_path, NOW)
    last = asks(book, times=5)
    assert book.late(last + HOUR) == ()


def test_late__another_of_its_kind_began_since__not_missed(tmp_path: Path) -> None:
    book = Book(tmp_path, NOW)
    asks(book, address="10.0.0.2")
    last = asks(book)
    assert len(book.late(last + HOUR)) == 2
    asks(book, address="10.0.0.3", since=last + 60 * SECOND, times=800)
    assert book.late(last + HOUR) == ()


def test_late__registry_was_away__not_at_once(tmp_path: Path) -> None:
    last = asks(Book(tmp_path, NOW))
    again = Book(tmp_path, last + 2 * HOUR)
    (one,) = again.all(last + 2 * HOUR)
    assert one.visits >= 7  # but for the last half minute
    assert again.late(last + 2 * HOUR + 299 * SECOND) == ()
    assert len(again.late(last + 2 * HOUR + 301 * SECOND)) == 1


def test_read__damaged_file__begun_anew(tmp_path: Path) -> None:
    (tmp_path / consumers.FILE).write_text('[{"program": 5}]')
    assert Book(tmp_path, NOW).all(NOW) == ()


@pytest.mark.django_db
def test_api__somebody_asks__noted_with_the_version(
    streams: None, own_data: Path, settings: LazySettings
) -> None:
    client = Client(headers={"user-agent": "allotment-php"})
    for address in (
        "/api/v1/experiments",
        "/api/v1/instruments",
        "/w/api.php?action=streamconfigs",
    ):
        answer = client.get(address)
    now = datetime.now(UTC)
    (one,) = consumers.book(now).all(now)
    assert (one.program, one.visits) == ("allotment-php", 1)
    assert str(one.version) == answer.headers["X-Allotment-Config-Version"]
    client.get("/healthz")
    assert len(consumers.book(now).all(now)) == 1
