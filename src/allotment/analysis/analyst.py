"""The analyst: a report for each experiment, whenever its events or its configuration change."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import duckdb
from pyiceberg.exceptions import CommitFailedException
from sqlalchemy.exc import OperationalError

from allotment.analysis import reports
from allotment.analysis.configuration import Configuration, ConfigurationSource
from allotment.analysis.experiment import (
    AnalysisError,
    Experiment,
    parse_experiment,
    phase_of,
)
from allotment.analysis.lab_ledger import LedgerKeeper
from allotment.analysis.metrics import CLICK_THROUGH_RATE
from allotment.analysis.moments import measure
from allotment.analysis.report import Report, make_report
from allotment.lake.catalog import open_catalog
from allotment.lake.maintenance import Maintenance
from allotment.lake.query import QueryError, connect, snapshots

__all__ = ["AnalysisError", "Analyst", "analyze", "analyze_by_name"]

EVERY_SECONDS = 3.0
REPORT_SECONDS = 10.0

_log = logging.getLogger(__name__)

_Basis = tuple[str, int | None, bool]
_Key = tuple[str, int]


def analyze(
    lake_dir: Path,
    experiment: Mapping[str, Any],
    *,
    pinned: Mapping[str, int | None] | None = None,
    now: datetime | None = None,
) -> Report:
    """Compute the report of one experiment from the lake; nothing is stored.

    Args:
        lake_dir: the lake.
        experiment: the experiment as the public API's analytics form shows it.
        pinned: the snapshots to read instead of the present ones, from an earlier report's inputs;
            with the same experiment and code the same digits come out.
        now: the time of the report, when it is not the clock's.

    Raises:
        AnalysisError: the experiment lacks what analysis needs.
        QueryError: a pinned snapshot is not kept any more.
    """
    plan = parse_experiment(experiment)
    read = dict(pinned) if pinned else _present(lake_dir, plan)
    with closing(connect(lake_dir, read, only=(plan.table,))) as connection:
        measured = measure(connection, plan, CLICK_THROUGH_RATE)
    return make_report(plan, CLICK_THROUGH_RATE, measured, read, now or datetime.now(UTC))


def analyze_by_name(
    lake_dir: Path, registry_url: str, cache_dir: Path, name: str, phase: int | None = None
) -> Report:
    """Compute the report of an experiment of the registry, from the lake as it is now.

    Of its phases it is the latest, unless another is named.

    Raises:
        AnalysisError: there is no such experiment, or the registry has never answered.
    """
    found = ConfigurationSource(registry_url, cache_dir).current()
    phases = {phase_of(i): i for i in found.experiments if i.get("name") == name}
    if phases and (phase is None or phase in phases):
        return analyze(lake_dir, phases[max(phases) if phase is None else phase])
    if phases:
        listed = ", ".join(map(str, sorted(phases)))
        raise AnalysisError(f"{name} has no phase {phase}; known are: {listed}")
    known = ", ".join(sorted(str(item.get("name")) for item in found.experiments)) or "none"
    raise AnalysisError(
        f"no experiment {name!r} was ever switched on in the registry; known are: {known}"
    )


class Analyst:
    """Keeps `analysis.reports` up to date."""

    def __init__(
        self,
        lake_dir: Path,
        registry_url: str,
        cache_dir: Path,
        *,
        every_seconds: float = EVERY_SECONDS,
        report_seconds: float = REPORT_SECONDS,
        journal_dir: Path | None = None,
    ) -> None:
        """Be ready to run.

        Args:
            lake_dir: the lake; made where there is none.
            registry_url: where the registry's public API is.
            cache_dir: folder of the last good copy of the configuration.
            every_seconds: how often changes are looked for.
            report_seconds: the least time between two reports of one experiment.
            journal_dir: the journal, so that the ledger is kept too; None keeps none.
        """
        self._lake_dir = lake_dir
        self._source = ConfigurationSource(registry_url, cache_dir)
        self._every_seconds = every_seconds
        self._report_seconds = report_seconds
        self._maintenance = Maintenance(lake_dir)
        self._ledger = LedgerKeeper(lake_dir, journal_dir) if journal_dir is not None else None
        self._bases: dict[_Key, _Basis] = {}
        self._reported: dict[_Key, float] = {}

    def run(self, stop: threading.Event) -> None:
        """Report until told to stop; problems are logged and tried again."""
        while True:
            try:
                self.step()
            except AnalysisError as error:
                _log.warning("nothing can be analysed: %s", error)
            except (OSError, OperationalError, CommitFailedException, QueryError, duckdb.Error):
                _log.exception("the analyst could not go on; it tries again")
            if self._ledger is not None:
                self._ledger.step()
            if stop.wait(self._every_seconds):
                return

    def step(self) -> list[Report]:
        """Compute and store what is due; the reports stored.

        Raises:
            AnalysisError: the registry does not answer and never has.
        """
        configuration = self._source.current()
        present = snapshots(self._lake_dir)
        now = datetime.now(UTC)
        due = [
            (plan, item, basis)
            for plan, item in _started(configuration, now)
            if self._is_due(plan, basis := _basis(plan, present, now))
        ]
        made = [
            analyze(self._lake_dir, item, pinned={plan.table: present.get(plan.table)}, now=now)
            for plan, item, _ in due
        ]
        with closing(open_catalog(self._lake_dir)) as catalog:
            table = reports.ensure_reports_table(catalog)
            reports.append(table, made)
            if made and self._maintenance.due():
                self._maintenance.tend(table)
        for plan, _, basis in due:
            self._bases[_key(plan)] = basis
            self._reported[_key(plan)] = monotonic()
        if made:
            _log.info("reports made: %s", ", ".join(report.experiment for report in made))
        return made

    def _is_due(self, plan: Experiment, basis: _Basis) -> bool:
        if _key(plan) not in self._bases:
            # Since the last start of this process; what an earlier one reported still stands.
            last = reports.latest(self._lake_dir, plan.name, plan.phase)
            if last is not None:
                snapshot = last.inputs.snapshots.get(plan.table)
                self._bases[_key(plan)] = (last.inputs.config_version, snapshot, last.over)
        if self._bases.get(_key(plan)) == basis:
            return False
        return monotonic() - self._reported.get(_key(plan), -self._report_seconds) >= (
            self._report_seconds
        )


def _key(plan: Experiment) -> _Key:
    """Each phase of an experiment is analysed apart."""
    return plan.name, plan.phase


def _present(lake_dir: Path, plan: Experiment) -> dict[str, int | None]:
    return {plan.table: snapshots(lake_dir).get(plan.table)}


def _basis(plan: Experiment, present: Mapping[str, int | None], now: datetime) -> _Basis:
    return plan.version, present.get(plan.table), plan.is_over(now)


def _started(
    configuration: Configuration, now: datetime
) -> list[tuple[Experiment, Mapping[str, Any]]]:
    """The experiments to report on; one that cannot be read hides no other."""
    found = []
    for item in configuration.experiments:
        try:
            plan = parse_experiment(item)
        except AnalysisError as error:
            _log.warning("left out of the analysis: %s", error)
            continue
        if plan.has_started(now):
            found.append((plan, item))
    return found
