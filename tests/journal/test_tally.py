"""The writer's tally: it covers what is durable, no more and no less, whatever happens."""

from __future__ import annotations

import asyncio
import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest

from allotment.journal import layout, tally
from allotment.journal.protocol import JournalUnavailableError, Partition
from allotment.journal.segments import SegmentReader, SegmentWriter
from allotment.journal.tally import Count, Counts, Tallying

WRITER = Path(__file__).parent / "writer_process.py"
TOPIC = "product_metrics_web_base"
MINUTE = "2026-11-22T08:15"
ACCEPTED = ("stream", MINUTE, "accepted")
LEDGER = Partition("ledger", 0)
ROUNDS = 6


def count_by_length(topic: str, lines: bytes) -> dict[Count, int]:
    """One stream for each length of a line, so that several lines make several counts."""
    found: Counter[Count] = Counter()
    for line in lines.splitlines():
        found[str(len(line)), MINUTE, topic] += 1
    return dict(found)


def tallying(seconds: float = 3600, size: int = 1 << 30) -> Tallying:
    return Tallying(topic="ledger", count=count_by_length, seconds=seconds, bytes=size)


def open_writer(root: Path, seconds: float = 3600, size: int = 1 << 30) -> SegmentWriter:
    return SegmentWriter(root, probe_seconds=0.01, tallying=tallying(seconds, size))


def put(writer: SegmentWriter, records: Mapping[str, list[bytes]], **counts: Counts) -> None:
    asyncio.run(writer.append(records, counts or None))


def entries(root: Path, number: int = 0) -> list[dict[str, Any]]:
    """What the tallies of a partition number say, without the lines that only carry an end."""
    data = SegmentReader(root).read(Partition("ledger", number), 0, 1 << 30).data
    return [e for e in map(orjson.loads, data.splitlines()) if e["events"] or e["topic"] is None]


def totals(found: Iterable[dict[str, Any]]) -> dict[tuple[str, str], int]:
    total: Counter[tuple[str, str]] = Counter()
    for entry in found:
        total[entry["outcome"], entry["stream"]] += entry["events"]
    return dict(total)


