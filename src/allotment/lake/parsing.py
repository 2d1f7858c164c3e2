"""Journal lines to Arrow rows; a line that cannot be read is set aside and stops nothing."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from arro3.io import read_json

_BATCH_ROWS = 8192
_CALLED: Final = "C Data interface error: Json error: "
_FIRST_TIME: Final = datetime(1, 1, 1, tzinfo=UTC)
_LAST_TIME: Final = datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that fits no row: where it begins in its partition, what it is, and why."""

    offset: int
    raw: bytes
    message: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """The rows of the good lines, in order, and the bad lines, in order."""

    rows: pa.Table
    bad: tuple[BadLine, ...]


def parse_lines(data: bytes, start: int, schema: pa.Schema) -> Parsed:
    """Read whole JSON lines with a fixed schema.

    Fields that the schema does not know are left out; fields that a line lacks are null.

    Args:
        data: lines, each with its newline.
        start: the offset of the first byte.
        schema: the columns.
    """
    tables: list[pa.Table] = []
    bad: list[BadLine] = []
    for chunk in _good_and_bad(data, start, schema):
        if isinstance(chunk, BadLine):
            bad.append(chunk)
        else:
            tables.append(chunk)
    rows = pa.concat_tables(tables) if tables else schema.empty_table()
    return Parsed(rows, tuple(bad))


def _good_and_bad(data: bytes, start: int, schema: pa.Schema) -> Iterator[pa.Table | BadLine]:
    """Split in halves around what cannot be read until each bad line is alone."""
    waiting = [(start, data)]
    while waiting:
        offset, chunk = waiting.pop()
        if not chunk:
            continue
        try:
            yield _read(chunk, schema)
            continue
        except _UnreadableError as error:
            message = str(error)
        cut = _middle(chunk)
        if cut == len(chunk):
            yield BadLine(offset, chunk.rstrip(b"\n"), message)
        else:
            waiting.append((offset + cut, chunk[cut:]))
            waiting.append((offset, chunk[:cut]))


class _UnreadableError(ValueError):
    """Some line in a chunk is no row."""


def _read(chunk: bytes, schema: pa.Schema) -> pa.Table:
    if chunk.startswith(b"\n") or b"\n\n" in chunk:
        raise _UnreadableError("a line is empty")
    try:
        found = pa.table(read_json(io.BytesIO(chunk), schema, batch_size=_BATCH_ROWS))
    except Exception as error:
        # The parser has no error class of its own, and says first by which way it was called.
        raise _UnreadableError(str(error).removeprefix(_CALLED)) from error
    lines = chunk.count(b"\n")
    if found.num_rows != lines:
        # The parser takes two objects on one line for two rows.
        raise _UnreadableError(f"{lines} line(s) hold {found.num_rows} JSON object(s)")
    for name in found.column_names:
        _check_times(found[name], name)
    return found


def _check_times(column: pa.ChunkedArray, name: str) -> None:
    """Refuse times that RFC 3339 can write and no reader of the lake can hold.

    One such day of `meta.dt` would otherwise stop every later commit of its table.
    """
    if pa.types.is_struct(column.type):
        for field in column.type:
            _check_times(pc.struct_field(column, field.name), f"{name}.{field.name}")
    elif pa.types.is_timestamp(column.type):
        early = pc.any(pc.less(column, pa.scalar(_FIRST_TIME, column.type))).as_py()
        if early or pc.any(pc.greater(column, pa.scalar(_LAST_TIME, column.type))).as_py():
            raise _UnreadableError(f"{name} is a time outside the years 1 to 9999 (UTC)")


def _middle(chunk: bytes) -> int:
    """The start of the line nearest the middle; the length when there is one line only."""
    half = len(chunk) // 2
    after = chunk.find(b"\n", half)
    if after < 0 or after == len(chunk) - 1:
        after = chunk.rfind(b"\n", 0, len(chunk) - 1)
    return after + 1 if after >= 0 else len(chunk)
