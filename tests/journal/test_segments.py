"""The segment journal on real files: order, durability, failure, recovery."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from allotment.journal import layout
from allotment.journal.partition_log import AHEAD_BYTES
from allotment.journal.protocol import JournalUnavailableError, Partition
from allotment.journal.segments import SegmentReader, SegmentWriter

TOPIC = "product_metrics_web_base"
FIRST = Partition(TOPIC, 0)


def put(writer: SegmentWriter, *records: bytes, topic: str = TOPIC) -> None:
    asyncio.run(writer.append({topic: records}))


def everything(reader: SegmentReader, partition: Partition = FIRST, start: int = 0) -> bytes:
    return reader.read(partition, start, 1 << 30).data


def folder(root: Path) -> Path:
    return root / TOPIC / "0000"


def test_append__two_topics__each_reads_back_its_own(tmp_path: Path) -> None:
    writer, reader = SegmentWriter(tmp_path), SegmentReader(tmp_path)

    asyncio.run(writer.append({TOPIC: [b'{"n":1}', b'{"n":2}'], "rejected": [b'{"r":1}']}))

    assert list(reader.partitions()) == [FIRST, Partition("rejected", 0)]
    batch = reader.read(FIRST, 0, 1000)
    assert (batch.start, batch.end, batch.data) == (0, 16, b'{"n":1}\n{"n":2}\n')
    assert everything(reader, Partition("rejected", 0)) == b'{"r":1}\n'
    assert reader.read(FIRST, 16, 1000).data == b""
    writer.close()


def test_append__many_at_once__all_found_in_order_of_each_caller(tmp_path: Path) -> None:
    writer, reader = SegmentWriter(tmp_path), SegmentReader(tmp_path)

    async def caller(name: int) -> None:
        for n in range(50):
            await writer.append({TOPIC: [b"[%d,%d]" % (name, n)]})

    async def run() -> None:
        await asyncio.gather(*(caller(name) for name in range(20)))

    asyncio.run(run())
    writer.close()
    lines = everything(reader).splitlines()
    assert len(lines) == 1000
    for name in range(20):
        mine = [line for line in lines if line.startswith(b"[%d," % name)]
        assert mine == [b"[%d,%d]" % (name, n) for n in range(50)]


def test_append__nothing__returns_and_makes_no_topic(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    asyncio.run(writer.append({TOPIC: []}))
    assert list(SegmentReader(tmp_path).partitions()) == []
    writer.close()


def test_append__bad_topic_name__refused_and_journal_stays_available(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    with pytest.raises(JournalUnavailableError, match="lower-case"):
        put(writer, b"{}", topic="../outside")
    assert writer.available
    put(writer, b"{}")
    writer.close()
    assert [p.name for p in tmp_path.iterdir()] != ["outside"]


def test_append__queue_full__refused(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, queue_bytes=1000)

    async def run() -> list[BaseException | None]:
        return await asyncio.gather(
            *(writer.append({TOPIC: [b"1" * 400]}) for _ in range(200)), return_exceptions=True
        )

    answers = asyncio.run(run())
    refused = [a for a in answers if isinstance(a, JournalUnavailableError)]
    writer.close()
    assert refused
    assert len(everything(SegmentReader(tmp_path)).splitlines()) == 200 - len(refused)


def test_append__after_close__refused(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    writer.close()
    assert not writer.available
    with pytest.raises(JournalUnavailableError, match="closed"):
        put(writer, b"{}")


def test_roll__segments_named_by_offset__read_as_one(tmp_path: Path) -> None:
    writer, reader = SegmentWriter(tmp_path, segment_bytes=20), SegmentReader(tmp_path)
    for n in range(9):
        put(writer, b'{"n":%d}' % n)  # 8 bytes a line: a segment takes three
    writer.close()

    assert layout.segment_bases(folder(tmp_path)) == [0, 24, 48]
    expected = b"".join(b'{"n":%d}\n' % n for n in range(9))
    assert everything(reader) == expected
    assert everything(reader, start=16) == expected[16:]


def test_read__max_bytes__cuts_at_a_line_and_gives_at_least_one(tmp_path: Path) -> None:
    writer, reader = SegmentWriter(tmp_path, segment_bytes=20), SegmentReader(tmp_path)
    long = b'"' + b"x" * 200_000 + b'"'
    put(writer, b'{"n":1}', b'{"n":2}', long, b'{"n":3}')
    writer.close()

    assert reader.read(FIRST, 0, 15).data == b'{"n":1}\n'
    assert reader.read(FIRST, 0, 16).data == b'{"n":1}\n{"n":2}\n'
    assert reader.read(FIRST, 16, 10).data == long + b"\n"
    assert reader.read(FIRST, 0, 0).data == b'{"n":1}\n'


def test_read__in_steps__gives_every_line_once(tmp_path: Path) -> None:
    writer, reader = SegmentWriter(tmp_path, segment_bytes=100), SegmentReader(tmp_path)
    for n in range(200):
        put(writer, b'{"n":%d}' % n)
    writer.close()
    found, position = b"", 0
    while batch := reader.read(FIRST, position, 37).data:
        assert batch.endswith(b"\n")
        found += batch
        position += len(batch)
    assert found == everything(reader)
    assert found.count(b"\n") == 200


def test_read__outside_what_is_kept__says_so(tmp_path: Path) -> None:
    writer, reader = SegmentWriter(tmp_path, segment_bytes=8), SegmentReader(tmp_path)
    for n in range(3):
        put(writer, b'{"n":%d}' % n)
    writer.close()
    with pytest.raises(LookupError, match="durable end 24"):
        reader.read(FIRST, 25, 10)
    reader.trim(FIRST, 8)
    with pytest.raises(LookupError, match="oldest byte kept, 8"):
        reader.read(FIRST, 0, 10)


def test_read__unwritten_partition__is_empty(tmp_path: Path) -> None:
    reader = SegmentReader(tmp_path / "absent")
    assert list(reader.partitions()) == []
    assert reader.end(FIRST) == 0
    assert reader.read(FIRST, 0, 10).data == b""


def test_read__bytes_beyond_synced__never_seen(tmp_path: Path) -> None:
    writer, reader = SegmentWriter(tmp_path), SegmentReader(tmp_path)
    put(writer, b'{"n":1}')
    with layout.segment_path(folder(tmp_path), 0).open("ab") as file:
        file.write(b'{"n":"written, not synced"}\n')

    assert everything(reader) == b'{"n":1}\n'
    assert reader.end(FIRST) == 8
    writer.close()


def test_read__segment_shorter_than_synced__says_what_is_lost(tmp_path: Path) -> None:
    writer, reader = SegmentWriter(tmp_path), SegmentReader(tmp_path)
    put(writer, b'{"n":1}', b'{"n":2}')
    writer.close()
    with layout.segment_path(folder(tmp_path), 0).open("r+b") as file:
        file.truncate(8)

    assert everything(reader) == b'{"n":1}\n'
    with pytest.raises(LookupError, match="lost"):
        everything(reader, start=8)
    again = SegmentWriter(tmp_path)
    put(again, b'{"n":3}')
    again.close()
    assert everything(reader, start=16) == b'{"n":3}\n', "lost offsets are not given out again"


def test_trim__what_crashes_left__goes_with_the_segments_before_it(tmp_path: Path) -> None:
    """Half a line of secrets must not outlive the whole ones."""
    for crash in (b'{"n":"half', b'{"n":"late'):
        writer = SegmentWriter(tmp_path, segment_bytes=16)
        put(writer, b'{"n":1}', b'{"n":2}')
        put(writer, b'{"n":3}')
        writer.close()
        (*_, last) = sorted(folder(tmp_path).glob("*.ndjson"))
        with last.open("ab") as file:
            file.write(crash)
    SegmentWriter(tmp_path, segment_bytes=16).close()
    reader = SegmentReader(tmp_path)
    torn = sorted(path.name for path in folder(tmp_path).glob("*.torn"))
    assert torn == [f"{24:020d}.torn", f"{48:020d}.torn"]
    assert reader.trim(FIRST, 20) == 16
    assert len(list(folder(tmp_path).glob("*.torn"))) == 2
    assert reader.trim(FIRST, 40) == 40
    assert [path.name for path in folder(tmp_path).glob("*.torn")] == torn[1:]


def test_trim__only_whole_segments_before__and_never_the_last(tmp_path: Path) -> None:
    writer, reader = SegmentWriter(tmp_path, segment_bytes=16), SegmentReader(tmp_path)
    for n in range(6):
        put(writer, b'{"n":%d}' % n)
    assert layout.segment_bases(folder(tmp_path)) == [0, 16, 32]

    assert reader.trim(FIRST, 15) == 0
    assert reader.trim(FIRST, 17) == 16
    assert reader.trim(FIRST, 1000) == 32
    assert everything(reader, start=32) == b'{"n":4}\n{"n":5}\n'
    put(writer, b'{"n":6}')
    writer.close()
    assert everything(reader, start=32) == b'{"n":4}\n{"n":5}\n{"n":6}\n'


def test_two_writers__side_by_side__own_partitions_and_reuse_after_close(tmp_path: Path) -> None:
    first, second = SegmentWriter(tmp_path), SegmentWriter(tmp_path)
    put(first, b'{"w":1}')
    put(second, b'{"w":2}')
    reader = SegmentReader(tmp_path)
    assert list(reader.partitions()) == [FIRST, Partition(TOPIC, 1)]
    assert everything(reader) == b'{"w":1}\n'
    assert everything(reader, Partition(TOPIC, 1)) == b'{"w":2}\n'

    first.close()
    third = SegmentWriter(tmp_path)
    assert (second.number, third.number) == (1, 0)
    put(third, b'{"w":3}')
    assert everything(reader) == b'{"w":1}\n{"w":3}\n'
    second.close()
    third.close()


def test_restart__clean__goes_on_in_the_same_segment(tmp_path: Path) -> None:
    for n in range(3):
        writer = SegmentWriter(tmp_path)
        put(writer, b'{"n":%d}' % n)
        writer.close()
    assert layout.segment_bases(folder(tmp_path)) == [0]
    assert everything(SegmentReader(tmp_path)) == b'{"n":0}\n{"n":1}\n{"n":2}\n'


@pytest.mark.parametrize(
    ("tail", "kept"),
    [
        (b'{"n":2', b""),
        (b'{"n":2}\n', b'{"n":2}\n'),
        (b'{"n":2}\n{"n":', b'{"n":2}\n'),
        (b'{"n":2}\n{"n":\n{"n":4}\n', b'{"n":2}\n'),
        (bytes(4096), b""),
        (b'{"n":2}\n' + bytes(50) + b"\n", b'{"n":2}\n'),
        (b'{"n":2}\n' + bytes(3), b'{"n":2}\n'),
        (b'{"n":2' + bytes(3), b""),
        (bytes(3) + b'{"n":2}\n' + bytes(3), b""),
    ],
)
def test_restart__torn_tail__cut_after_the_last_whole_line_and_kept_aside(
    tmp_path: Path, tail: bytes, kept: bytes
) -> None:
    writer = SegmentWriter(tmp_path)
    put(writer, b'{"n":1}')
    writer.close()
    with layout.segment_path(folder(tmp_path), 0).open("ab") as file:
        file.write(tail)

    writer, reader = SegmentWriter(tmp_path), SegmentReader(tmp_path)
    assert everything(reader) == b'{"n":1}\n' + kept
    put(writer, b'{"n":9}')
    writer.close()

    assert everything(reader) == b'{"n":1}\n' + kept + b'{"n":9}\n'
    torn = b"".join(path.read_bytes() for path in folder(tmp_path).glob("*.torn"))
    assert torn == tail[len(kept) :].rstrip(b"\0"), "zeros are what a writer puts ahead"


def test_append__zeros_ahead__file_grows_seldom_and_is_cut_when_closed(tmp_path: Path) -> None:
    writer, reader = SegmentWriter(tmp_path), SegmentReader(tmp_path)
    sizes = set()
    for n in range(9):
        put(writer, b'{"n":%d}' % n)
        sizes.add(layout.segment_path(folder(tmp_path), 0).stat().st_size)
        assert everything(reader) == b"".join(b'{"n":%d}\n' % m for m in range(n + 1))
    assert sizes == {8 + AHEAD_BYTES}
    put(writer, b"1" * AHEAD_BYTES)
    assert layout.segment_path(folder(tmp_path), 0).stat().st_size == 73 + 2 * AHEAD_BYTES
    writer.close()
    assert layout.segment_path(folder(tmp_path), 0).stat().st_size == 73 + AHEAD_BYTES


def test_append__small_segments__no_zeros_beyond_their_size(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path, segment_bytes=20)
    for n in range(4):
        put(writer, b'{"n":%d}' % n)
    sizes = [path.stat().st_size for path in sorted(folder(tmp_path).glob("*.ndjson"))]
    assert sizes == [24, 20]
    writer.close()


def test_restart__after_a_kill__zeros_ahead_are_used_on(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    put(writer, b'{"n":1}')
    file = layout.segment_path(folder(tmp_path), 0)
    as_killed = file.read_bytes()
    writer.close()
    file.write_bytes(as_killed)
    writer = SegmentWriter(tmp_path)
    put(writer, b'{"n":2}')
    assert file.read_bytes() == b'{"n":1}\n{"n":2}\n' + bytes(AHEAD_BYTES - 8)
    writer.close()
    assert [path.name for path in folder(tmp_path).iterdir() if path.name != "synced"] == [
        file.name
    ]


def test_restart__first_segment_unsynced__starts_clean(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    put(writer, b'{"n":1}')
    writer.close()
    (folder(tmp_path) / "synced").write_bytes(bytes(8))
    layout.segment_path(folder(tmp_path), 0).write_bytes(b'{"n"')

    writer = SegmentWriter(tmp_path)
    put(writer, b'{"n":2}')
    writer.close()
    assert everything(SegmentReader(tmp_path)) == b'{"n":2}\n'


@pytest.mark.parametrize("stored", [None, b"", bytes(8), (8).to_bytes(8, "little")])
def test_restart__published_end_lags_after_power_cut__durable_lines_are_found_again(
    tmp_path: Path, stored: bytes | None
) -> None:
    writer = SegmentWriter(tmp_path, segment_bytes=16)
    for n in range(5):
        put(writer, b'{"n":%d}' % n)
    writer.close()
    synced = folder(tmp_path) / "synced"
    if stored is None:
        synced.unlink()
    else:
        synced.write_bytes(stored)

    writer = SegmentWriter(tmp_path)
    put(writer, b'{"n":5}')
    writer.close()
    assert everything(SegmentReader(tmp_path)) == b"".join(b'{"n":%d}\n' % n for n in range(6))


def test_synced__on_disk__is_little_endian(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    put(writer, b'"' + b"x" * 997 + b'"')
    writer.close()
    assert (folder(tmp_path) / "synced").read_bytes() == (1000).to_bytes(8, "little")
