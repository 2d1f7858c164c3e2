"""The journal against a killed process, a full disk and a failing one."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from allotment.contract.counting import count_lines
from allotment.journal import layout
from allotment.journal.protocol import JournalUnavailableError, Partition
from allotment.journal.segments import SegmentReader, SegmentWriter
from allotment.journal.tally import Tallying

WRITER = Path(__file__).parent / "writer_process.py"
TOPIC = "product_metrics_web_base"
FIRST = Partition(TOPIC, 0)
ROUNDS = 8


def everything(reader: SegmentReader, partition: Partition) -> bytes:
    return reader.read(partition, 0, 1 << 30).data


def test_kill__at_random_moments_under_load__acknowledged_is_there_once_and_nothing_moves(
    tmp_path: Path,
) -> None:
    journal, notes = tmp_path / "journal", tmp_path / "acknowledged"
    reader = SegmentReader(journal)
    dice = random.Random(4711)
    seen = {Partition(TOPIC, 0): b"", Partition("rejected", 0): b""}
    for turn in range(ROUNDS):
        size = notes.stat().st_size if notes.exists() else 0
        arguments = ["load", str(journal), str(notes), str(turn * 10_000_000)]
        process = subprocess.Popen([sys.executable, str(WRITER), *arguments])
        try:
            deadline = time.monotonic() + 60
            while not notes.exists() or notes.stat().st_size == size:
                assert process.poll() is None, "the writer ended by itself"
                assert time.monotonic() < deadline, "the writer acknowledged nothing"
                time.sleep(0.005)
            # The moment is meant to be random: nothing is waited for here.
            time.sleep(dice.random() * 0.15)
            for partition, before in seen.items():
                now = everything(reader, partition)
                assert now.startswith(before), "an offset names other bytes than before"
                seen[partition] = now
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    SegmentWriter(journal).close()  # recovers what the last kill left

    acknowledged = [int(line) for line in notes.read_bytes().split(b"\n")[:-1]]
    found: Counter[int] = Counter()
    for partition, before in seen.items():
        now = everything(reader, partition)
        assert now.startswith(before)
        assert now.endswith(b"\n")
        found.update(orjson.loads(line)["id"] for line in now.splitlines())
    assert len(acknowledged) > ROUNDS * 10
    assert not [n for n in acknowledged if found[n] != 1]
    assert not [n for n, times in found.items() if times != 1]


def test_full_disk__refuses_and_recovers__nothing_unacknowledged_is_readable(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, str(WRITER), "full", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    acknowledged, in_order = done.stdout.split()
    assert in_order == "True"
    assert int(acknowledged) == 32, "zeros that find no room ahead keep no line out"
    ids = [orjson.loads(n)["id"] for n in everything(SegmentReader(tmp_path), FIRST).splitlines()]
    assert ids == [*range(int(acknowledged)), 100_000]


class FailingSync:
    """Stands in for `fdatasync`: no disk here can be told to fail one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.failing = False
        self.descriptors: list[int] = []
        self._real = os.fdatasync
        monkeypatch.setattr(os, "fdatasync", self)

    def __call__(self, descriptor: int) -> None:
        self.descriptors.append(descriptor)
        if self.failing:
            raise OSError(errno.EIO, "Input/output error")
        self._real(descriptor)


def wait_available(writer: SegmentWriter) -> None:
    deadline = time.monotonic() + 60
    while not writer.available:
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("before", [[b'{"n":1}'], []], ids=["in a segment", "in a new segment"])
def test_failed_sync__bytes_never_readable__offsets_go_to_the_next_that_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: list[bytes]
) -> None:
    sync = FailingSync(monkeypatch)
    writer = SegmentWriter(tmp_path, probe_seconds=0.01)
    reader = SegmentReader(tmp_path)
    asyncio.run(writer.append({TOPIC: before}))
    durable = reader.end(FIRST)

    sync.failing = True
    with pytest.raises(JournalUnavailableError, match="Input/output error"):
        asyncio.run(writer.append({TOPIC: [b'{"n":"never acknowledged, rather long"}']}))
    assert reader.end(FIRST) == durable
    sync.failing = False
    wait_available(writer)
    asyncio.run(writer.append({TOPIC: [b'{"n":2}']}))
    writer.close()

    lines = [*before, b'{"n":2}']
    assert everything(reader, FIRST) == b"".join(line + b"\n" for line in lines)
    assert layout.segment_bases(tmp_path / TOPIC / "0000") == sorted({0, durable})


