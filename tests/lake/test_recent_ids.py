"""Which ids are known: by hashes that are the same for rows in memory and in files."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from allotment.lake.recent_ids import Hasher, RecentIds


def rows(*pairs: tuple[str | None, str | None]) -> pa.Table:
    meta = pa.struct([pa.field("stream", pa.string()), pa.field("id", pa.string())])
    made = [{"meta": {"stream": stream, "id": name}} for stream, name in pairs]
    return pa.Table.from_pylist(made, schema=pa.schema([pa.field("meta", meta)]))


def hashes(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.uint64)


def test_hasher__rows_and_their_file__same_hashes(tmp_path: Path) -> None:
    some = rows(("a", "1"), ("b", "1"), ("a", None), (None, "1"), ("a", "2"), ("a", "1"))
    pq.write_table(some, tmp_path / "rows.parquet")
    hasher = Hasher()
    found = hasher.of_rows(some)
    assert found.rows.tolist() == [0, 1, 3, 4, 5]
    assert found.hashes[0] == found.hashes[4]
    assert len(set(found.hashes.tolist())) == 4
    of_file = hasher.of_files([str(tmp_path / "rows.parquet")])
    assert sorted(of_file) == sorted(found.hashes)
    assert len(hasher.of_files([])) == 0
    hasher.close()


@given(st.lists(st.tuples(st.lists(st.integers(0, 12), max_size=6), st.floats(0, 30)), max_size=12))
@settings(max_examples=200, deadline=None)
def test_recent_ids__any_sequence__as_a_plain_dictionary_says(
    batches: list[tuple[list[int], float]],
) -> None:
    recent, model = RecentIds(most=1000, seconds=60), dict[int, float]()
    now = 0.0
    for numbers, pause in batches:
        now += pause
        expected = []
        for place, number in enumerate(numbers):
            known = number in model and model[number] > now - 60
            expected.append(known or number in numbers[:place])
        seen = recent.seen(hashes(*numbers), now)
        assert seen.tolist() == expected
        recent.add(hashes(*numbers)[~seen], now)
        model.update({n: now for n, was in zip(numbers, expected, strict=True) if not was})


def test_recent_ids__too_many__the_oldest_go() -> None:
    recent = RecentIds(most=80, seconds=1e9)
    for number in range(500):
        recent.add(hashes(number), float(number))
        assert len(recent) <= 80
    assert recent.seen(hashes(*range(440, 500)), 500.0).all()
    recent.add(np.arange(1000, 1300, dtype=np.uint64), 501.0)  # more than that at one moment
    assert 60 <= len(recent) <= 80


def test_recent_ids__window_long_over__memory_is_given_back() -> None:
    recent = RecentIds(most=1000, seconds=60)
    recent.add(np.arange(500, dtype=np.uint64), 0.0)
    recent.add(hashes(9999), 100.0)
    assert len(recent) == 1
