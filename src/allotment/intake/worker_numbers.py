"""What each worker counts, in small files, so that any of them can tell Prometheus of all.

Which worker answers a scrape is chance. Each renews its file every second; a reader takes the files
as they are. The file of a worker that died stays, for its counts are true, until another takes its
journal partition.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import orjson

from allotment.intake.metrics import Snapshot

RENEW_SECONDS: Final = 1.0
_SUFFIX: Final = ".json"


class WorkerNumbers:
    """The files of all workers, and the one of this."""

    def __init__(self, folder: Path, worker: int) -> None:
        """Take the place of whoever had this number before."""
        self.worker = worker
        self._folder = folder
        self._path = folder / f"{worker:04d}{_SUFFIX}"
        self.remove()

    def write(self, snapshot: Snapshot) -> None:
        """Renew the file, whole or not at all. A disk that takes none costs the others a view."""
        fresh = self._path.with_suffix(f".{os.getpid()}.new")
        with suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(orjson.dumps({"time": time.time(), "snapshot": snapshot}))
            fresh.replace(self._path)

    def others(self) -> dict[int, Snapshot]:
        """The numbers of the other workers, each with the age of its file."""
        found: dict[int, Snapshot] = {}
        with suppress(OSError):
            for path in self._folder.glob(f"*{_SUFFIX}"):
                if path == self._path or not path.stem.isdecimal():
                    continue
                with suppress(OSError, ValueError, KeyError, TypeError):
                    document = orjson.loads(path.read_bytes())
                    snapshot = document["snapshot"]
                    age = max(0.0, round(time.time() - document["time"], 3))
                    snapshot["gauges"]["renewed_seconds"] = age
                    found[int(path.stem)] = snapshot
        return found

    def remove(self) -> None:
        """Remove the file: this worker ends in good order, or has just begun."""
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
