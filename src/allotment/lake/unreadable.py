"""Rows of `event.rejected` for lines that the intake accepted and no row can hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from uuid import uuid4

import orjson
import pyarrow as pa

from allotment.contract.addresses import mask_addresses
from allotment.contract.counting import UNREADABLE, count_line
from allotment.contract.masking import SEALED
from allotment.contract.tables import LONGEST_NAME, RAW_BYTES
from allotment.journal.protocol import Partition
from allotment.lake.parsing import BadLine
from allotment.lake.tables import REJECTED_SCHEMA

_LONGEST_MESSAGE: Final = 2000
# The parser quotes what it could not read, which may be an id.
_QUOTED = re.compile(r""""(?:[^"\\]|\\.)*"|(?<=from )'[^']*'""")


def unreadable_rows(journal: str, bad: Iterable[tuple[Partition, BadLine]]) -> pa.Table:
    """One row a line, with where it lies and what it was counted under.

    The line is kept as it was accepted, up to the size of other rejected events, but for network
    addresses.
    """
    now = datetime.now(UTC)
    return pa.Table.from_pylist(
        [_row(journal, now, partition, line) for partition, line in bad], schema=REJECTED_SCHEMA
    )


def why(line: BadLine) -> str:
    """Why a line is no row, without what it holds."""
    return mask_addresses(_QUOTED.sub("…", line.message[:_LONGEST_MESSAGE]))


def _row(journal: str, now: datetime, partition: Partition, line: BadLine) -> dict[str, object]:
    counted_as, minute, _ = count_line(partition.topic, line.raw)
    place = f"{partition.topic}/{partition.number} at offset {line.offset}"
    message = why(line)
    stream, schema = _named(line.raw)
    # More than is kept, so that masks that are shorter leave no half of an address at the end.
    raw = mask_addresses(line.raw[: 2 * RAW_BYTES].decode(errors="replace")).encode()
    return {
        "id": str(uuid4()),
        "received": now,
        "counted_as": counted_as,
        "stream": stream,
        "schema": schema,
        "reason": UNREADABLE,
        "errors": [f"{message} ({place})"],
        "size": len(line.raw),
        "truncated": len(line.raw) > RAW_BYTES or len(raw) > RAW_BYTES,
        # A damaged line of what masks hide must not be shown in its turn.
        "raw": "" if partition.topic == SEALED else raw[:RAW_BYTES].decode(errors="replace"),
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
        mask_addresses(stream[:LONGEST_NAME]) if type(stream) is str else None,
        mask_addresses(schema[:LONGEST_NAME]) if type(schema) is str else None,
    )
