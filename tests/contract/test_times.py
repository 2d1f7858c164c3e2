"""How times are written here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allotment.contract.times import normalize_time, now_text, time_text
from allotment.sdk.events import timestamp

INDIA = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 22, 2, 55, 9, 429_999, UTC), "2026-11-22T02:55:09.429Z"),
        (datetime(2026, 11, 22, tzinfo=UTC), "2026-11-22T00:00:00.000Z"),
        (datetime(2026, 11, 22, 1, tzinfo=INDIA), "2026-11-21T19:30:00.000Z"),
        (datetime(1, 1, 2, tzinfo=UTC), "0001-01-02T00:00:00.000Z"),
    ],
)
def test_time_text__moment__utc_with_milliseconds(moment: datetime, text: str) -> None:
    assert time_text(moment) == text


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.timezones()))  # noqa: DTZ001 -- given the zone
def test_time_text__any_moment__as_the_sdk_writes_it_and_needs_no_mending(moment: datetime) -> None:
    text = time_text(moment)
    assert text == timestamp(moment) == normalize_time(text)
    assert timedelta() <= moment - datetime.fromisoformat(text) < timedelta(milliseconds=1)


def test_now_text__asked_often__is_now() -> None:
    for _ in range(1000):
        before, text, after = datetime.now(UTC), now_text(), datetime.now(UTC)
        assert time_text(before) <= text <= time_text(after)
