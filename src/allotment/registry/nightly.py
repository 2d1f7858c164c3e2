"""The check that runs by itself: after each start and once a day, its findings kept for Home.

The findings and the configuration that they are about are one file in the data folder. A later run
holds what is served against the configuration of the one before, so that what got lost is told.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from allotment.contract.check import Configuration, Finding, Kind, Observations, configuration_of
from allotment.contract.check.files import observations_of
from allotment.registry import checking, observing
from allotment.registry.checked_apart import CheckFailedError

EVERY: Final = timedelta(days=1)
SETTLED: Final = timedelta(seconds=5)
"""How long after the start of the registry the first run is."""
_FILE: Final = "check.json"
_LOSSES: Final = frozenset({"block-not-lost"})
_TOLD_FOR: Final = timedelta(days=7)
"""How long a loss is told: each run takes what is there then for what was there before."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """What the latest run found, and when."""

    when: datetime
    findings: tuple[Finding, ...]

    def about(self, kind: Kind, name: str) -> tuple[Finding, ...]:
        """The findings about one thing."""
        return tuple(f for f in self.findings if (f.place.kind, f.place.name) == (kind, name))


@dataclass(frozen=True)
class _Kept:
    report: Report
    configuration: Configuration
    losses: tuple[tuple[datetime, Finding], ...]
    observations: Observations | None


def run(folder: Path, now: datetime) -> Report:
    """Check everything that is served, and keep what was found.

    What a stream lost since the run before is told for a week, or until it is back.

    Args:
        folder: where the file is kept.
        now: the moment.
    """
    before = _read(folder)
    # What people stop, and when, is in the history; only what a stream lost is hard to see.
    previous = Configuration(before.configuration.streams) if before else None
    seen = observing.observe(settings.ALLOTMENT.lake_dir, now)
    configuration, findings = checking.of_lab(now, previous=previous, observations=seen)
    fresh = [(now, finding) for finding in findings if finding.rule in _LOSSES]
    told = {_key(finding) for _, finding in fresh}
    older = [
        (since, finding)
        for since, finding in (before.losses if before else ())
        if now - since < _TOLD_FOR
        and _key(finding) not in told
        and _is_lost(finding, configuration)
    ]
    report = Report(now, (*findings, *(finding for _, finding in older)))
    _write(folder, report, configuration, (*fresh, *older), seen)
    return report


def latest(folder: Path) -> Report | None:
    """What the latest run kept; None before the first one, or where the file is damaged."""
    try:
        found = (folder / _FILE).stat()
    except OSError:
        return None
    return _latest(folder, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=4)
def _latest(folder: Path, _changed: int, _size: int) -> Report | None:
    kept = _read(folder)
    return kept.report if kept else None


def observations(folder: Path, now: datetime) -> Observations | None:
    """What the latest run saw of the lake; None where that is long ago, or nothing was seen."""
    kept = _read(folder)
    if kept is None or now - kept.report.when > 2 * EVERY:
        return None
    return kept.observations


def keep_running(
    folder: Path,
    stop: threading.Event,
    check: Callable[[], object],
    *,
    after: timedelta = SETTLED,
    every: timedelta = EVERY,
) -> None:
    """Check soon after the start and then once a day until `stop` is set.

    A run that fails is logged, and the next one tries again.

    Args:
        folder: where its findings are kept.
        stop: ends it, also while it waits.
        check: one run, which keeps what it finds there.
        after: how long to leave to others, who start too.
        every: from one run to the next.
    """
    pause = after
    while not stop.wait(pause.total_seconds()):
        pause = every
        try:
            check()
        except (OSError, CheckFailedError):
            _log.exception("the check could not run; it is tried again in %s", every)
            continue
        report = latest(folder)
        found = len(report.findings) if report else 0
        _log.info("the check found %d things in what is served", found)


def _is_lost(finding: Finding, configuration: Configuration) -> bool:
    """Whether what a stream had lost is still not there."""
    entry = configuration.by_name.get((finding.place.kind, finding.place.name))
    steps = [s.replace("~1", "/").replace("~0", "~") for s in finding.place.pointer.split("/")[1:]]
    return entry is not None and not entry.at(*steps)


def _key(finding: Finding) -> tuple[str, Kind, str, str]:
    return finding.rule, finding.place.kind, finding.place.name, finding.place.pointer


def _write(
    folder: Path,
    report: Report,
    configuration: Configuration,
    losses: tuple[tuple[datetime, Finding], ...],
    seen: Observations | None,
) -> None:
    document = {
        "when": report.when.isoformat(),
        "findings": [finding.to_kept() for finding in report.findings],
        "losses": [[since.isoformat(), finding.to_kept()] for since, finding in losses],
        "configuration": {
            "streams": {entry.name: entry.body for entry in configuration.streams or ()},
            "instruments": [entry.body for entry in configuration.instruments],
            "experiments": [entry.body for entry in configuration.experiments],
        },
        "observations": observing.to_json(seen) if seen else None,
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _FILE
    fresh = path.with_name(f"{_FILE}.{os.getpid()}")
    fresh.write_text(json.dumps(document, ensure_ascii=False, default=str), "utf-8")
    fresh.replace(path)


def _read(folder: Path) -> _Kept | None:
    path = folder / _FILE
    try:
        found: Mapping[str, Any] = json.loads(path.read_bytes())
        report = Report(
            datetime.fromisoformat(found["when"]),
            tuple(Finding.from_json(one) for one in found["findings"]),
        )
        losses = tuple(
            (datetime.fromisoformat(since), Finding.from_json(one))
            for since, one in found["losses"]
        )
        seen = found.get("observations")
        return _Kept(
            report,
            configuration_of(**found["configuration"]),
            losses,
            observations_of(seen) if seen else None,
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        _log.warning("%s cannot be read, and is written again: %s", path, error)
        return None
