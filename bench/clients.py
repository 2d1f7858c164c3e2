"""How small and how fast the client libraries are, beside their rivals in the same run.

    python bench/clients.py

Sizes are of the scripts that the Python package ships and of the least program that uses a rival,
minified and after gzip. Times are processor time of one call, the quickest of some rounds, PHP
without opcache's JIT. An evaluation is that of one experiment for another subject each time; `rich`
has weights, a layer and two conditions. A request in PHP begins with the stored copy of 200
experiments and evaluates them all. The last line names the bars that were missed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import rivals

from allotment import sdk
from allotment.allocation import allocate, parse_experiment

HERE = Path(__file__).parent
BROWSER = Path(sdk.__file__).with_name("browser")
ROUNDS = 15
CALLS = 20_000
SITE = "enwiki"
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
EXPERIMENTS = {"plain": PLAIN, "rich": RICH}
ATTRIBUTES = {"page_namespace_id": 0, "mediawiki_skin": "minerva"}
STREAMS = {
    "web": {
        "producers": {
            "metrics_platform_client": {"provide_values": ["page_id", "page_title", "page_skin"]}
        }
    }
}
MEMBERSHIP = {
    "enrolled": ["search-prompt"],
    "assigned": {"search-prompt": "prompt"},
    "subject_ids": {"search-prompt": "ab" * 32},
    "sampling_units": {"search-prompt": "edge-unique"},
    "coordinators": {"search-prompt": "default"},
    "versions": {"search-prompt": "7"},
}
CORE = "core.mjs"
INSTRUMENT = "clickThroughRate.mjs"
OTHERS = ("allotment.js", "pageVisit.mjs", "sessionLength.mjs", "scrollDepth.mjs", "formFunnel.mjs")


@dataclass
class Bars:
    """The lines of the report that have a bar, and whether all were kept."""

    missed: list[str] = field(default_factory=list)
    language: str = ""

    def head(self, language: str, text: str = "") -> None:
        """Begin the figures of another language."""
        self.language = language
        print(f"{language}{text}")

    def line(self, what: str, found: float, bar: float, unit: str, beside: str = "") -> None:
        """Print a figure, its bar, and what stands beside it."""
        kept = found <= bar
        if not kept:
            self.missed.append(f"{self.language}: {what}")
        digits = 0 if unit == "bytes" else 2
        print(
            f"  {what:<34}{found:>9,.{digits}f} {unit:<5}  bar {bar:>5,g}  "
            f"{'pass' if kept else 'FAIL'}{f'   {beside}' if beside else ''}"
        )


def seconds(call: Callable[[int], object]) -> float:
    """Processor time of one call."""
    best = float("inf")
    for _ in range(ROUNDS):
        before = time.process_time()
        for number in range(CALLS):
            call(number)
        best = min(best, time.process_time() - before)
    return best / CALLS


def run(program: str, asked: dict[str, Any]) -> Any:  # noqa: ANN401 - it is JSON
    """What a program in another language measured."""
    name = HERE / f"client.{'mjs' if program == 'node' else program}"
    done = subprocess.run(
        [program, str(name)], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{name.name} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def times(rival: float | None, ours: float) -> str:
    """How many times as long a rival takes."""
    return "" if rival is None else f"GrowthBook {rival * 1e6:.2f} µs, {rival / ours:.1f} times"


def javascript(bars: Bars) -> None:
    """Sizes, evaluations and events of the JavaScript client."""
    if shutil.which("node") is None:
        print("JavaScript: not measured, node is not installed")
        return
    lacking = rivals.why_no_javascript()
    asked = {
        **EXPERIMENTS,
        "attributes": ATTRIBUTES,
        "streams": STREAMS,
        "membership": MEMBERSHIP,
        "browser": str(BROWSER),
        "files": [CORE, INSTRUMENT, *OTHERS],
        "rivals": lacking is None,
        "growthbook": {"experiments": rivals.EXPERIMENTS, "attributes": ATTRIBUTES},
    }
    found = run("node", asked)
    core = found["ours"][CORE]
    bars.head("JavaScript", f", Node {found['node']}")
    bars.line(f"size of {CORE}", core, 5_000, "bytes")
    for name, size in sorted(found["rivals"].items(), key=lambda item: item[1]):
        print(f"    {name:<32}{size:>9,} bytes  {size / core:.1f} times")
    bars.line(f"size of {INSTRUMENT}", found["ours"][INSTRUMENT], 1_000, "bytes")
    for name in OTHERS:
        print(f"  {f'size of {name}':<34}{found['ours'][name]:>9,} bytes")
    for kind in EXPERIMENTS:
        took = found[kind]
        rival = times(found.get(f"growthbook_{kind}"), took)
        bars.line(f"evaluation, {kind}", took * 1e6, 2, "µs", rival)
    bars.line("event, built and queued", found["event"] * 1e6, 10, "µs")
    if found["counters"]["dropped"] or not found["counters"]["sent"]:
        raise SystemExit(f"the figure of events says nothing: {found['counters']}")
    if lacking:
        print(f"  without rivals: {lacking}")


def python(bars: Bars) -> None:
    """Evaluations of the Python SDK."""
    lacking = rivals.why_no_python()
    now = datetime.now(UTC)
    bars.head("Python")
    for kind, item in EXPERIMENTS.items():
        experiment = parse_experiment(item)
        took = seconds(
            lambda n, experiment=experiment: allocate(  # type: ignore[misc]
                experiment, str(n), site=SITE, now=now, attributes=ATTRIBUTES
            )
        )
        rival = None if lacking else seconds(rivals.python_evaluation(kind, ATTRIBUTES))
        bars.line(f"evaluation, {kind}", took * 1e6, 10, "µs", times(rival, took))
    if lacking:
        print(f"  without rivals: {lacking}")


def php(bars: Bars) -> None:
    """Evaluations, events and requests of the PHP client."""
    if shutil.which("php") is None:
        print("PHP: not measured, php is not installed")
        return
    many = [{**PLAIN, "name": f"experiment-{n}"} for n in range(200)]
    found = run("php", {**EXPERIMENTS, "many": many, "attributes": ATTRIBUTES, "streams": STREAMS})
    bars.head("PHP", f" {found['version']}; rivals are on Packagist alone, not measured")
    print(f"  {'one SHA-256, bare':<34}{found['hash'] * 1e6:>9.2f} µs")
    for kind in EXPERIMENTS:
        beside = f"{found[kind] / found['hash']:.1f} hashes"
        bars.line(f"evaluation, {kind}", found[kind] * 1e6, 3, "µs", beside)
    print(f"  {'event, built and queued':<34}{found['event'] * 1e6:>9.2f} µs")
    print(f"  {'request, 200 experiments':<34}{found['request'] * 1e3:>9.2f} ms")


def main() -> None:
    """Measure all three and print the figures with their bars."""
    bars = Bars()
    for measure in (javascript, python, php):
        measure(bars)
    print(f"missed: {', '.join(bars.missed)}" if bars.missed else "every bar is kept")


if __name__ == "__main__":
    main()
