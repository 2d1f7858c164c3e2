"""Segments that are closed for their age, so that what was read of them can be dropped."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from allotment.journal import layout
from allotment.journal.protocol import Partition
from allotment.journal.segments import SegmentReader, SegmentWriter

AGED, OTHER = "sealed", "clicks"
LINE = b'{"n":1}'
SECONDS = 0.05


def put(writer: SegmentWriter, *topics: str) -> None:
    asyncio.run(writer.append({topic: [LINE] for topic in topics}))


def bases(root: Path, topic: str = AGED, number: int = 0) -> list[int]:
    return layout.segment_bases(root / topic / f"{number:04d}")


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def is_free(root: Path, number: int) -> bool:
    lock = layout.lock_partition(root, number)
    if lock is not None:
        os.close(lock)
    return lock is not None


def aging(root: Path, seconds: float = SECONDS) -> SegmentWriter:
    return SegmentWriter(root, aging={AGED}, age_seconds=seconds)


def test_age__nothing_more_comes__segment_is_closed_and_can_be_dropped(tmp_path: Path) -> None:
    writer, reader = aging(tmp_path), SegmentReader(tmp_path)
    put(writer, AGED, OTHER)
    wait_until(lambda: len(bases(tmp_path)) > 1)
    partition = Partition(AGED, 0)
    assert bases(tmp_path) == [0, 8]
    assert reader.trim(partition, 8) == 8
    assert [f.stat().st_size for f in tmp_path.rglob(f"{AGED}/**/*.ndjson")] == [0]
    put(writer, AGED)
    assert reader.read(partition, 8, 1000).data == LINE + b"\n"
    wait_until(lambda: bases(tmp_path)[-1] == 16)
    writer.close()
    assert bases(tmp_path, OTHER) == [0], "other topics wait until they are full"


def test_age__empty_segment__is_left_alone(tmp_path: Path) -> None:
    writer = aging(tmp_path)
    put(writer, AGED)
    wait_until(lambda: len(bases(tmp_path)) > 1)
    place = layout.segment_path(tmp_path / AGED / "0000", 8)
    was = place.stat()
    time.sleep(5 * SECONDS)  # nothing tells that nothing happens
    assert (place.stat().st_ino, bases(tmp_path)) == (was.st_ino, [0, 8])
    writer.close()


def test_age__young_segment__stays(tmp_path: Path) -> None:
    writer = aging(tmp_path, 3600)
    for _ in range(3):
        put(writer, AGED)
    writer.close()
    assert bases(tmp_path) == [0]


def test_age__of_before_the_start__is_old(tmp_path: Path) -> None:
    """However young: how long ago its first line was written is not known any more."""
    for _ in range(2):
        writer = aging(tmp_path, 3600)
        put(writer, AGED)
        writer.close()
    writer = aging(tmp_path, 3600)
    wait_until(lambda: bases(tmp_path)[-1] == 16)
    writer.close()
    reader = SegmentReader(tmp_path)
    assert reader.read(Partition(AGED, 0), 0, 1000).data == 2 * (LINE + b"\n")


def test_age__partition_without_a_writer__is_closed_too_and_goes_on(tmp_path: Path) -> None:
    first, second, third = (SegmentWriter(tmp_path) for _ in range(3))
    for each in (first, second, third):
        put(each, AGED, OTHER)
    first.close()
    second.close()
    writer = aging(tmp_path)
    wait_until(lambda: len(bases(tmp_path, number=1)) > 1)
    assert bases(tmp_path, number=1) == [0, 8]
    assert bases(tmp_path, number=2) == [0], "that one has a writer, who sees to it himself"
    assert bases(tmp_path, OTHER, 1) == [0]
    wait_until(lambda: is_free(tmp_path, 1))
    again = SegmentWriter(tmp_path)
    assert again.number == 1
    put(again, AGED)
    assert SegmentReader(tmp_path).read(Partition(AGED, 1), 0, 99).data == 2 * (LINE + b"\n")
    for each in (writer, again, third):
        each.close()


def test_age__no_segment_can_be_begun__told_and_appends_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder stands where the new segment would lie: not even root can put a file there."""
    writer = aging(tmp_path, 0.2)
    with caplog.at_level(logging.WARNING):
        for lines in itertools.count(1):
            put(writer, AGED)
            obstacle = layout.segment_path(tmp_path / AGED / "0000", 8 * lines)
            with suppress(FileExistsError):  # it was late: the next segment is begun already
                obstacle.mkdir()
                break
        wait_until(lambda: "no new segment could be begun" in caplog.text)
    obstacle.rmdir()
    put(writer, AGED)
    assert writer.available
    writer.close()
    found = SegmentReader(tmp_path).read(Partition(AGED, 0), 0, 1 << 20).data
    assert found == (lines + 1) * (LINE + b"\n")


def test_age__line_that_a_crash_left_unpublished__is_old_too(tmp_path: Path) -> None:
    writer = aging(tmp_path, seconds=60)
    put(writer, AGED)
    writer.close()
    (tmp_path / AGED / "0000" / layout.SYNCED).write_bytes(bytes(8))
    writer = aging(tmp_path, seconds=60)
    wait_until(lambda: bases(tmp_path) == [0, 8])
    writer.close()
