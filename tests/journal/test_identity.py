"""Which journal a folder holds, and to which lake it belongs."""

import asyncio
import shutil
from pathlib import Path

import pytest

from allotment.journal.protocol import JournalUnavailableError
from allotment.journal.segments import SegmentReader, SegmentWriter


def test_identity__made_once__the_same_for_every_writer_and_reader(tmp_path: Path) -> None:
    reader = SegmentReader(tmp_path / "journal")
    assert reader.identity() is None
    first, second = SegmentWriter(tmp_path / "journal"), SegmentWriter(tmp_path / "journal")
    assert reader.identity() == first.identity == second.identity
    first.close()
    second.close()
    again = SegmentWriter(tmp_path / "journal")
    again.close()
    assert again.identity == first.identity
    other = SegmentWriter(tmp_path / "other")
    other.close()
    assert other.identity != first.identity


def test_identity__folder_lost__another_journal(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    writer.close()
    shutil.rmtree(tmp_path)
    again = SegmentWriter(tmp_path)
    again.close()
    assert again.identity != writer.identity


def test_identity__missing_beside_segments__refused_with_what_to_do(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path)
    asyncio.run(writer.append({"events": [b"{}"]}))
    writer.close()
    (tmp_path / "identity").unlink()
    with pytest.raises(JournalUnavailableError, match="restore it, or move the whole folder"):
        SegmentWriter(tmp_path)


def test_claim__by_two_lakes__belongs_to_the_first_unless_taken_over(tmp_path: Path) -> None:
    SegmentWriter(tmp_path).close()
    reader = SegmentReader(tmp_path)
    assert reader.owner() is None
    assert reader.claim("one", over=False) == "one"
    assert reader.claim("two", over=False) == "one"
    assert reader.claim("two", over=True) == "two"
    assert SegmentReader(tmp_path).owner() == "two"
