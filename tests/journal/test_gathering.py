"""What comes close together is one commit, what comes alone does not wait, nothing is left."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest

from allotment.journal.gathering import GATHER_APPENDS, GATHER_SECONDS
from allotment.journal.protocol import JournalUnavailableError, Partition
from allotment.journal.segments import SegmentReader, SegmentWriter

TOPIC = "product_metrics_web_base"
both_ways = pytest.mark.parametrize("inline_seconds", [60.0, 0.0], ids=["inline", "by thread"])
"""Each group is committed by the event loop, or by the journal's thread."""


class Syncs:
    """Counts syncs, and makes each as slow as that of a real disk without a cache."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float = 0.0) -> None:
        self.number = 0
        self._seconds = seconds
        self._real = os.fdatasync
        monkeypatch.setattr(os, "fdatasync", self)

    def __call__(self, descriptor: int) -> None:
        self.number += 1
        time.sleep(self._seconds)  # no disk here is that slow
        self._real(descriptor)


def submitted(writer: SegmentWriter, records: dict[str, list[bytes]]) -> asyncio.Future[None]:
    """Hand records in at once; the future ends when they are durable."""
    done = asyncio.get_running_loop().create_future()

    def told(error: JournalUnavailableError | None) -> None:
        if not done.done():
            done.set_exception(error) if error else done.set_result(None)

    writer.submit(records, None, told)
    return done


def lines(journal: Path) -> list[bytes]:
    return SegmentReader(journal).read(Partition(TOPIC, 0), 0, 1 << 30).data.splitlines()


@both_ways
def test_submit__many_in_one_turn__one_commit(
    tmp_path: Path, inline_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = SegmentWriter(tmp_path, inline_seconds=inline_seconds)

    async def run() -> None:
        await writer.append({TOPIC: [b"0"]})
        syncs = Syncs(monkeypatch)
        await asyncio.gather(*(submitted(writer, {TOPIC: [b"%d" % n]}) for n in range(1, 200)))
        assert syncs.number == 1

    asyncio.run(run())
    writer.close()
    assert lines(tmp_path) == [b"%d" % n for n in range(200)]


def test_submit__while_a_commit_is_under_way__all_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = SegmentWriter(tmp_path, inline_seconds=0)
    syncs = Syncs(monkeypatch, 0.2)

    async def run() -> None:
        first = submitted(writer, {TOPIC: [b"0"]})
        await asyncio.sleep(0.05)
        later = [submitted(writer, {TOPIC: [b"1"]}) for _ in range(5 * GATHER_APPENDS)]
        await first
        assert not any(each.done() for each in later)
        await asyncio.gather(*later)
        assert syncs.number == 2

    asyncio.run(run())
    writer.close()


@both_ways
def test_submit__alone_after_a_pause__does_not_wait_for_others(
    tmp_path: Path, inline_seconds: float
) -> None:
    writer = SegmentWriter(tmp_path, inline_seconds=inline_seconds, gather_seconds=30)

    async def run() -> None:
        await asyncio.wait_for(submitted(writer, {TOPIC: [b"0"]}), 10)

    asyncio.run(run())
    writer.close()


@both_ways
def test_submit__enough_together__do_not_wait_for_the_time(
    tmp_path: Path, inline_seconds: float
) -> None:
    writer = SegmentWriter(tmp_path, inline_seconds=inline_seconds, gather_seconds=30)

    async def run() -> None:
        await submitted(writer, {TOPIC: [b"0"]})
        few = [submitted(writer, {TOPIC: [b"1"]}) for _ in range(GATHER_APPENDS - 1)]
        await asyncio.sleep(0.1)
        assert not any(each.done() for each in few)
        await asyncio.wait_for(submitted(writer, {TOPIC: [b"1"]}), 10)
        assert all(each.done() for each in few)

    asyncio.run(run())
    writer.close()


@both_ways
def test_submit__one_at_a_time__as_often_as_the_bound_allows(
    tmp_path: Path, inline_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = SegmentWriter(tmp_path, inline_seconds=inline_seconds)
    syncs = Syncs(monkeypatch)

    async def run() -> None:
        started = time.monotonic()
        for _ in range(20):
            await writer.append({TOPIC: [b"0"]})
        assert time.monotonic() - started > 10 * GATHER_SECONDS

    asyncio.run(run())
    writer.close()
    assert syncs.number == 20


@both_ways
def test_close__gathered_and_not_yet_handed_over__durable(
    tmp_path: Path, inline_seconds: float
) -> None:
    writer = SegmentWriter(tmp_path, inline_seconds=inline_seconds, gather_seconds=30)

    async def run() -> None:
        await writer.append({TOPIC: [b"0"]})
        waiting = submitted(writer, {TOPIC: [b"1"]})
        writer.close()
        await asyncio.wait_for(waiting, 10)
        with pytest.raises(JournalUnavailableError, match="closed"):
            await writer.append({TOPIC: [b"2"]})

    asyncio.run(run())
    assert lines(tmp_path) == [b"0", b"1"]


@both_ways
def test_submit__queue_full_of_what_is_gathered__refused_and_in_time_taken_again(
    tmp_path: Path,
    inline_seconds: float,
) -> None:
    writer = SegmentWriter(tmp_path, inline_seconds=inline_seconds, queue_bytes=100)

    async def run() -> None:
        first = submitted(writer, {TOPIC: [b"1" * 80]})
        with pytest.raises(JournalUnavailableError, match="81 bytes wait"):
            await submitted(writer, {TOPIC: [b"2" * 80]})
        await first
        await submitted(writer, {TOPIC: [b"3" * 80]})

    asyncio.run(run())
    writer.close()
    assert len(lines(tmp_path)) == 2


@both_ways
def test_submit__client_has_gone__the_others_are_told(
    tmp_path: Path, inline_seconds: float
) -> None:
    writer = SegmentWriter(tmp_path, inline_seconds=inline_seconds)

    async def run() -> None:
        gone, stays = submitted(writer, {TOPIC: [b"1"]}), submitted(writer, {TOPIC: [b"2"]})
        gone.cancel()
        await asyncio.wait_for(stays, 10)

    asyncio.run(run())
    writer.close()
    assert lines(tmp_path) == [b"1", b"2"]


class Committing:
    """Which thread commits, and how long each commit takes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        self.inline: list[bool] = []
        monkeypatch.setattr(os, "fdatasync", self)

    def __call__(self, descriptor: int) -> None:
        self.inline.append(threading.current_thread() is threading.main_thread())
        # Not the disk's own time: a disk that others use now may be slow as well.
        time.sleep(self.seconds)


