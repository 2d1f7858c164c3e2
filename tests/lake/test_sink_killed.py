"""Two rival sinks, killed again and again at random moments while a writer goes on."""

import itertools
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

import orjson
import pytest
from tests.lake.lake_parts import WEB, Writer, web_event

from allotment.journal.segments import SegmentReader
from allotment.lake.query import run_sql

KILLS = 20
EVENTS_A_ROUND = 300
DEADLINE_SECONDS = 400.0

NURSERY = """
import os, signal, sys, threading
from pathlib import Path
from allotment.contract.schemas import SchemaRepository
from allotment.journal.segments import SegmentReader
from allotment.lake.catalog import open_catalog
from allotment.lake.maintenance import Care, Maintenance
from allotment.lake.sink import Sink, SinkLimits
from allotment.lake.tables import event_schemas

root = Path(sys.argv[1])
schemas = event_schemas(SchemaRepository([]))
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        catalog = open_catalog(root / "lake")
        care = Care(every_seconds=0.5, keep_snapshots=3, small_files=6, grace_seconds=2)
        sink = Sink(
            SegmentReader(root / "journal"),
            catalog,
            schemas,
            SinkLimits(seconds=0.05, events=600),
            Maintenance(root / "lake", care),
        )
        print(os.getpid(), flush=True)
        sink.run(threading.Event())
"""


class Nursery:
    """Starts sinks quickly: a process that has imported all there is and forks on demand."""

    def __init__(self, root: Path) -> None:
        self.said = root / "sinks.txt"
        with self.said.open("w") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-c", NURSERY, str(root)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )
        self.alive: list[int] = []

    def start(self) -> None:
        """A further sink; returns when it works."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.alive.append(int(self.process.stdout.readline()))

    def kill(self, index: int) -> None:
        """End one sink as a power cut would."""
        try:
            os.kill(self.alive.pop(index), signal.SIGKILL)
        except ProcessLookupError:
            pytest.fail(f"a sink ended by itself:\n{self.said.read_text()[-4000:]}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process_id in self.alive:
            with suppress(ProcessLookupError):  # one that ended by itself has failed the test
                os.kill(process_id, signal.SIGKILL)
        self.process.kill()
        self.process.communicate()


def test_sinks__killed_twenty_times_under_a_writer__every_event_once(tmp_path: Path) -> None:
    journal = Writer(tmp_path / "journal")
    dice = random.Random(20)
    numbers = iter(range(10**9))
    written = bad = repeated = 0
    again: list[bytes] = []
    deadline = time.monotonic() + DEADLINE_SECONDS
    with Nursery(tmp_path) as nursery:
        nursery.start()
        nursery.start()
        for kill in range(KILLS):
            assert time.monotonic() < deadline
            lines = [
                orjson.dumps(web_event(n, meta={"dt": "2026-11-22T00:00:00Z", "id": str(n)}))
                for n in itertools.islice(numbers, EVENTS_A_ROUND)
            ]
            # A batch that got no answer is sent again, with the same ids.
            again += lines[: dice.randrange(40)]
            lines.insert(dice.randrange(EVENTS_A_ROUND), b'{"action":%d}' % kill)
            written, bad = written + EVENTS_A_ROUND, bad + 1
            for line in again[: dice.randrange(60)]:
                again.remove(line)
                lines.insert(dice.randrange(len(lines)), line)
                repeated += 1
            journal.append(lines)
            # A random moment of whatever the sink is doing: this wait is the experiment.
            time.sleep(dice.uniform(0.0, 0.6))
            nursery.kill(dice.randrange(2))
            nursery.start()
        nursery.kill(0)  # alone, the other has no rival to give way to
        wanted = written + bad + repeated
        while _rows(tmp_path) < wanted:
            assert time.monotonic() < deadline, f"{_rows(tmp_path)} of {wanted} rows"
            time.sleep(0.5)
    numbers_found = run_sql(
        tmp_path / "lake",
        f"select count(*), count(distinct page.id), max(page.id) from event.{WEB}",
    )[1]
    assert numbers_found == [(written, written, written - 1)]
    duplicates = run_sql(
        tmp_path / "lake", 'select count(*), count(distinct "offset") from event.duplicates'
    )[1]
    assert repeated > KILLS
    assert duplicates == [(repeated, repeated)]
    rejected = run_sql(
        tmp_path / "lake", "select count(*), count(distinct raw) from event.rejected"
    )[1]
    assert rejected == [(bad, bad)]
    topics = [p.topic for p in SegmentReader(journal.directory).partitions()]
    assert topics == ["ledger", WEB]


def _rows(root: Path) -> int:
    tables = (WEB, "rejected", "duplicates")
    sql = "select " + " + ".join(f"(select count(*) from event.{name})" for name in tables)
    found: int = run_sql(root / "lake", sql)[1][0][0]
    return found
