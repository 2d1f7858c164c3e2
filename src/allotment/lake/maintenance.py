"""What keeps tables small and quick: compaction, expiry of snapshots, removal of dead files.

Run between the appends of the one process that writes a table. Each step is a commit of its own
that is refused, and later tried again, when somebody else has written meanwhile; positions are
properties of the table, so that no step can lose them. The guard that makes file removal safe for
readers: a file goes only when no kept snapshot has named it for a grace period.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from pyiceberg.exceptions import CommitFailedException, ValidationException
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.manifest import DataFile
from pyiceberg.table import FileScanTask, Table

from allotment.lake.file_io import SyncedFileIO
from allotment.lake.writing import write_data_files

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """How much is kept, and when something is done about it."""

    every_seconds: float = 60.0
    keep_snapshots: int = 20
    small_file_rows: int = 100_000
    """Files with fewer rows are joined; joined files stay near twice this."""
    small_files: int = 24
    """So many small files of one day are joined at once."""
    grace_seconds: float = 3600.0
    """How long a file that no kept snapshot names is still there for readers."""


class Maintenance:
    """Tends tables, at most once in `Care.every_seconds`."""

    def __init__(self, lake_dir: Path, care: Care | None = None) -> None:
        self._care = care or Care()
        self._ledger = lake_dir / "unreferenced.json"
        self._next = 0.0

    def due(self) -> bool:
        """Whether it is time again; asking counts as having done it."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + self._care.every_seconds
        return True

    def tend(self, table: Table) -> None:
        """Join small files, expire old snapshots, remove dead files of one table."""
        try:
            join_small_files(table, self._care)
            expire_snapshots(table, self._care.keep_snapshots)
            self._remove_dead_files(table)
        except (CommitFailedException, ValidationException) as refused:
            _log.info("maintenance of %s gave way to a writer: %s", ".".join(table.name()), refused)

    def _remove_dead_files(self, table: Table) -> None:
        name = ".".join(table.name())
        ledger = _read_ledger(self._ledger)
        seen, removed = remove_dead_files(table, ledger.get(name, {}), self._care.grace_seconds)
        if removed:
            _log.info("%s: %d dead files removed", name, len(removed))
        _write_ledger(self._ledger, {**ledger, name: seen})


def expire_snapshots(table: Table, keep: int) -> int:
    """Forget all but the newest snapshots (commits slow down with each one kept).

    Returns:
        How many were forgotten. Tagged snapshots stay.

    Raises:
        CommitFailedException: somebody else has written meanwhile.
    """
    table.refresh()
    protected = {ref.snapshot_id for ref in table.metadata.refs.values()}
    newest_first = sorted(table.metadata.snapshots, key=lambda s: s.sequence_number or 0)[::-1]
    old = [s.snapshot_id for s in newest_first[keep:] if s.snapshot_id not in protected]
    if old:
        try:
            table.maintenance.expire_snapshots().by_ids(old).commit()
        except ValueError as error:
            # pyiceberg tries again by itself, and then misses what another sink has forgotten.
            table.refresh()
            if all(table.snapshot_by_id(snapshot) for snapshot in old):
                raise
            raise CommitFailedException(
                f"another has forgotten snapshots of {'.'.join(table.name())} meanwhile"
            ) from error
    return len(old)


def join_small_files(table: Table, care: Care) -> int:
    """Rewrite the small files of each partition that has gathered many; rows stay the same.

    Returns:
        How many files were replaced.

    Raises:
        CommitFailedException: somebody else has written meanwhile.
    """
    table.refresh()
    tasks: dict[tuple[int, str], list[FileScanTask]] = defaultdict(list)
    for task in table.scan().plan_files():
        if task.file.record_count < care.small_file_rows and not task.delete_files:
            tasks[task.file.spec_id, str(task.file.partition)].append(task)
    replaced = 0
    for group in tasks.values():
        if len(group) >= care.small_files:
            replaced += _join(table, group, 2 * care.small_file_rows)
    return replaced


def _join(table: Table, group: list[FileScanTask], most_rows: int) -> int:
    from pyiceberg.io.pyarrow import ArrowScan  # noqa: PLC0415 -- as in writing.py

    chosen: list[FileScanTask] = []
    rows = 0
    # Oldest first keeps the order of arrival within the joined file.
    for task in sorted(group, key=lambda t: t.file.file_path):
        if chosen and rows + task.file.record_count > most_rows:
            break
        chosen.append(task)
        rows += task.file.record_count
    metadata = table.metadata
    scan = ArrowScan(metadata, table.io, metadata.schema(), AlwaysTrue())
    joined: pa.Table = scan.to_table(chosen)
    if joined.num_rows != rows:
        _log.error(
            "%s: %d files should hold %d rows but were read as %d; they stay as they are",
            ".".join(table.name()),
            len(chosen),
            rows,
            joined.num_rows,
        )
        return 0
    with table.transaction() as transaction:
        overwrite = transaction.update_snapshot({"allotment.maintenance": "join"}).overwrite()
        with overwrite as snapshot:
            for task in chosen:
                snapshot.delete_data_file(task.file)
            for file in write_data_files(metadata, table.io, joined):
                snapshot.append_data_file(file)
    _log.info("%s: %d files joined (%d rows)", ".".join(table.name()), len(chosen), rows)
    return len(chosen)


def remove_dead_files(
    table: Table, dead_since: Mapping[str, float], grace_seconds: float, now: float | None = None
) -> tuple[dict[str, float], list[Path]]:
    """Remove files of a table that no kept snapshot has named for the grace period.

    Args:
        table: the table; its folder is looked through.
        dead_since: since when (seconds since 1970) a file has been seen to be dead.
        grace_seconds: how long a dead file stays; it must exceed the longest append and query.
        now: the time, when it is not the clock's.

    Returns:
        The dead files that stay with since when, and those removed.
    """
    if not isinstance(table.io, SyncedFileIO):
        return {}, []
    now = time.time() if now is None else now
    folder = table.io.path(table.location())
    present = [path for path in folder.rglob("*") if path.is_file()]
    # The newest metadata after the listing: a file committed in between then counts as named.
    table.refresh()
    named = {table.io.path(location) for location in _named_files(table)}
    stays: dict[str, float] = {}
    removed: list[Path] = []
    for path in present:
        if path in named:
            continue
        since = dead_since.get(str(path), now)
        if now - since >= grace_seconds and now - path.stat().st_mtime >= grace_seconds:
            path.unlink(missing_ok=True)
            removed.append(path)
        else:
            stays[str(path)] = since
    return stays, removed


def _named_files(table: Table) -> Iterable[str]:
    """Every file that the current metadata or one of its snapshots needs."""
    yield table.metadata_location
    yield from (entry.metadata_file for entry in table.metadata.metadata_log)
    manifests = {}
    for snapshot in table.metadata.snapshots:
        yield snapshot.manifest_list
        manifests.update({m.manifest_path: m for m in snapshot.manifests(table.io)})
    for path, manifest in manifests.items():
        yield path
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
            file: DataFile = entry.data_file
            yield file.file_path


def _read_ledger(path: Path) -> dict[str, dict[str, float]]:
    try:
        found: dict[str, dict[str, float]] = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        # Without it, dead files are found again and live one grace period longer.
        return {}
    return found


def _write_ledger(path: Path, ledger: Mapping[str, Mapping[str, float]]) -> None:
    written = path.with_name(f"{path.name}.{os.getpid()}")
    written.write_text(json.dumps(ledger), encoding="utf-8")
    written.replace(path)
