"""How fast the sink moves events into the lake, beside the least that must be done.

    python bench/sink.py [--events 400000]

Both sides run in turn on the same segment files. The least: read the bytes, parse them into the
table's columns, write one Parquet file per 100,000 events; no catalog, no positions, no fsync. The
ratio is the price of exactly-once.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import orjson
import pyarrow.parquet as pq

from allotment.contract.schemas import SchemaRepository, shipped_repository
from allotment.journal.segments import SegmentReader, SegmentWriter
from allotment.lake.catalog import open_catalog
from allotment.lake.parsing import parse_lines
from allotment.lake.sink import Sink
from allotment.lake.tables import event_schemas

TOPIC = "product_metrics_web_base"
URI = "/analytics/product_metrics/web/base/1.3.0"
BATCH_BYTES = 100_000 * 1_100
ROUNDS = 3


def event(number: int) -> bytes:
    """A web base event of about 1 kB with a membership of three experiments."""
    names = [f"experiment-number-{n}" for n in range(3)]
    now = datetime.now(UTC).isoformat()
    return orjson.dumps(
        {
            "$schema": URI,
            "meta": {
                "stream": "product_metrics.web_base",
                "id": str(uuid4()),
                "dt": now,
                "domain": "wiki.example",
            },
            "dt": now,
            "action": "click" if number % 5 == 0 else "impression",
            "element_friendly_name": "related articles",
            "agent": {"client_platform": "mediawiki_js"},
            "page": {"id": number % 1000, "title": "Crop rotation"},
            "experiments": {
                "enrolled": names,
                "assigned": dict.fromkeys(names, "control"),
                "subject_ids": dict.fromkeys(names, f"{number:064x}"),
                "sampling_units": dict.fromkeys(names, "edge-unique"),
                "coordinators": dict.fromkeys(names, "default"),
            },
        }
    )


def fill(folder: Path, events: int) -> None:
    """Put events into a journal."""

    async def append() -> None:
        writer = SegmentWriter(folder)
        for first in range(0, events, 1000):
            await writer.append({TOPIC: [event(n) for n in range(first, first + 1000)]})
        writer.close()

    asyncio.run(append())


def least(folder: Path, out: Path) -> int:
    """Parse and write, nothing else; how many rows."""
    schema = event_schemas(SchemaRepository([shipped_repository()]))[TOPIC]
    reader = SegmentReader(folder)
    (partition,) = [p for p in reader.partitions() if p.topic == TOPIC]
    start = rows = 0
    while (batch := reader.read(partition, start, BATCH_BYTES)).data:
        parsed = parse_lines(batch.data, batch.start, schema)
        pq.write_table(parsed.rows, out / f"{start}.parquet", compression="zstd")
        start, rows = batch.end, rows + parsed.rows.num_rows
    return rows


def sink(folder: Path, lake: Path) -> int:
    """The sink as it runs in the lab; how many rows."""
    with closing(open_catalog(lake)) as catalog:
        moving = Sink(
            SegmentReader(folder),
            catalog,
            event_schemas(SchemaRepository([shipped_repository()])),
        )
        rows = 0
        while moved := moving.step():
            rows += moved
    return rows


def main() -> None:
    """Run both sides in turn and print events per second and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=400_000)
    events = parser.parse_args().events
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"filling a journal with {events:,} events …", flush=True)
        fill(folder / "journal", events)
        ratios = []
        for number in range(ROUNDS):
            (folder / f"out-{number}").mkdir()
            begun = time.perf_counter()
            assert least(folder / "journal", folder / f"out-{number}") == events
            middle = time.perf_counter()
            assert sink(folder / "journal", folder / f"lake-{number}") == events
            end = time.perf_counter()
            ratios.append((end - middle) / (middle - begun))
            print(
                f"least {events / (middle - begun):>9,.0f} events/s   "
                f"sink {events / (end - middle):>9,.0f} events/s   ratio {ratios[-1]:.2f}"
            )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"the sink takes {sorted(ratios)[ROUNDS // 2]:.2f} times the least; peak {peak:.0f} MB"
        )


if __name__ == "__main__":
    main()
