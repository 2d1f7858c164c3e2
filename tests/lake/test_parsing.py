"""Journal lines to rows: times that no reader of the lake can hold."""

from __future__ import annotations

import orjson
import pyarrow as pa
import pytest
from tests.lake.lake_parts import WEB, web_event

from allotment.contract.schemas import SchemaRepository
from allotment.lake.parsing import parse_lines
from allotment.lake.tables import event_schemas


@pytest.fixture(scope="module")
def schema() -> pa.Schema:
    return event_schemas(SchemaRepository([]))[WEB]


@pytest.mark.parametrize(
    "time",
    [
        "0000-01-01T00:00:00Z",
        "0000-12-31T23:59:59+23:00",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
    ],
)
@pytest.mark.parametrize("field", ["meta.dt", "dt"])
def test_parse__time_outside_the_years_of_the_calendar__bad_line_among_good(
    schema: pa.Schema, field: str, time: str
) -> None:
    odd = {"meta": {"dt": time}} if field == "meta.dt" else {"dt": time}
    lines = [orjson.dumps(e) for e in (web_event(1), web_event(2, **odd), web_event(3))]
    found = parse_lines(b"\n".join(lines) + b"\n", 100, schema)
    assert found.rows.num_rows == 2
    (bad,) = found.bad
    assert bad.offset == 100 + len(lines[0]) + 1
    assert bad.raw == lines[1]
    assert bad.message == f"{field} is a time outside the years 1 to 9999 (UTC)"


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", None])
def test_parse__first_and_last_time__rows(schema: pa.Schema, time: str | None) -> None:
    line = orjson.dumps(web_event(1, meta={"dt": time})) + b"\n"
    found = parse_lines(line, 0, schema)
    assert (found.rows.num_rows, found.bad) == (1, ())
