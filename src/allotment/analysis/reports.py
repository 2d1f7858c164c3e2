"""Reports in the lake: `analysis.reports`, where the registry's pages read them."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import duckdb
import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table

from allotment.analysis.report import Report
from allotment.lake.arrow_schema import TIMESTAMP
from allotment.lake.catalog import ANALYSIS, metadata_location, open_catalog
from allotment.lake.query import connect, connect_tables, data_files, fetch
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


@dataclass(frozen=True)
class _Newest:
    """What the newest reports were when the table was in this state, of these files."""

    state: str
    files: frozenset[str]
    found: Mapping[tuple[str, int], Report]


_known: dict[Path, _Newest] = {}
_reading = threading.Lock()
_MOST_LAKES = 4


def newest(lake_dir: Path) -> Mapping[tuple[str, int], Report]:
    """The newest report of each experiment and phase.

    They are remembered in this process, and only what was added since is read: a lab that has run
    for long has many reports, and a page that shows the newest is opened often.
    """
    with _reading:
        state = metadata_location(lake_dir, REPORTS)
        if state is None:
            return {}  # no analyst has run on this lake yet
        known = _known.get(lake_dir)
        if known is None or known.state != state:
            fresh = _read_newest(lake_dir, state, known)
            if len(_known) >= _MOST_LAKES:
                _known.clear()
            known = _known[lake_dir] = fresh
        return known.found


def _read_newest(lake_dir: Path, state: str, before: _Newest | None) -> _Newest:
    with closing(open_catalog(lake_dir)) as catalog:
        table = catalog.load_table(REPORTS)
    files = data_files(table, REPORTS)
    # Where files were put together anew, what was read cannot be told from what was added.
    known = before if before is not None and before.files <= files else None
    without = known.files if known is not None else frozenset()
    with closing(connect_tables({REPORTS: table}, without=without)) as connection:
        answer = fetch(
            connection,
            f"SELECT report FROM {REPORTS} QUALIFY row_number() OVER ("  # noqa: S608 - a constant
            "PARTITION BY experiment,"
            " coalesce(json_extract(report, '$.phase')::BIGINT, 0)"
            " ORDER BY computed_at DESC, id) = 1",
        )
    found = dict(known.found) if known is not None else {}
    for (text,) in answer.rows:
        report = Report.from_json(json.loads(text))
        earlier = found.get((report.experiment, report.phase))
        if earlier is None or report.computed_at >= earlier.computed_at:
            found[report.experiment, report.phase] = report
    return _Newest(state, files, found)
