"""The catalog of a lake on one machine: which tables there are and which metadata is theirs.

A SQLite file beside the tables. Several processes may use it at once: it runs in write-ahead mode
and a writer waits for another instead of failing.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from pyiceberg.catalog.sql import SqlCatalog
from sqlalchemy import URL

from allotment.lake.file_io import FOLDER, HOME, sync_folder

EVENT = "event"
ANALYSIS = "analysis"
NAMESPACES = (EVENT, ANALYSIS)
"""Whose tables can be asked for."""
SEALED = "sealed"
"""Of what masks hide; in a folder that the lab's user alone can read, and never asked for."""

_BUSY_SECONDS = 60.0
_FILE = "catalog.sqlite3"
_HOME_FILE = "home"


def open_catalog(lake_dir: Path) -> SqlCatalog:
    """Open the lake in a folder; make an empty one (namespaces, no tables) where there is none.

    The caller closes the catalog. A folder that was moved or copied as a whole goes on working.

    Raises:
        OSError: the folder cannot be made or written.
    """
    lake_dir = lake_dir.absolute()
    lake_dir.mkdir(parents=True, exist_ok=True)
    with (lake_dir / "lock").open("w") as lock:
        # Two first starts at once would otherwise both create the catalog's tables.
        fcntl.flock(lock, fcntl.LOCK_EX)
        home = _home(lake_dir)
        with closing(sqlite3.connect(lake_dir / _FILE, timeout=_BUSY_SECONDS)) as database:
            database.execute("PRAGMA journal_mode = WAL")
        address = URL.create(
            "sqlite", database=str(lake_dir / _FILE), query={"timeout": str(_BUSY_SECONDS)}
        )
        catalog = SqlCatalog(
            "lake",
            **{
                "uri": address.render_as_string(hide_password=False),
                "warehouse": Path(home).as_uri(),
                "py-io-impl": "allotment.lake.file_io.SyncedFileIO",
                HOME: home,
                FOLDER: str(lake_dir),
            },
        )
        (lake_dir / SEALED).mkdir(mode=0o700, exist_ok=True)
        for namespace in (*NAMESPACES, SEALED):
            catalog.create_namespace_if_not_exists(namespace)
    return catalog


def metadata_location(lake_dir: Path, table: str) -> str | None:
    """What stands in the catalog for the present state of a table; another for every commit.

    To ask it takes a hundredth of what opening the catalog does. None where there is no such table.

    Args:
        lake_dir: the lake.
        table: as `namespace.table`.

    Raises:
        sqlite3.Error: the catalog cannot be read.
    """
    path = lake_dir.absolute() / _FILE
    if not path.exists():
        return None
    with closing(
        sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
    ) as database:
        row = database.execute(
            "SELECT metadata_location FROM iceberg_tables"
            " WHERE table_namespace = ? AND table_name = ?",
            table.split("."),
        ).fetchone()
    return None if row is None else str(row[0])


def _home(lake_dir: Path) -> str:
    """The folder in which this lake was made: what the addresses in its metadata begin with."""
    path = lake_dir / _HOME_FILE
    if path.exists():
        return path.read_text(encoding="utf-8")
    home = str(lake_dir)
    written = path.with_suffix(".new")
    with written.open("w", encoding="utf-8") as stream:
        stream.write(home)
        stream.flush()
        os.fsync(stream.fileno())
    written.rename(path)
    sync_folder(lake_dir)
    return home
