"""Rows and log positions that change together: the guard that makes the sink exactly-once.

A table remembers, as properties, up to which offset of each journal partition its rows come. An
append and the new positions are one commit, and the commit carries a requirement of ours: the
positions stored *now* must be those that the batch began from. pyiceberg checks it against the
current metadata on every attempt, its automatic retries included, and swaps the metadata by
compare-and-set. So no range of the journal is applied twice and none is left out, whoever else
writes. Without it a retried append of a stale writer lands a second time.

This uses the transaction's private list of requirements, for which pyiceberg is pinned. Catalogs
that check requirements on a server (REST) would not know ours: there the table needs
`commit.retry.num-retries=0` instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import pyarrow as pa
from pydantic import Field
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update import ValidatableTableRequirement

from allotment.lake.writing import merge_append

_PREFIX = "allotment.offset."


class AssertOffsets(ValidatableTableRequirement):
    """The stored positions must be these; None stands for a position never stored."""

    type: Literal["assert-allotment-offsets"] = Field(default="assert-allotment-offsets")
    offsets: dict[str, int | None]

    def validate(self, base_metadata: TableMetadata | None) -> None:  # type: ignore[override]
        """Compare with the current metadata.

        Raises:
            CommitFailedException: another writer has moved a position.
        """
        properties = {} if base_metadata is None else base_metadata.properties
        for key, expected in self.offsets.items():
            found = stored_offset(properties, key)
            if found != expected:
                raise CommitFailedException(
                    f"another sink has moved {key} from {expected} to {found}"
                )


def stored_offset(properties: Mapping[str, str], key: str) -> int | None:
    """The position stored under a key, or None."""
    text = properties.get(_PREFIX + key)
    return None if text is None else int(text)


def append_at(
    table: Table,
    rows: pa.Table,
    begun: Mapping[str, int | None],
    reached: Mapping[str, int],
) -> None:
    """Append rows and move positions in one commit; without rows only the positions move.

    Args:
        table: where to; afterwards it stands at the new metadata.
        rows: what to append, with the table's columns by name.
        begun: by key the position that the rows were read from.
        reached: by key the position after the last row read.

    Raises:
        CommitFailedException: a position is no longer where the rows were read from; nothing of
            this is in the table.
    """
    transaction = table.transaction()
    transaction._requirements += (AssertOffsets(offsets=dict(begun)),)  # type: ignore[operator]  # noqa: SLF001
    if rows.num_rows:
        merge_append(transaction, table, rows)
    transaction.set_properties({_PREFIX + key: str(offset) for key, offset in reached.items()})
    transaction.commit_transaction()
