"""Answers of the lake as a table, as JSON, or as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

import orjson

from allotment.lake.query import Answer, QueryError

FORMATS: tuple[str, ...] = ("table", "json", "csv")


_NOT_PRINTED: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def printable(text: str) -> str:
    """A text for one line of a terminal, whatever a client has put into it.

    Signs that a terminal takes for commands, or that turn the line around, become escapes.
    """
    return _NOT_PRINTED.sub(lambda sign: ascii(sign[0])[1:-1], text)


def render(answer: Answer, form: str) -> str:
    """The answer as text that ends with a newline.

    table: for reading in a terminal; a missing value is `NULL`.
    json: one array of objects, in column order.
    csv: RFC 4180 with a header; a missing value is empty, a nested one is JSON.

    Raises:
        QueryError: no such format.
    """
    columns, rows = answer
    if form == "json":
        return _json([dict(zip(columns, row, strict=True)) for row in rows], indent=True) + "\n"
    if form == "csv":
        return _csv(columns, rows)
    if form == "table":
        return _table(columns, rows)
    raise QueryError(f"format {form!r} is not known; give {', '.join(FORMATS)}")


def to_json(value: object) -> str:
    """Any value that the lake gives, as JSON to be read by people and programs."""
    return _json(value, indent=True)


def _csv(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(columns)
    writer.writerows(["" if value is None else _cell(value) for value in row] for row in rows)
    return stream.getvalue()


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    cells = [
        ["NULL" if value is None else printable(_cell(value)) for value in row] for row in rows
    ]
    widths = [
        max([len(column), *(len(row[index]) for row in cells)])
        for index, column in enumerate(columns)
    ]
    right = [
        any(row[index] is not None for row in rows)
        and all(isinstance(row[index], int | float | Decimal | None) for row in rows)
        for index in range(len(columns))
    ]

    def line(row: Sequence[str]) -> str:
        return "  ".join(
            cell.rjust(width) if numeric else cell.ljust(width)
            for cell, width, numeric in zip(row, widths, right, strict=True)
        ).rstrip()

    ruler = "  ".join("─" * width for width in widths)
    count = f"({len(rows)} row{'' if len(rows) == 1 else 's'})"
    return "\n".join([line(columns), ruler, *map(line, cells), count]) + "\n"


def _cell(value: Any) -> str:  # noqa: ANN401 - whatever the lake holds
    if isinstance(value, dict | list):
        return _json(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return _time(value)
    return str(value).replace("\n", "\\n")


def _json(value: object, *, indent: bool = False) -> str:
    options = orjson.OPT_INDENT_2 if indent else 0
    options |= orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS
    return orjson.dumps(value, default=_default, option=options).decode()


def _default(value: object) -> object:
    if isinstance(value, datetime):
        return _time(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date | time | timedelta):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def _time(value: datetime) -> str:
    """ISO 8601; UTC as `Z`, a time without zone as it is."""
    if value.tzinfo is None:
        return value.isoformat()
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
