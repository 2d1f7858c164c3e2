"""Reports in the lake: `analysis.reports`, where the registry's pages read them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import duckdb
import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from allotment.analysis.report import Report
from allotment.lake.arrow_schema import TIMESTAMP
from allotment.lake.catalog import ANALYSIS
from allotment.lake.query import connect, fetch
from allotment.lake.tables import ensure_table
from allotment.lake.writing import append_rows

REPORTS = f"{ANALYSIS}.reports"

_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("experiment", pa.string()),
        pa.field("computed_at", TIMESTAMP),
        pa.field("snapshot", pa.int64()),
        pa.field("report", pa.string()),
    ]
)


def ensure_reports_table(catalog: Catalog) -> Table:
    """The table of reports, made where there is none."""
    return ensure_table(catalog, (ANALYSIS, "reports"), _SCHEMA)


def append(table: Table, reports: Sequence[Report]) -> None:
    """Add reports in one commit; a report is never changed afterwards.

    Raises:
        CommitFailedException: too many others wrote at the same time.
    """
    if not reports:
        return
    append_rows(
        table,
        pa.Table.from_pylist(
            [
                {
                    "id": str(uuid4()),
                    "experiment": report.experiment,
                    "computed_at": report.computed_at,
                    "snapshot": next(iter(report.inputs.snapshots.values()), None),
                    "report": json.dumps(report.to_json()),
                }
                for report in reports
            ],
            schema=_SCHEMA,
        ),
    )


def latest(lake_dir: Path, experiment: str, phase: int = 0) -> Report | None:
    """The newest report of one phase of an experiment, or None."""
    return next(iter(history(lake_dir, experiment, phase, limit=1)), None)


def history(lake_dir: Path, experiment: str, phase: int = 0, *, limit: int = 100) -> list[Report]:
    """The reports of one phase of an experiment, newest first."""
    with closing(connect(lake_dir, only=(REPORTS,))) as connection:
        try:
            answer = fetch(
                connection,
                f"SELECT report FROM {REPORTS} WHERE experiment = ?"  # noqa: S608 - a constant
                " AND coalesce(json_extract(report, '$.phase')::BIGINT, 0) = ?"
                " ORDER BY computed_at DESC, id LIMIT ?",
                [experiment, phase, limit],
            )
        except duckdb.CatalogException:
            return []  # no analyst has run on this lake yet
    return [Report.from_json(json.loads(text)) for (text,) in answer.rows]


def newest(lake_dir: Path) -> dict[tuple[str, int], Report]:
    """The newest report of each experiment and phase, in one question."""
    with closing(connect(lake_dir, only=(REPORTS,))) as connection:
        try:
            answer = fetch(
                connection,
                f"SELECT report FROM {REPORTS} QUALIFY row_number() OVER ("  # noqa: S608 - a constant
                "PARTITION BY experiment,"
                " coalesce(json_extract(report, '$.phase')::BIGINT, 0)"
                " ORDER BY computed_at DESC, id) = 1",
            )
        except duckdb.CatalogException:
            return {}  # no analyst has run on this lake yet
    found = [Report.from_json(json.loads(text)) for (text,) in answer.rows]
    return {(report.experiment, report.phase): report for report in found}