def until(root: Path, events: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 60
    while sum(entry["events"] for entry in entries(root)) < events:
        assert time.monotonic() < deadline, entries(root)
        time.sleep(0.005)
    return entries(root)


def test_close__appended_with_counts__tally_covers_each_topic(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    rejected = ("stream", MINUTE, "invalid")
    put(
        writer,
        {TOPIC: [b'{"n":1}', b'{"n":2}'], "rejected": [b"{}"]},
        **{TOPIC: {ACCEPTED: 2}, "rejected": {rejected: 1}},
    )
    put(writer, {TOPIC: [b'{"n":3}']}, **{TOPIC: {ACCEPTED: 1}})
    assert entries(tmp_path) == []
    writer.close()
    found = entries(tmp_path)
    for entry in found:
        assert entry.pop("recorded").endswith("Z")
    head = {"journal": writer.identity, "partition": 0, "begin": 0, "left": 0}
    names = ("stream", "minute", "outcome")
    assert found == [
        {**head, "topic": TOPIC, "end": 24, "events": 3, **dict(zip(names, ACCEPTED, strict=True))},
        {
            **head,
            "topic": "rejected",
            "end": 3,
            "events": 1,
            **dict(zip(names, rejected, strict=True)),
        },
    ]


def test_append__without_counts__counted_by_the_given_function(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    put(writer, {TOPIC: [b"1", b"22", b"33"]})
    writer.close()
    assert totals(entries(tmp_path)) == {(TOPIC, "1"): 1, (TOPIC, "2"): 2}


@pytest.mark.parametrize("how", [(0.02, 1 << 30), (3600, 10)], ids=["seconds", "bytes"])
def test_tally__when_due__written_without_a_further_append(
    tmp_path: Path, how: tuple[float, int]
) -> None:
    writer = open_writer(tmp_path, *how)
    put(writer, {TOPIC: [b"1" * 20]})
    first = until(tmp_path, 1)
    put(writer, {TOPIC: [b"1" * 20]})
    second = until(tmp_path, 2)
    writer.close()
    assert [(e["begin"], e["end"]) for e in second] == [(0, 21), (21, 42)]
    assert entries(tmp_path) == second
    assert first == second[:1]


def test_count__events_without_lines__in_the_tally_without_topic(tmp_path: Path) -> None:
    writer = open_writer(tmp_path, seconds=0.02)
    writer.count({("stream", MINUTE, "lost"): 3})
    (found,) = until(tmp_path, 3)
    writer.close()
    assert (found["topic"], found["outcome"], found["begin"], found["end"]) == (None, "lost", 0, 0)
    assert entries(tmp_path) == [found]


def test_restart__data_without_tally__counted_again_from_the_lines(tmp_path: Path) -> None:
    plain = SegmentWriter(tmp_path)
    put(plain, {TOPIC: [b"1", b"22"]})
    plain.close()
    writer = open_writer(tmp_path)
    put(writer, {TOPIC: [b"333"], "rejected": [b"1"]})
    writer.close()
    assert totals(entries(tmp_path)) == {
        (TOPIC, "1"): 1,
        (TOPIC, "2"): 1,
        (TOPIC, "3"): 1,
        ("rejected", "1"): 1,
    }
    chained(tmp_path)
    open_writer(tmp_path).close()
    assert sum(e["events"] for e in entries(tmp_path)) == 4, "nothing is counted twice"


@pytest.mark.parametrize("kept", range(4))
def test_restart__tally_cut_off_within_a_stretch__the_rest_is_counted(
    tmp_path: Path, kept: int
) -> None:
    writer = open_writer(tmp_path)
    put(writer, {TOPIC: [b"1", b"22", b"333", b"1"], "rejected": [b"1"]})
    writer.close()
    path = layout.segment_path(tmp_path / "ledger" / "0000", 0)
    whole = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(whole[:kept]) + whole[kept][:7])
    (path.parent / "synced").write_bytes(bytes(8))  # as a power cut leaves it

    open_writer(tmp_path).close()
    assert totals(entries(tmp_path)) == {
        (TOPIC, "1"): 2,
        (TOPIC, "2"): 1,
        (TOPIC, "3"): 1,
        ("rejected", "1"): 1,
    }


def test_restart__tally_trimmed__ends_of_idle_topics_are_still_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "CARRY_BYTES", 1000)
    idle = open_writer(tmp_path)
    put(idle, {"rejected": [b"1"] * 3})
    idle.close()
    writer = SegmentWriter(tmp_path, segment_bytes=2000, tallying=tallying(seconds=0.0))
    for n in range(60):
        put(writer, {TOPIC: [b"%d" % n]})
    writer.close()
    reader = SegmentReader(tmp_path)
    assert reader.trim(LEDGER, reader.end(LEDGER) - 4000) > 4000
    again = open_writer(tmp_path)
    put(again, {TOPIC: [b"x"]})
    again.close()
    kept = reader.read(LEDGER, reader.trim(LEDGER, 0), 1 << 30).data
    assert [e for e in map(orjson.loads, kept.splitlines()) if e["outcome"] == "rejected"] == []


def test_failed_sync_of_one_topic__its_lines_are_not_in_the_tally(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`fdatasync` fails for one file: no disk here can be told to."""
    real = os.fdatasync
    failing = {TOPIC}

    def sync(descriptor: int) -> None:
        if any(
            f"/{topic}/" in str(Path(f"/proc/self/fd/{descriptor}").readlink()) for topic in failing
        ):
            raise OSError(errno.EIO, "Input/output error")
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", sync)
    writer = open_writer(tmp_path, seconds=0.0)
    with pytest.raises(JournalUnavailableError) as refused:
        put(writer, {"rejected": [b"1"], TOPIC: [b"22"]})
    assert refused.value.topics == {TOPIC}
    writer.count({("stream", MINUTE, "lost"): 1})
    failing.clear()
    assert totals(until(tmp_path, 2)) == {("rejected", "1"): 1, ("lost", "stream"): 1}
    failing.add("ledger")
    put(writer, {TOPIC: [b"4444"]})
    deadline = time.monotonic() + 60
    while not writer.failure:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    failing.clear()
    assert totals(until(tmp_path, 3))[TOPIC, "4"] == 1, "a tally that failed is written later"
    writer.close()
    assert sum(e["events"] for e in entries(tmp_path)) == 3


def test_append__its_lines_cannot_be_counted__caller_hears_of_it_and_the_writer_goes_on(
    tmp_path: Path,
) -> None:
    def count(topic: str, lines: bytes) -> dict[Count, int]:
        if b"odd" in lines:
            raise ValueError("odd")
        return count_by_length(topic, lines)

    writer = SegmentWriter(tmp_path, tallying=Tallying(topic="ledger", count=count))
    with pytest.raises(JournalUnavailableError, match="odd"):
        put(writer, {TOPIC: [b"odd"]})
    put(writer, {TOPIC: [b"even"]})
    writer.close()


def test_kill__at_random_moments_under_load__tallies_cover_every_line_once(tmp_path: Path) -> None:
    journal, notes = tmp_path / "journal", tmp_path / "acknowledged"
    dice = random.Random(15)
    for turn in range(ROUNDS):
        size = notes.stat().st_size if notes.exists() else 0
        arguments = ["tally", str(journal), str(notes), str(turn * 10_000_000)]
        process = subprocess.Popen([sys.executable, str(WRITER), *arguments])
        try:
            deadline = time.monotonic() + 60
            while not notes.exists() or notes.stat().st_size == size:
                assert process.poll() is None, "the writer ended by itself"
                assert time.monotonic() < deadline, "the writer acknowledged nothing"
                time.sleep(0.005)
            # The moment is meant to be random: nothing is waited for here.
            time.sleep(dice.random() * 0.1)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    open_writer(journal).close()
    chained(journal)
    reader = SegmentReader(journal)
    lines: Counter[tuple[str, str]] = Counter()
    for partition in reader.partitions():
        if partition.topic != "ledger":
            for line in reader.read(partition, 0, 1 << 30).data.splitlines():
                lines[partition.topic, str(len(line))] += 1
    assert sum(lines.values()) > ROUNDS * 10
    assert totals(entries(journal)) == lines


def chained(root: Path) -> None:
    """Each stretch of a topic begins where the one before ended, the last ends at the end."""
    reader = SegmentReader(root)
    stretches: dict[str, list[tuple[int, int]]] = {}
    for entry in entries(root):
        part = (entry["begin"], entry["end"])
        if part not in (known := stretches.setdefault(entry["topic"], [])):
            known.append(part)
    for topic, parts in stretches.items():
        assert parts[0][0] == 0
        assert all(one[1] == other[0] for one, other in pairwise(parts)), parts
        assert parts[-1][1] == reader.end(Partition(topic, 0))