def test_failed_sync__old_file_cannot_be_cut__its_tail_is_still_not_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = FailingSync(monkeypatch)
    writer = SegmentWriter(tmp_path, probe_seconds=0.01)
    asyncio.run(writer.append({TOPIC: [b'{"n":1}']}))

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "ftruncate", refuse)
    sync.failing = True
    with pytest.raises(JournalUnavailableError):
        asyncio.run(writer.append({TOPIC: [b'{"n":"never acknowledged"}']}))
    sync.failing = False
    wait_available(writer)
    asyncio.run(writer.append({TOPIC: [b'{"n":2}'] * 4}))
    writer.close()
    monkeypatch.undo()

    assert b"never" in layout.segment_path(tmp_path / TOPIC / "0000", 0).read_bytes()
    assert everything(SegmentReader(tmp_path), FIRST) == b'{"n":1}\n' + b'{"n":2}\n' * 4
    again = SegmentWriter(tmp_path)
    again.close()
    assert everything(SegmentReader(tmp_path), FIRST) == b'{"n":1}\n' + b'{"n":2}\n' * 4


def test_failed_sync__of_one_topic__callers_of_the_other_are_acknowledged_or_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = FailingSync(monkeypatch)
    writer = SegmentWriter(tmp_path, probe_seconds=0.01)

    async def run() -> list[BaseException | None]:
        sync.failing = True
        return await asyncio.gather(
            *(writer.append({topic: [b"1"]}) for topic in (TOPIC, "rejected") * 5),
            return_exceptions=True,
        )

    answers = asyncio.run(run())
    writer.close()
    assert all(isinstance(answer, JournalUnavailableError) for answer in answers)
    reader = SegmentReader(tmp_path)
    assert not any(everything(reader, partition) for partition in reader.partitions())


def test_probe__held_by_the_disk__event_loop_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = FailingSync(monkeypatch)
    writer = SegmentWriter(
        tmp_path, probe_seconds=0.01, tallying=Tallying(topic="ledger", count=count_lines)
    )
    sync.failing = True
    with pytest.raises(JournalUnavailableError):
        asyncio.run(writer.append({TOPIC: [b"1"]}))
    held, go_on = threading.Event(), threading.Event()
    real = os.fsync

    def hold(descriptor: int) -> None:  # no disk here can be made to hang
        held.set()
        assert go_on.wait(10)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", hold)
    assert held.wait(10)
    counting = threading.Thread(target=writer.count, args=({("a", "", "lost"): 1},))
    counting.start()
    counting.join(5)
    waits = counting.is_alive()
    go_on.set()
    counting.join()
    monkeypatch.undo()
    writer.close()
    assert not waits


REMOVALS = {
    "the whole journal": lambda root: root,
    "the topic": lambda root: root / TOPIC,
    "the segment": lambda root: layout.segment_path(root / TOPIC / "0000", 0),
    "the durable end": lambda root: root / TOPIC / "0000" / layout.SYNCED,
}


@pytest.mark.parametrize("what", REMOVALS.values(), ids=REMOVALS)
def test_removed__under_a_writer__nothing_acknowledged_until_it_is_put_back(
    tmp_path: Path, what: Callable[[Path], Path]
) -> None:
    root = tmp_path / "journal"
    writer = SegmentWriter(root, probe_seconds=0.01)
    asyncio.run(writer.append({TOPIC: [b'{"n":1}']}))
    taken = what(root).rename(tmp_path / "taken away")
    with pytest.raises(JournalUnavailableError, match="removed or replaced"):
        asyncio.run(writer.append({TOPIC: [b'{"n":"never acknowledged"}']}))
    assert not writer.available
    if what(root) != layout.segment_path(root / TOPIC / "0000", 0):  # the next one replaces it
        time.sleep(0.1)  # probed some times meanwhile
        assert not writer.available
    taken.rename(what(root))
    wait_available(writer)
    asyncio.run(writer.append({TOPIC: [b'{"n":2}']}))
    writer.close()
    assert everything(SegmentReader(root), FIRST) == b'{"n":1}\n{"n":2}\n'


def test_removed__and_another_writer_begins_anew__its_files_stay_whole(tmp_path: Path) -> None:
    root = tmp_path / "journal"
    old = SegmentWriter(root, probe_seconds=0.01)
    asyncio.run(old.append({TOPIC: [b'{"n":"old, and rather long"}']}))
    root.rename(tmp_path / "taken away")
    new = SegmentWriter(root)
    asyncio.run(new.append({TOPIC: [b'{"n":1}', b'{"n":2}', b'{"n":3}', b'{"n":4}']}))
    with pytest.raises(JournalUnavailableError):
        asyncio.run(old.append({TOPIC: [b'{"n":"never acknowledged"}']}))
    old.close()
    asyncio.run(new.append({TOPIC: [b'{"n":5}']}))
    new.close()
    found = everything(SegmentReader(root), FIRST).splitlines()
    assert [orjson.loads(line)["n"] for line in found] == [1, 2, 3, 4, 5]