def test_submit__disk_slow_and_quick_again__a_thread_commits_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = SegmentWriter(tmp_path, inline_seconds=0.5)
    committing = Committing(monkeypatch)

    async def run() -> None:
        await writer.append({TOPIC: [b"0"]})
        committing.seconds = 0.6
        await writer.append({TOPIC: [b"1"]})  # only then is it known to be slow
        turns, later = 0, submitted(writer, {TOPIC: [b"2"]})
        while not later.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert turns > 3  # the loop was not held up
        committing.seconds = 0.0
        await writer.append({TOPIC: [b"3"]})
        await writer.append({TOPIC: [b"4"]})

    asyncio.run(run())
    writer.close()
    assert committing.inline == [True, True, False, False, True]
    assert lines(tmp_path) == [b"0", b"1", b"2", b"3", b"4"]


@both_ways
def test_submit__who_waits_fails__the_others_are_told(
    tmp_path: Path, inline_seconds: float
) -> None:
    writer = SegmentWriter(tmp_path, inline_seconds=inline_seconds)
    faults: list[object] = []

    def fail(_: object) -> None:
        raise ZeroDivisionError

    async def run() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))
        writer.submit({TOPIC: [b"1"]}, None, fail)
        await asyncio.wait_for(submitted(writer, {TOPIC: [b"2"]}), 10)

    asyncio.run(run())
    writer.close()
    assert [type(fault) for fault in faults] == [ZeroDivisionError]
    assert lines(tmp_path) == [b"1", b"2"]
