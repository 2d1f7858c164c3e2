"""Whether the intake's memory stays flat under a long load.

    python bench/intake_soak.py [--minutes 10] [--share 0.8] [--connections 32]

It finds the peak of a mixture (single events, batches of 10, and hasty batches of 10), sends at a
share of it, and prints the resident memory every few seconds. Flat is: after a warm-up of a tenth
of the time, every sample within 10% of their median.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from statistics import median

import intake_load
import intake_sides
import uvloop
from intake_sides import Side

SAMPLES = 60
LOADS = ((0.6, 1, ""), (0.2, 10, ""), (0.2, 10, "?hasty=true"))
"""Share of the requests, events in each, query."""
_FLAT = 0.1


def memory_mib(pid: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def requests() -> list[bytes]:
    """One for each of the loads."""
    event = intake_sides.typical_event()
    return [
        intake_load.post(json.dumps([event] * batch if batch > 1 else event).encode(), query)
        for _, batch, query in LOADS
    ]


async def peak(side: Side, connections: int) -> float:
    """Requests a second of the mixture, as many as go."""
    loads = (
        intake_load.closed(
            side.port,
            side.pid,
            request,
            batch,
            connections=max(1, int(connections * share)),
            seconds=5,
        )
        for (share, batch, _), request in zip(LOADS, requests(), strict=True)
    )
    found = await asyncio.gather(*loads)
    return sum(result.requests / result.seconds for result in found)


async def soak(side: Side, rate: float, connections: int, seconds: float) -> list[float]:
    """The memory over time, in MiB."""
    samples: list[float] = []

    async def watch() -> None:
        started = time.monotonic()
        for number in range(1, SAMPLES + 1):
            await asyncio.sleep(started + number * seconds / SAMPLES - time.monotonic())
            samples.append(memory_mib(side.pid))
            print(f"{number * seconds / SAMPLES:>7.0f} s {samples[-1]:>8.1f} MiB", flush=True)

    loads = (
        intake_load.paced(
            side.port,
            side.pid,
            request,
            batch,
            connections=connections,
            seconds=seconds,
            rate=rate * share,
        )
        for (share, batch, _), request in zip(LOADS, requests(), strict=True)
    )
    watching = asyncio.create_task(watch())
    found = await asyncio.gather(*loads)
    await watching
    events = sum(result.events for result in found)
    slowest = max(result.percentile(0.99) for result in found)
    refused = sum(result.refused for result in found)
    print(f"{events:,} events, {refused:,} requests answered 503, p99 {slowest:.1f} ms")
    return samples


def main() -> None:
    """Run it; exit with 1 where memory is not flat."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--share", type=float, default=0.8)
    parser.add_argument("--connections", type=int, default=32)
    chosen = parser.parse_args()
    with intake_sides.intake() as side:
        most = uvloop.run(peak(side, chosen.connections))
        print(f"peak {most:,.0f} requests/s; sending {most * chosen.share:,.0f}", flush=True)
        samples = uvloop.run(
            soak(side, most * chosen.share, chosen.connections, chosen.minutes * 60)
        )
    settled = samples[SAMPLES // 10 :]
    middle = median(settled)
    spread = max(abs(sample / middle - 1) for sample in settled)
    verdict = "flat" if spread <= _FLAT else "NOT flat"
    print(f"{verdict}: median {middle:.1f} MiB, largest deviation {spread:.1%}")
    sys.exit(spread > _FLAT)


if __name__ == "__main__":
    main()
