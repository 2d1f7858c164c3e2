"""Rows and log positions that change together: the guard that makes the sink exactly-once.

A table remembers, as properties, up to which offset of each journal partition its rows come. An
append and the new positions are one commit, and the commit carries a requirement of ours: the
properties of these kinds must be *now* what they were when the batch was read. pyiceberg checks it
against the current metadata on every attempt, its automatic retries included, and swaps the
metadata by compare-and-set. So no range of the journal is applied twice and none is left out,
whoever else writes. Without it a retried append of a stale writer lands a second time.

| property | in | holds |
|---|---|---|
| `allotment.offset.<journal>.<partition>` | every table of a topic | the position |
| `allotment.tail.<journal>.<partition>` | the same | what the bytes before it are |
| `allotment.deciding` | the same | not empty while decisions may be ahead of the rows |
| `allotment.sifted.<journal>.<topic>.<partition>` | rejected, duplicates | decided up to here |
| `allotment.fence.<topic>` | rejected, duplicates | changed to shut out a rival's decisions |
| `allotment.covered.<journal>.<topic>.<partition>` | ledger | up to here the intake's tally goes |
| `allotment.written` | tables of events | which files were written when |

This uses the transaction's private list of requirements, for which pyiceberg is pinned. Catalogs
that check requirements on a server (REST) would not know ours: there the table needs
`commit.retry.num-retries=0` instead.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final, Literal

import pyarrow as pa
from pydantic import Field
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.update import ValidatableTableRequirement

from allotment.journal.protocol import Partition
from allotment.lake.writing import merge_append

OFFSET: Final = "allotment.offset."
TAIL: Final = "allotment.tail."
DECIDING: Final = "allotment.deciding"
SIFTED: Final = "allotment.sifted."
FENCE: Final = "allotment.fence."
COVERED: Final = "allotment.covered."
WRITTEN: Final = "allotment.written"

POSITIONS: Final = (OFFSET, DECIDING)
"""What a commit of rows depends on."""
DECISIONS: Final = (SIFTED, FENCE)
"""What a commit of decisions depends on."""

_TAIL_BYTES: Final = 64
_KEY: Final = re.compile(r"[0-9a-f]{16}\.\d+", re.ASCII)


class LakeFormatError(RuntimeError):
    """The lake was written by a version of Allotment that this one cannot go on from."""


class AssertUnchanged(ValidatableTableRequirement):
    """The properties that begin so must be these, no more and no less."""

    type: Literal["assert-allotment-unchanged"] = Field(default="assert-allotment-unchanged")
    prefixes: tuple[str, ...]
    expected: dict[str, str]

    def validate(self, base_metadata: TableMetadata | None) -> None:  # type: ignore[override]
        """Compare with the current metadata.

        Raises:
            CommitFailedException: another writer has been there.
        """
        properties = {} if base_metadata is None else base_metadata.properties
        found = chosen(properties, self.prefixes)
        for key in sorted(found.keys() | self.expected.keys()):
            if found.get(key) != self.expected.get(key):
                raise CommitFailedException(
                    f"another sink has moved {key} from {self.expected.get(key)} to"
                    f" {found.get(key)}"
                )


def chosen(properties: Mapping[str, str], prefixes: tuple[str, ...]) -> dict[str, str]:
    """The properties whose names begin with one of these."""
    return {key: value for key, value in properties.items() if key.startswith(prefixes)}


def commit_if_unchanged(
    table: Table,
    rows: pa.Table | None,
    *,
    prefixes: tuple[str, ...],
    expected: Mapping[str, str],
    changes: Mapping[str, str],
) -> None:
    """Append rows and change properties in one commit.

    Args:
        table: where to; afterwards it stands at the new metadata.
        rows: what to append, with the table's columns by name; none or no rows are fine.
        prefixes: which properties the commit depends on.
        expected: what those were when the rows were read (`chosen`).
        changes: the new properties. None can be taken away: pyiceberg cannot try that again.

    Raises:
        CommitFailedException: they are not what they were; nothing of this is in the table.
    """
    transaction = table.transaction()
    requirement = AssertUnchanged(prefixes=prefixes, expected=dict(expected))
    transaction._requirements += (requirement,)  # type: ignore[operator]  # noqa: SLF001
    if rows is not None and rows.num_rows:
        merge_append(transaction, table, rows)
    transaction.set_properties(dict(changes))
    transaction.commit_transaction()


def offset_key(journal: str, partition: Partition) -> str:
    """The property that holds a partition's position in its topic's table."""
    return f"{OFFSET}{journal}.{partition.number}"


def tail_key(journal: str, partition: Partition) -> str:
    """The property that tells the bytes before that position."""
    return f"{TAIL}{journal}.{partition.number}"


def sifted_key(journal: str, partition: Partition) -> str:
    """The property up to whose offset lines are decided upon in a table of decisions."""
    return f"{SIFTED}{journal}.{partition.topic}.{partition.number}"


def covered_key(journal: str, topic: str, number: int) -> str:
    """The property up to whose offset the lines of a partition are in the ledger."""
    return f"{COVERED}{journal}.{topic}.{number}"


def stored(properties: Mapping[str, str], key: str) -> int | None:
    """The offset stored under a key, or None."""
    text = properties.get(key)
    return None if text is None else int(text)


def journals(properties: Mapping[str, str], name: str) -> set[str]:
    """The journals that a table has positions of.

    Raises:
        LakeFormatError: a position does not say of which journal it is.
    """
    keys = [key.removeprefix(OFFSET) for key in properties if key.startswith(OFFSET)]
    for key in keys:
        if not _KEY.fullmatch(key):
            raise LakeFormatError(
                f"event.{name} holds a position ({OFFSET}{key}) that names no journal: it was"
                " written by an older Allotment, which this one cannot go on from; move the folders"
                " `lake` and `journal` away together and begin anew"
            )
    return {key.partition(".")[0] for key in keys}


def tail_of(data: bytes) -> str:
    """What lies before a position, to be held against the journal later: length and hash."""
    # Within one line, so that it lies within one segment.
    start = max(len(data) - _TAIL_BYTES, data.rfind(b"\n", 0, len(data) - 1) + 1)
    tail = data[start:]
    return f"{len(tail)}:{blake2b(tail, digest_size=8).hexdigest()}"


def tail_length(tail: str) -> int:
    """How many bytes a tail tells of."""
    return int(tail.partition(":")[0])
