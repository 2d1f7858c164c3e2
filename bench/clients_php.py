"""How fast the PHP client decides and builds events, beside one bare hash and the Python SDK.

    python bench/clients_php.py

Processor time of one call, the quickest of seven rounds, without opcache's JIT. An evaluation is
that of one experiment for one subject; `rich` has weights, a layer and two conditions. A request
begins with the stored copy of 200 experiments and evaluates them all.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from allotment.allocation import allocate, parse_experiment

PROGRAM = Path(__file__).with_name("client.php")
ROUNDS = 7
CALLS = 20_000
PLAIN: dict[str, Any] = {
    "name": "search-prompt",
    "groups": ["control", "prompt"],
    "sample_rate": {"default": 0.5, "1": ["frwiki"]},
    "start": "2020-01-01T00:00:00Z",
    "end": "2100-01-01T00:00:00Z",
    "stream_name": "web",
    "contextual_attributes": ["page_id", "performer_is_logged_in"],
}
RICH = {
    **PLAIN,
    "weights": [1, 3],
    "layer": {"name": "search", "begin": 0, "end": 1 << 23},
    "targeting": {
        "page_namespace_id": {"equals": 0},
        "mediawiki_skin": {"in": ["vector", "minerva"]},
    },
}
ATTRIBUTES = {"page_namespace_id": 0, "mediawiki_skin": "minerva"}
STREAMS = {
    "web": {
        "producers": {
            "metrics_platform_client": {"provide_values": ["page_id", "page_title", "page_skin"]}
        }
    }
}


def seconds(call: Callable[[int], object]) -> float:
    """Processor time of one call."""
    best = float("inf")
    for _ in range(ROUNDS):
        before = time.process_time()
        for number in range(CALLS):
            call(number)
        best = min(best, time.process_time() - before)
    return best / CALLS


def main() -> None:
    """Measure both and print a table."""
    php = shutil.which("php")
    if php is None:
        print("PHP client: not measured, php is not installed")
        return
    many = [{**PLAIN, "name": f"experiment-{n}"} for n in range(200)]
    asked = {"plain": PLAIN, "rich": RICH, "many": many, "attributes": ATTRIBUTES}
    done = subprocess.run(
        [php, str(PROGRAM)],
        input=json.dumps({**asked, "streams": STREAMS}),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    now = datetime.now(UTC)
    plain, rich = parse_experiment(PLAIN), parse_experiment(RICH)
    python = {
        "plain": seconds(lambda n: allocate(plain, str(n), site="enwiki", now=now)),
        "rich": seconds(
            lambda n: allocate(rich, str(n), site="enwiki", now=now, attributes=ATTRIBUTES)
        ),
    }
    print(f"PHP {found['version']} client, processor time of one call (bar: evaluation ≤ 3 µs)")
    print(f"  one SHA-256, bare        {found['hash'] * 1e6:8.2f} µs")
    for kind, taken in python.items():
        print(
            f"  evaluation, {kind:<12} {found[kind] * 1e6:8.2f} µs"
            f"   {found[kind] / found['hash']:.1f} hashes"
            f"   Python {taken * 1e6:.2f} µs, {taken / found[kind]:.1f} times as long"
        )
    print(f"  event, built and queued  {found['event'] * 1e6:8.2f} µs")
    print(f"  request, 200 experiments {found['request'] * 1e3:8.2f} ms")


if __name__ == "__main__":
    main()
