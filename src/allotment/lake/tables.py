"""The tables of events: one for each base schema, and one for what was rejected."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress

import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NoSuchTableError,
    TableAlreadyExistsError,
    ValidationError,
)
from pyiceberg.table import Table
from pyiceberg.transforms import DayTransform

from allotment.contract.masking import SEALED
from allotment.contract.schemas import SchemaNotFoundError, SchemaRepository
from allotment.contract.tables import (
    DUPLICATES,
    LEDGER,
    REJECTED,
    event_tables,
    table_name,
    tables_and_conflicts,
)
from allotment.lake.arrow_schema import TIMESTAMP, arrow_schema
from allotment.lake.catalog import EVENT
from allotment.lake.catalog import SEALED as SEALED_NAMESPACE
from allotment.lake.columns import fitted, merged

REJECTED_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("received", TIMESTAMP),
        pa.field("counted_as", pa.string()),
        pa.field("stream", pa.string()),
        pa.field("schema", pa.string()),
        pa.field("sdk", pa.string()),
        pa.field("sdk_version", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("errors", pa.list_(pa.field("element", pa.string()))),
        pa.field("size", pa.int64()),
        pa.field("truncated", pa.bool_()),
        pa.field("raw", pa.string()),
        # Where in the journal a line lies that the sink could not read, and the minute that the
        # intake counted it under; null for the intake's own.
        pa.field("journal", pa.string()),
        pa.field("topic", pa.string()),
        pa.field("partition", pa.int32()),
        pa.field("offset", pa.int64()),
        pa.field("minute", pa.string()),
        # For how many events the row stands that were counted and not kept; null: for its own.
        pa.field("events", pa.int64()),
    ]
)
SEALED_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("received", TIMESTAMP),
        pa.field(
            "values",
            pa.map_(
                pa.field("key", pa.string(), nullable=False),
                pa.field("value", pa.string(), nullable=True),
            ),
        ),
    ]
)
"""Of what the masks of a rejected event hide: by JSON pointer its JSON text."""
LEDGER_SCHEMA = pa.schema(
    [
        pa.field("journal", pa.string()),
        pa.field("recorded", TIMESTAMP),
        pa.field("topic", pa.string()),
        pa.field("partition", pa.int32()),
        pa.field("begin", pa.int64()),
        pa.field("end", pa.int64()),
        pa.field("stream", pa.string()),
        pa.field("minute", pa.string()),
        pa.field("outcome", pa.string()),
        pa.field("events", pa.int64()),
        pa.field("left", pa.int64()),
    ]
)
"""Of the intake's tally: the lines that `journal.tally` describes."""
DUPLICATES_SCHEMA = pa.schema(
    [
        pa.field("journal", pa.string()),
        pa.field("topic", pa.string()),
        pa.field("partition", pa.int32()),
        pa.field("offset", pa.int64()),
        pa.field("stream", pa.string()),
        pa.field("minute", pa.string()),
        pa.field("id", pa.string()),
        pa.field("found", TIMESTAMP),
    ]
)
"""Of the lines whose event the lake had already."""

PROPERTIES: Mapping[str, str] = {
    "write.parquet.compression-codec": "zstd",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "20",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "10",
    # A commit is retried when maintenance or a sink of other partitions came between.
    "commit.retry.num-retries": "4",
    "commit.retry.min-wait-ms": "20",
    "commit.retry.max-wait-ms": "200",
}
"""What every table of ours is created with."""

_ATTEMPTS = 5

_log = logging.getLogger(__name__)


def event_schemas(repository: SchemaRepository) -> dict[str, pa.Schema]:
    """The columns of each monotable, by table name, from all versions of its schema."""
    return {name: _columns(repository, title) for name, title in event_tables(repository).items()}


def _columns(repository: SchemaRepository, title: str) -> pa.Schema:
    """What the versions of a title have together: an event of an old one loses no field.

    Raises:
        SchemaNotFoundError, ValueError: the newest version cannot be used. Older ones that cannot
            be used are passed over: no event keeps to them.
    """
    newest = repository.latest(title)
    found = [arrow_schema(newest.body)]
    for version in reversed(repository.versions(title)):
        with suppress(SchemaNotFoundError, ValueError):
            body = repository.load(f"/{title}/{version}").body
            if version != newest.version:
                found.append(arrow_schema(body))
    return merged(found)


