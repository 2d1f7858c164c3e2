"""How much the intake takes on this machine, beside its limit and beside a peer in Node.

    python bench/intake.py [--seconds 3] [--rounds 3] [--connections 32] [--sides intake,limit,node]

Sides: the intake (one worker, fsync before 201); the same server with a handler that only reads the
body and answers, which is the limit; and a Node server that does the same checks with Ajv 6 and
appends to a file without fsync. They are loaded in turn, round after round, so that whatever else
the machine does meets all of them; printed are medians and ratios. `p99 half` is that of a paced
load at half of the peak; `own` is how late the generator itself sent one in a hundred of these
requests, without which `p99 half` cannot be read. The generator has a share of the same cores:
rates are lower bounds.
"""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from statistics import median

import intake_load
import intake_sides
import uvloop
from intake_load import Result
from intake_sides import Side

BATCHES = (1, 10, 100)
STARTERS = {
    "intake": intake_sides.intake,
    "limit": intake_sides.limit,
    "node": intake_sides.node,
}
HEADING = (
    f"{'batch':>5} {'side':>7} {'events/s':>10} {'us CPU/event':>13} {'p50 ms':>8} {'p99 ms':>8}"
    f" {'p99 half':>9} {'own':>6} {'CPU by intake':>14}"
)


def measure(
    sides: list[Side], batch: int, rounds: int, seconds: float, connections: int
) -> dict[str, tuple[list[Result], list[Result]]]:
    """By side: the loads at peak, and those at half of it."""
    event = intake_sides.typical_event()
    request = intake_load.post(json.dumps([event] * batch if batch > 1 else event).encode())
    found: dict[str, tuple[list[Result], list[Result]]] = {side.name: ([], []) for side in sides}
    for _ in range(rounds):
        for side in sides:
            at_peak = uvloop.run(
                intake_load.closed(
                    side.port, side.pid, request, batch, connections=connections, seconds=seconds
                )
            )
            at_half = uvloop.run(
                intake_load.paced(
                    side.port,
                    side.pid,
                    request,
                    batch,
                    connections=connections,
                    seconds=seconds,
                    rate=at_peak.requests / at_peak.seconds / 2,
                )
            )
            found[side.name][0].append(at_peak)
            found[side.name][1].append(at_half)
    return found


def rows(batch: int, found: dict[str, tuple[list[Result], list[Result]]]) -> list[str]:
    """Lines of the table."""
    lines = []
    ours = median(r.cpu_micros for r in found["intake"][0]) if "intake" in found else None
    for name, (peak, half) in found.items():
        cpu = median(r.cpu_micros for r in peak)
        lines.append(
            f"{batch:>5} {name:>7} {median(r.rate for r in peak):>10,.0f} {cpu:>13.1f}"
            f" {median(r.percentile(0.5) for r in peak):>8.2f}"
            f" {median(r.percentile(0.99) for r in peak):>8.2f}"
            f" {median(r.percentile(0.99) for r in half):>9.2f}"
            f" {median(r.late_percentile(0.99) for r in half):>6.2f}"
            f" {f'{cpu / ours:.2f}' if ours else '':>14}"
        )
    return lines


def main() -> None:
    """Run the loads and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--sides", default="intake,limit,node")
    chosen = parser.parse_args()
    names = chosen.sides.split(",")
    if "node" in names and (why := intake_sides.why_no_node()):
        print(f"without the peer in Node: {why}")
        names.remove("node")
    with ExitStack() as stack:
        sides = [stack.enter_context(STARTERS[name]()) for name in names]
        size = len(json.dumps(intake_sides.typical_event()))
        print(f"one process each, {chosen.connections} connections, {size} bytes an event")
        print(HEADING)
        for batch in BATCHES:
            found = measure(sides, batch, chosen.rounds, chosen.seconds, chosen.connections)
            print("\n".join(rows(batch, found)), flush=True)


if __name__ == "__main__":
    main()
