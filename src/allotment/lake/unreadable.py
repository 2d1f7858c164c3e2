"""Rows of `event.rejected` for lines that the intake accepted and no row can hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import uuid4

import orjson
import pyarrow as pa

from allotment.contract.counting import UNREADABLE, count_line
from allotment.contract.masking import SEALED
from allotment.journal.protocol import Partition
from allotment.lake.parsing import BadLine
from allotment.lake.tables import REJECTED_SCHEMA

# The parser quotes what it could not read, which may be an id.
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|(?<=from )'[^']*'""")


def unreadable_rows(journal: str, bad: Iterable[tuple[Partition, BadLine]]) -> pa.Table:
    """One row a line: whole, with where it lies and what it was counted under."""
    now = datetime.now(UTC)
    return pa.Table.from_pylist(
        [_row(journal, now, partition, line) for partition, line in bad], schema=REJECTED_SCHEMA
    )


def _row(journal: str, now: datetime, partition: Partition, line: BadLine) -> dict[str, object]:
    counted_as, minute, _ = count_line(partition.topic, line.raw)
    place = f"{partition.topic}/{partition.number} at offset {line.offset}"
    stream, schema = _named(line.raw)
    return {
        "id": str(uuid4()),
        "received": now,
        "counted_as": counted_as,
        "stream": stream,
        "schema": schema,
        "reason": UNREADABLE,
        "errors": [f"{_QUOTED.sub('…', line.message)} ({place})"],
        "size": len(line.raw),
        "truncated": False,
        # A damaged line of what masks hide must not be shown in its turn.
        "raw": "" if partition.topic == SEALED else line.raw.decode(errors="replace"),
        "journal": journal,
        "topic": partition.topic,
        "partition": partition.number,
        "offset": line.offset,
        "minute": minute,
    }


def _named(raw: bytes) -> tuple[str | None, str | None]:
    """The stream and the schema that an event names."""
    try:
        event = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None, None
    if type(event) is not dict:
        return None, None
    meta = event.get("meta")
    stream = meta.get("stream") if type(meta) is dict else None
    schema = event.get("$schema")
    return (
        stream if type(stream) is str else None,
        schema if type(schema) is str else None,
    )
