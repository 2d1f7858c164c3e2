"""What masks hide, for a replay alone: read it, and delete it where it is not needed any more."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError, ValidationException
from pyiceberg.expressions import (
    AlwaysTrue,
    And,
    BooleanExpression,
    GreaterThanOrEqual,
    In,
    LessThanOrEqual,
)
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.manifest import DataFile
from pyiceberg.table import FileScanTask, Table

from allotment.contract.masking import SEALED
from allotment.lake.maintenance import expire_snapshots
from allotment.lake.tables import table_of_topic
from allotment.lake.writing import write_data_files

_ATTEMPTS: Final = 5
_ROWS_AT_ONCE: Final = 200_000
_EPOCH: Final = date(1970, 1, 1)
_WhatStays = Callable[[FileScanTask], pa.Table | None]
"""A file's rows that stay, perhaps none; None leaves the file as it is."""

_log = logging.getLogger(__name__)


def unseal(
    catalog: Catalog, identifiers: Collection[str], received: Sequence[datetime] = ()
) -> dict[str, dict[str, str]]:
    """By rejection what its masks hide: by JSON pointer, as JSON text. Nothing of those gone.

    Args:
        catalog: the lake.
        identifiers: the rejections.
        received: when they came, where that is known; files of other times are then not read.
    """
    try:
        table = catalog.load_table(table_of_topic(SEALED))
    except NoSuchTableError:
        return {}
    if not identifiers:
        return {}
    wanted: BooleanExpression = In("id", list(identifiers))  # type: ignore[call-arg, arg-type] # its own form
    if received:
        first, last = (time.isoformat() for time in (min(received), max(received)))
        wanted = And(
            GreaterThanOrEqual("received", first),  # type: ignore[call-arg, arg-type]
            LessThanOrEqual("received", last),  # type: ignore[call-arg, arg-type]
            wanted,
        )
    rows = table.scan(row_filter=wanted).to_arrow().to_pylist()
    return {row["id"]: dict(row["values"] or ()) for row in rows}


def forget(catalog: Catalog, identifiers: Collection[str]) -> None:
    """Delete what the masks of these rejections hide, from every snapshot.

    The files themselves are removed with the other dead files, once no reader can hold them.

    Raises:
        CommitFailedException: others have written all the time.
    """
    chosen = frozenset(identifiers)
    forget_those(catalog, chosen.intersection)


def forget_those(catalog: Catalog, which: Callable[[Sequence[str]], Collection[str]]) -> None:
    """As `forget`, of those that `which` picks among the rejections of a file.

    Raises:
        CommitFailedException: others have written all the time.
    """
    try:
        table = catalog.load_table(table_of_topic(SEALED))
    except NoSuchTableError:
        return
    _rewrite(table, lambda task: _without(table, task, which))


def forget_old(table: Table, days: float, now: datetime | None = None) -> int:
    """Delete the files of days that are longer ago; how many. It reads no row.

    Raises:
        CommitFailedException: others have written all the time.
    """
    oldest = ((now or datetime.now(UTC)) - timedelta(days=days)).date()
    first = (oldest - _EPOCH).days

    def old(task: FileScanTask) -> pa.Table | None:
        day = task.file.partition[0]
        number = (day - _EPOCH).days if isinstance(day, date) else day
        return None if number is None or number >= first else pa.table({})

    return _rewrite(table, old)


def _without(
    table: Table, task: FileScanTask, which: Callable[[Sequence[str]], Collection[str]]
) -> pa.Table | None:
    """A file's rows but those; None where it has none of those."""
    scan = ArrowScan(table.metadata, table.io, table.metadata.schema(), AlwaysTrue())
    rows: pa.Table = scan.to_table([task])
    chosen = pa.array(sorted(which(pc.drop_null(rows["id"]).to_pylist())), pa.string())
    found = pc.is_in(rows["id"], value_set=chosen)
    return rows.filter(pc.invert(found)) if pc.any(found).as_py() else None


def _rewrite(table: Table, what_stays: _WhatStays) -> int:
    """Put what stays in the place of each file that something goes from; how many those are."""
    for attempt in range(1, _ATTEMPTS + 1):
        table.refresh()
        try:
            replaced = _rewrite_once(table, what_stays)
            if replaced:
                expire_snapshots(table, 1)
        except (CommitFailedException, ValidationException, ValueError) as refused:
            # The sink has appended or joined meanwhile.
            if attempt == _ATTEMPTS:
                raise CommitFailedException(str(refused)) from refused
        else:
            return replaced
    raise AssertionError


def _rewrite_once(table: Table, what_stays: _WhatStays) -> int:
    """In commits of some files each, so that what stays of few is held at a time."""
    replaced = 0
    group: list[tuple[DataFile, pa.Table]] = []
    for task in list(table.scan().plan_files()):
        stays = what_stays(task)
        if stays is not None:
            group.append((task.file, stays))
        if sum(rows.num_rows for _, rows in group) >= _ROWS_AT_ONCE:
            replaced += _replace(table, group)
            group = []
    return replaced + _replace(table, group)


def _replace(table: Table, group: Sequence[tuple[DataFile, pa.Table]]) -> int:
    if group:
        properties = {"allotment.maintenance": "forget"}
        with (
            table.transaction() as transaction,
            transaction.update_snapshot(properties).overwrite() as snapshot,
        ):
            for file, stays in group:
                snapshot.delete_data_file(file)
                if stays.num_rows:
                    for fresh in write_data_files(table.metadata, table.io, stays):
                        snapshot.append_data_file(fresh)
        _log.info("%d files of sealed values deleted or written anew", len(group))
    return len(group)
