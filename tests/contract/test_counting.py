"""What an event counts as: the intake, the journal's recount and the lake must agree."""

import io
from datetime import UTC, datetime

import orjson
import pyarrow as pa
import pytest
from arro3.io import read_json
from hypothesis import example, given, settings
from hypothesis import strategies as st

from allotment.contract.counting import ACCEPTED, UNREADABLE, count_lines, minute_of, minute_text

TIME_COLUMN = pa.schema([pa.field("t", pa.timestamp("us", tz="UTC"))])
US_A_MINUTE = 60_000_000


@pytest.mark.parametrize(
    ("time", "minute"),
    [
        ("2026-11-22T08:15:30.123Z", "2026-11-22T08:15"),
        ("2026-11-22T08:15:59.9999999999Z", "2026-11-22T08:15"),
        ("2026-11-22t08:15:30z", "2026-11-22T08:15"),
        ("2026-11-22T00:15:30+02:30", "2026-11-21T21:45"),
        ("2026-12-31T23:59:60Z", "2027-01-01T00:00"),
        ("0900-01-01T00:00:00Z", "0900-01-01T00:00"),
        ("0001-01-01T00:00:00Z", ""),
        ("9999-12-31T23:59:59Z", ""),
        ("2026-02-30T00:00:00Z", ""),
        ("yesterday", ""),
        (None, ""),
        (5, ""),
    ],
)
def test_minute_of__time__its_utc_minute(time: object, minute: str) -> None:
    assert minute_of(time) == minute


@given(
    day=st.dates().map(str),
    separator=st.sampled_from("Tt "),
    clock=st.tuples(st.integers(0, 24), st.integers(0, 60), st.integers(0, 61)),
    fraction=st.sampled_from(["", ".5", ".999999999", ".9999999999999"]),
    zone=st.sampled_from(["Z", "z", "", "+02:30", "-23:59", "+0230", "+02", "-00:00", "+24:00"]),
)
@example("2026-11-22", "T", (23, 59, 60), "", "Z")
@settings(max_examples=300, deadline=None)
def test_minute_of__whatever_the_lake_reads__is_the_lakes_minute(
    day: str, separator: str, clock: tuple[int, int, int], fraction: str, zone: str
) -> None:
    hour, minute, second = clock
    text = f"{day}{separator}{hour:02d}:{minute:02d}:{second:02d}{fraction}{zone}"
    try:
        line = io.BytesIO(orjson.dumps({"t": text}) + b"\n")
        (read,) = pa.table(read_json(line, TIME_COLUMN))["t"].cast(pa.int64()).to_pylist()
    except Exception:  # noqa: BLE001 -- the parser has no class of its own: it makes no row
        return
    assert minute_of(text) == minute_text(read // US_A_MINUTE)


def test_minute_text__every_kind__back_and_forth() -> None:
    assert minute_text(None) == ""
    for text in ("0002-01-01T00:00", "1969-12-31T23:59", "2026-11-22T08:15", "9998-12-31T23:59"):
        since = datetime.fromisoformat(text).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        assert minute_text(int(since.total_seconds()) // 60) == text


def test_count_lines__accepted_and_odd_lines__each_counted_once() -> None:
    event = {"meta": {"stream": "clicks", "dt": "2026-11-22T08:15:30Z"}}
    lines = [orjson.dumps(event), orjson.dumps(event), b"not json", b"[]", b'{"meta":{"stream":7}}']
    assert count_lines("some_table", b"\n".join(lines) + b"\n") == {
        ("clicks", "2026-11-22T08:15", ACCEPTED): 2,
        ("unknown", "", ACCEPTED): 3,
    }


def test_count_lines__rejected__by_reason() -> None:
    line = {"counted_as": "clicks", "received": "2026-11-22T08:15:30.000Z", "reason": "invalid"}
    assert count_lines("sealed", b"{}\n") == {}, "a part of a rejected event is no event"
    assert count_lines("rejected", orjson.dumps(line) + b"\nbroken\n") == {
        ("clicks", "2026-11-22T08:15", "invalid"): 1,
        ("unknown", "", UNREADABLE): 1,
    }
    lines = orjson.dumps({**line, "events": 40}) + b"\n" + orjson.dumps(line) + b"\n"
    assert count_lines("rejected", lines) == {("clicks", "2026-11-22T08:15", "invalid"): 41}
