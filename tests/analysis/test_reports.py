"""Reports in a real lake: which is the newest, and that only what was added is read again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.analysis.likely_moments import moments

from allotment.analysis import reports
from allotment.analysis.experiment import parse_experiment
from allotment.analysis.metrics import CLICK_THROUGH_RATE
from allotment.analysis.moments import OWN, Measured
from allotment.analysis.report import Report, make_report
from allotment.lake.catalog import open_catalog
from allotment.lake.query import data_files

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def report(name: str, when: datetime, phase: int = 0) -> Report:
    plan = parse_experiment(
        {
            "name": name,
            "groups": ["control", "described"],
            "stream_name": "product_metrics.web_base",
            "schema_id": "/analytics/product_metrics/web/base/1.3.0",
            "version": "3",
            "active": True,
            "phase_index": phase,
            "end": "2027-01-01T00:00:00Z",
        }
    )
    groups = {"control": moments(500, 90, 900), "described": moments(510, 99, 900)}
    measured = Measured(groups, 0, OWN)
    snapshots = {"event.product_metrics_web_base": 5629103384471920115}
    return make_report(plan, CLICK_THROUGH_RATE, measured, snapshots, when)


def put(lake: Path, *found: Report) -> None:
    with closing(open_catalog(lake)) as catalog:
        reports.append(reports.ensure_reports_table(catalog), found)


def times(lake: Path) -> dict[tuple[str, int], datetime]:
    return {key: report.computed_at for key, report in reports.newest(lake).items()}


def test_newest__no_lake_and_no_report__none(tmp_path: Path) -> None:
    assert reports.newest(tmp_path / "none") == {}
    assert not (tmp_path / "none").exists()
    put(tmp_path)
    assert reports.newest(tmp_path) == {}


def test_newest__reports_of_several_and_their_phases__the_latest_of_each(tmp_path: Path) -> None:
    put(tmp_path, report("one", NOW), report("one", NOW - MINUTE), report("other", NOW))
    put(tmp_path, report("one", NOW, phase=1))
    assert times(tmp_path) == {("one", 0): NOW, ("one", 1): NOW, ("other", 0): NOW}
    put(tmp_path, report("one", NOW + MINUTE), report("other", NOW - MINUTE))
    assert times(tmp_path) == {("one", 0): NOW + MINUTE, ("one", 1): NOW, ("other", 0): NOW}


def test_newest__more_were_added__what_was_read_is_not_read_again(tmp_path: Path) -> None:
    put(tmp_path, report("one", NOW))
    assert times(tmp_path) == {("one", 0): NOW}
    with closing(open_catalog(tmp_path)) as catalog:
        (first,) = data_files(catalog.load_table(reports.REPORTS), reports.REPORTS)
    put(tmp_path, report("other", NOW))
    Path(first).unlink()
    assert times(tmp_path) == {("one", 0): NOW, ("other", 0): NOW}


def test_newest__files_were_put_together_anew__all_are_read(tmp_path: Path) -> None:
    put(tmp_path, report("one", NOW))
    put(tmp_path, report("other", NOW))
    assert len(times(tmp_path)) == 2
    with closing(open_catalog(tmp_path)) as catalog:
        table = catalog.load_table(reports.REPORTS)
        rows = table.scan().to_arrow()
        table.overwrite(rows.filter([name == "other" for name in rows["experiment"].to_pylist()]))
    assert times(tmp_path) == {("other", 0): NOW}


def test_newest__another_lake_in_the_same_folder__its_reports(tmp_path: Path) -> None:
    put(tmp_path / "lake", report("one", NOW))
    assert set(times(tmp_path / "lake")) == {("one", 0)}
    shutil.rmtree(tmp_path / "lake")
    put(tmp_path / "lake", report("other", NOW))
    assert set(times(tmp_path / "lake")) == {("other", 0)}


def test_reports__imported_to_be_read__what_computes_is_not_loaded() -> None:
    code = "import sys; from allotment.analysis import reports; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"scipy", "tea_tasting"} & set(found.stdout.split())
