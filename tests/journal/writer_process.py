"""A process that writes to a journal under load, for tests that kill it or fill its disk.

python writer_process.py load DIRECTORY ACKNOWLEDGED_FILE FIRST_ID
python writer_process.py tally DIRECTORY ACKNOWLEDGED_FILE FIRST_ID
python writer_process.py full DIRECTORY
"""

from __future__ import annotations

import asyncio
import itertools
import os
import resource
import sys
import time
from pathlib import Path

import pytest

from allotment.journal.protocol import JournalUnavailableError
from allotment.journal.segments import SegmentWriter
from allotment.journal.tally import Count, Tallying

TOPICS = ("product_metrics_web_base", "rejected")
FULL_BYTES = 32 * 1024


async def load(
    directory: Path, acknowledged: Path, first: int, tallying: Tallying | None = None
) -> None:
    """Append without end from 16 callers; note each id only after its append returned."""
    writer = SegmentWriter(directory, segment_bytes=50_000, tallying=tallying)
    notes = os.open(acknowledged, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    ids = itertools.count(first)

    async def caller() -> None:
        while True:
            some = [next(ids) for _ in range(3)]
            lines = [b'{"id":%d,"fill":"%s"}' % (n, b"x" * (n % 300)) for n in some]
            await writer.append({TOPICS[0]: lines[:2], TOPICS[1]: lines[2:]})
            os.write(notes, b"".join(b"%d\n" % n for n in some))

    await asyncio.gather(*(caller() for _ in range(16)))


def takes_appends(writer: SegmentWriter) -> bool:
    return writer.available


async def full(directory: Path) -> None:
    """Fill the disk (a limit on the size of any file), then make room and go on.

    Prints the ids that were acknowledged before and after.
    """
    writer = SegmentWriter(directory, probe_seconds=0.05)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_BYTES, resource.RLIM_INFINITY))
    before = []
    for number in itertools.count():
        try:
            await writer.append({TOPICS[0]: [b'{"id":%d,"fill":"%s"}' % (number, b"x" * 990)]})
        except JournalUnavailableError:
            break
        before.append(number)
    assert not takes_appends(writer)
    await asyncio.sleep(0.2)  # several probes, none of which may succeed
    assert not takes_appends(writer)
    with pytest.raises(JournalUnavailableError, match="File too large"):
        await writer.append({TOPICS[0]: [b'{"id":-1}']})
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    deadline = time.monotonic() + 60
    while not takes_appends(writer):
        assert time.monotonic() < deadline, "the journal did not come back"
        await asyncio.sleep(0.01)
    await writer.append({TOPICS[0]: [b'{"id":100000}']})
    writer.close()
    print(before[-1] + 1, before == list(range(len(before))))


def count_by_length(topic: str, lines: bytes) -> dict[Count, int]:
    """One stream for each length of a line."""
    found: dict[Count, int] = {}
    for line in lines.splitlines():
        key = (str(len(line)), "2026-11-22T08:15", topic)
        found[key] = found.get(key, 0) + 1
    return found


if __name__ == "__main__":
    if sys.argv[1] == "load":
        asyncio.run(load(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])))
    elif sys.argv[1] == "tally":
        often = Tallying(topic="ledger", count=count_by_length, seconds=0.005)
        asyncio.run(load(Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), often))
    else:
        asyncio.run(full(Path(sys.argv[2])))
