"""Whether a journal and a lake belong together, and a position to the bytes that it was made for.

A position that does not fit is never moved over in silence: what it would pass over was answered
201, or was never in the lake.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pyiceberg.catalog import Catalog

from allotment.contract.tables import LEDGER
from allotment.journal.protocol import JournalReader, Partition
from allotment.lake.catalog import EVENT
from allotment.lake.offsets import (
    journals,
    offset_key,
    stored,
    tail_key,
    tail_length,
    tail_of,
)


def lake_identity(catalog: Catalog) -> str:
    """The id of a lake: that of its ledger, which is made once."""
    return str(catalog.load_table((EVENT, LEDGER)).metadata.table_uuid)


def known_journals(tables: Mapping[str, Mapping[str, str]]) -> set[str]:
    """The journals that a lake has read from, given the properties of its tables by name.

    Raises:
        LakeFormatError: a position does not say of which journal it is.
    """
    found: set[str] = set()
    for name, properties in tables.items():
        found |= journals(properties, name)
    return found


def foreign(journal: str, owner: str) -> str:
    """What to say of a journal that belongs to another lake."""
    return (
        f"journal {journal} belongs to another lake ({owner}), and nothing of it is moved into this"
        " one; put the journal that belongs to this lake in its place, or an empty folder"
    )


def replaced(journal: str, known: Iterable[str]) -> str:
    """What to say of a journal that has taken the place of others."""
    return (
        f"journal {journal} is new to this lake, which has read from {', '.join(sorted(known))}:"
        " what those held beyond the lake's positions is not here"
    )


def position_fault(
    journal: JournalReader, identity: str, partition: Partition, properties: Mapping[str, str]
) -> str | None:
    """Why the stored position of a partition does not fit its journal, and what to do, or None."""
    position = stored(properties, offset_key(identity, partition))
    if position is None:
        return None
    name = f"{partition.topic}/{partition.number}"
    end = journal.end(partition)
    if position > end:
        return (
            f"{name}: the lake has read up to {position}, past the journal's durable end {end}: the"
            " journal was restored from an older copy, or has lost bytes. Stop the intake and"
            " restore the newest copy of the journal; where there is none, move the journal's"
            " folder away, and the lake goes on with a new one"
        )
    tail = properties.get(tail_key(identity, partition))
    if tail is None or not tail_length(tail):
        return None
    before = journal.before(partition, position, tail_length(tail))
    if before is None or len(before) < tail_length(tail) or tail_of(before) == tail:
        return None
    return (
        f"{name}: the bytes before {position} are not those that the lake has read: the journal was"
        " restored from an older copy and written on. Stop the intake and move the journal's folder"
        " away; what it holds beyond the copy can be sent again from there, line by line"
    )
