"""Rows to data files, split by the day of the table's partition column.

pyiceberg would split through pyiceberg-core, a further 38 MB of which this one transform would be
used; the day of a UTC timestamp is a division.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile
from pyiceberg.partitioning import PartitionField, PartitionFieldValue, PartitionKey
from pyiceberg.table import Table, Transaction, WriteTask
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.transforms import DayTransform

_DAY = 86_400_000_000
"""Microseconds."""


def write_data_files(metadata: TableMetadata, io: FileIO, rows: pa.Table) -> list[DataFile]:
    """Write rows as Parquet, one file a day; no snapshot names the files yet.

    Raises:
        ValueError: the table is partitioned by something else than one column's day, or the rows
            have a column that the table lacks.
    """
    # It takes a second to import; whoever only reads the lake never comes here.
    from pyiceberg.io.pyarrow import pyarrow_to_schema, write_file  # noqa: PLC0415

    schema = pyarrow_to_schema(rows.schema, name_mapping=metadata.schema().name_mapping)
    write_uuid, counter = uuid4(), itertools.count()
    tasks = [
        WriteTask(
            write_uuid=write_uuid,
            task_id=next(counter),
            schema=schema,
            record_batches=part.to_batches(),
            partition_key=key,
        )
        for key, part in _by_partition(metadata, rows)
    ]
    return list(write_file(io=io, table_metadata=metadata, tasks=iter(tasks)))


def append_rows(table: Table, rows: pa.Table) -> None:
    """Append rows in one commit; afterwards the table stands at the new metadata.

    Raises:
        CommitFailedException: too many others wrote at the same time.
    """
    with table.transaction() as transaction:
        merge_append(transaction, table, rows)


def merge_append(transaction: Transaction, table: Table, rows: pa.Table) -> None:
    """Append rows within a transaction; small manifests are merged on the way."""
    with transaction.update_snapshot().merge_append() as append:
        for file in write_data_files(table.metadata, table.io, rows):
            append.append_data_file(file)


def _by_partition(
    metadata: TableMetadata, rows: pa.Table
) -> Iterator[tuple[PartitionKey | None, pa.Table]]:
    fields = metadata.spec().fields
    if not fields:
        yield None, rows
        return
    if len(fields) != 1 or not isinstance(fields[0].transform, DayTransform):
        raise ValueError(f"{metadata.location} is partitioned by {fields}; one day() is known")
    days = _days(metadata, fields[0], rows)
    found = pc.unique(days).to_pylist()
    for day in sorted(found, key=lambda d: (d is None, d)):
        key = PartitionKey(
            field_values=[PartitionFieldValue(field=fields[0], value=day)],
            partition_spec=metadata.spec(),
            schema=metadata.schema(),
        )
        if len(found) == 1:
            yield key, rows
        else:
            chosen = pc.is_null(days) if day is None else pc.equal(days, day)
            yield key, rows.filter(chosen).combine_chunks()


def _days(metadata: TableMetadata, field: PartitionField, rows: pa.Table) -> pa.ChunkedArray:
    """Days since 1970 of the partition column; null where it is null."""
    path = metadata.schema().find_column_name(field.source_id)
    first, *nested = (path or "").split(".")
    column = rows[first]
    for name in nested:
        column = pc.struct_field(column, name)
    return pc.divide(pc.floor_temporal(column, unit="day").cast(pa.int64()), _DAY)