class TableSchemas:
    """The columns of each monotable, kept up with a repository whose files change."""

    def __init__(self, repository: SchemaRepository) -> None:
        """Take the tables that the schemas have now; why a title gets none is logged."""
        self._repository = repository
        self._titles, refused = tables_and_conflicts(repository)
        for why in dict.fromkeys(refused.values()):
            _log.error("%s", why)
        self.schemas = event_schemas(repository)

    def refresh(self) -> Mapping[str, pa.Schema] | None:
        """The columns by table name, where a schema was added or changed since; None else.

        What cannot be used is logged and left as it was; a table never loses its title.
        """
        if not self._repository.refresh():
            return None
        found, refused = tables_and_conflicts(self._repository, self._titles)
        for why in dict.fromkeys(refused.values()):
            _log.error("%s", why)
        fresh: dict[str, pa.Schema] = {}
        for name, title in found.items():
            try:
                fresh[name] = _columns(self._repository, title)
            except (SchemaNotFoundError, ValueError, OSError) as error:
                _log.error("table %s stays as it is: %s", name, error)
        changed = {n: schema for n, schema in fresh.items() if schema != self.schemas.get(n)}
        self._titles, self.schemas = found, {**self.schemas, **fresh}
        return self.schemas if changed else None


def table_of_schema(uri: str) -> str:
    """The monotable that events of a schema land in: `/analytics/x/base/1.3.0` → `x_base`."""
    title, _, version = uri.strip("/").rpartition("/")
    return table_name(title if title and version[:1].isdigit() else uri.strip("/"))


def ensure_event_tables(catalog: Catalog, schemas: Mapping[str, pa.Schema]) -> dict[str, pa.Schema]:
    """Create what is missing and add what newer schemas have added; safe to run side by side.

    Returns:
        The columns with which to read events of each monotable.
    """
    held = {name: ensure_event_table(catalog, name, schema) for name, schema in schemas.items()}
    ensure_table(catalog, (EVENT, REJECTED), REJECTED_SCHEMA, partition_by="received")
    ensure_table(catalog, (EVENT, LEDGER), LEDGER_SCHEMA, partition_by="recorded")
    ensure_table(catalog, (EVENT, DUPLICATES), DUPLICATES_SCHEMA, partition_by="found")
    ensure_table(catalog, table_of_topic(SEALED), SEALED_SCHEMA, partition_by="received")
    return held


def ensure_event_table(catalog: Catalog, name: str, schema: pa.Schema) -> pa.Schema:
    """Make or widen one monotable; the columns with which to read its events.

    A column keeps the type that it has in the table, whatever the schema says now: one changed
    field must stop neither its table nor the others. An event whose value does not fit into it is
    set aside as unreadable, with its reason.
    """
    for attempt in range(1, _ATTEMPTS + 1):
        held, kept = readable_columns(catalog, name, schema)
        try:
            ensure_table(catalog, (EVENT, name), held, partition_by="meta.dt")
        except ValueError:
            # A sink that started together with this one has made the table with other columns.
            if attempt == _ATTEMPTS:
                raise
            continue
        break
    for column in kept:
        _log.error(
            "table %s keeps its columns: %s; events with the other type get no row and stay in"
            " event.rejected as unreadable. A changed type needs a new schema title",
            name,
            column,
        )
    return held


def readable_columns(catalog: Catalog, name: str, schema: pa.Schema) -> tuple[pa.Schema, list[str]]:
    """The columns with which to read events of a monotable, and a sentence for each that the table
    has with another type. Where there is no table yet, all are as the schema has them.
    """
    try:
        table = catalog.load_table((EVENT, name))
    except NoSuchTableError:
        return schema, []
    return fitted(schema, table.schema().as_arrow())


def table_of_topic(topic: str) -> tuple[str, str]:
    """Namespace and name of the table in which a journal topic lands."""
    return (SEALED_NAMESPACE, REJECTED) if topic == SEALED else (EVENT, topic)


def ensure_table(
    catalog: Catalog,
    identifier: tuple[str, str],
    schema: pa.Schema,
    *,
    partition_by: str | None = None,
) -> Table:
    """Load a table, made or widened so that it has these columns.

    Args:
        catalog: the lake.
        identifier: namespace and name.
        schema: the columns; columns that the table has beyond them stay.
        partition_by: a timestamp column, by whose UTC day a new table is partitioned.

    Raises:
        ValueError: a column has another type in the table; a changed type needs a new table.
    """
    try:
        table = catalog.load_table(identifier)
    except NoSuchTableError:
        table = _create(catalog, identifier, schema, partition_by)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            with table.update_schema() as update:
                update.union_by_name(schema)
            break
        except CommitFailedException:
            # A sink that started together with this one has just widened the table.
            if attempt == _ATTEMPTS:
                raise
            table = catalog.load_table(identifier)
        except ValidationError as error:
            raise ValueError(f"{'.'.join(identifier)}: {error}") from error
    return table


def _create(
    catalog: Catalog, identifier: tuple[str, str], schema: pa.Schema, partition_by: str | None
) -> Table:
    try:
        with catalog.create_table_transaction(
            identifier, schema=schema, properties=dict(PROPERTIES)
        ) as transaction:
            if partition_by:
                with transaction.update_spec() as spec:
                    spec.add_field(partition_by, DayTransform(), "day")
    except (TableAlreadyExistsError, CommitFailedException):
        _log.debug("%s.%s was made by another process meanwhile", *identifier)
    return catalog.load_table(identifier)
