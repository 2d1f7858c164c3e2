"""Intake and sink killed at random under load: what was acknowledged is in the lake, once.

    python -m tests.end_to_end.crash_campaign [--kills 1000] [--labs 2] [--seed N]

Each lab has an intake of one or two workers with the journal inside it, a sink, clients, and in the
registry's place what serves one stream configuration. The kills of a lab come one after another at
random moments of whatever it is doing. At the end nothing may be lost, doubled or unaccounted for;
a campaign that finds a fault leaves its folder, names its seed, and does not exit with 0.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from tests.end_to_end.crash_load import Client, Told
from tests.end_to_end.crash_parts import PARTS, Mortal, Nursery
from tests.end_to_end.lab import Lab, until
from tests.free_ports import free_ports
from tests.intake.conftest import stand_in_registry

from allotment.lake.query import run_sql

CLIENTS: Final = 3
PAUSE_SECONDS: Final = 0.05
_LIVES: Final = {"intake": (0.02, 0.6), "sink": (0.05, 2.5)}
"""Shortest and mean further time from one kill of a part to the next, in seconds."""
_DRAINED_SECONDS: Final = 180.0
_AGAIN_SECONDS: Final = 60.0


@dataclass
class Report:
    """What a campaign did and what it found wrong: nothing, if all is well."""

    kills: Counter[str] = field(default_factory=Counter)
    accepted: int = 0
    rejected: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def add(self, other: Report) -> None:
        """Take in what another lab found."""
        self.kills += other.kills
        self.requests += other.requests
        self.accepted += other.accepted
        self.rejected += other.rejected
        self.faults += other.faults


class Campaign:
    """One lab and its kills."""

    def __init__(self, lab: Lab, seed: int, killed: Callable[[], object] = lambda: None) -> None:
        """`lab` has no data yet and is not started; `killed` is told of every kill."""
        self._lab = lab
        self._dice = random.Random(seed)
        self._seed = seed
        self._killed = killed
        self._told = Told()
        self._report = Report()

    def run(self, kills: int) -> Report:
        """Kill so many times, then hold what the lake has against what the clients were told."""
        began = time.monotonic()
        self._lab.data.mkdir(parents=True)
        with stand_in_registry() as registry:
            self._lab.extra["ALLOTMENT_REGISTRY_URL"] = registry.url
            with Nursery(self._lab) as nursery:
                self._attack(nursery, kills)
        self._compare()
        self._report.faults += self._told.faults
        self._report.requests = self._told.requests
        self._report.accepted = len(self._told.accepted)
        self._report.rejected = len(self._told.rejected)
        self._report.seconds = time.monotonic() - began
        return self._report

    def _attack(self, nursery: Nursery, kills: int) -> None:
        parts = {name: Mortal(nursery, name) for name in PARTS}
        port = self._lab.intake_port
        clients = [
            Client(port, self._told, self._seed * CLIENTS + n, PAUSE_SECONDS)
            for n in range(CLIENTS)
        ]
        try:
            until(self._ready, 60, "the intake is ready")
            for client in clients:
                client.start()
            self._kill(parts, kills)
        finally:
            for client in clients:
                client.stopped.set()
            for client in clients:
                if client.ident is not None:
                    client.join(_AGAIN_SECONDS)
            if not self._report.faults and any(client.is_alive() for client in clients):
                self._report.faults.append("a client never got an answer")
            self._drain(parts)

    def _kill(self, parts: dict[str, Mortal], kills: int) -> None:
        now = time.monotonic()
        due = {name: now + self._life(name) for name in parts}
        for _ in range(kills):
            name = min(due, key=lambda part: due[part])
            # The moment is meant to be random: nothing is waited for here.
            time.sleep(max(0.0, due[name] - time.monotonic()))
            fault = parts[name].kill(self._dice)
            if fault is not None:
                self._report.faults.append(fault)
                return
            self._report.kills[name] += 1
            self._killed()
            due[name] = time.monotonic() + self._life(name)
            if self._told.faults or not self._goes_on(name):
                return

    def _life(self, name: str) -> float:
        shortest, mean = _LIVES[name]
        return shortest + self._dice.expovariate(1 / mean)

    def _goes_on(self, name: str) -> bool:
        """Whether events are taken again; three kills of four wait for that, one does not."""
        if name != "intake" or self._dice.randrange(4) == 0:
            return True
        before, deadline = len(self._told.accepted), time.monotonic() + _AGAIN_SECONDS
        while len(self._told.accepted) == before:
            if time.monotonic() > deadline:
                self._report.faults.append("no events are taken after the intake was killed")
                return False
            time.sleep(0.01)
        return True

    def _drain(self, parts: dict[str, Mortal]) -> None:
        """Stop the intake in order, let the sink move what is left, and stop it."""
        faults = self._report.faults
        for name in ("intake", "sink"):
            if name == "sink" and not faults:
                deadline = time.monotonic() + _DRAINED_SECONDS
                while self._missing() and time.monotonic() < deadline:
                    time.sleep(1)
            fault = parts[name].stop()
            if fault is not None and not faults:
                faults.append(fault)

    def _missing(self) -> int:
        """How many acknowledged events are not in the lake."""
        return len(self._told.accepted - set(self._lake())) + len(
            self._told.rejected - set(self._rejects())
        )

    def _lake(self) -> Counter[str]:
        sql = "select meta.id, count(*) from event.product_metrics_web_base group by 1"
        return Counter(dict(run_sql(self._lab.data / "lake", sql)[1]))

    def _rejects(self) -> Counter[str]:
        sql = "select raw from event.rejected where reason <> 'malformed_json'"
        return Counter(
            json.loads(raw)["meta"]["id"] for (raw,) in run_sql(self._lab.data / "lake", sql)[1]
        )

    def _compare(self) -> None:
        faults = self._report.faults
        lake, rejects = self._lake(), self._rejects()
        if lost := self._told.accepted - set(lake):
            faults.append(f"{len(lost)} acknowledged events are not in the lake: {sample(lost)}")
        if doubled := {identifier for identifier, count in lake.items() if count > 1}:
            faults.append(f"{len(doubled)} events are in the lake twice: {sample(doubled)}")
        if lost := self._told.rejected - set(rejects):
            faults.append(f"{len(lost)} events were told rejected and not kept: {sample(lost)}")
        if both := self._told.rejected & set(lake):
            faults.append(f"{len(both)} rejected events are in the lake: {sample(both)}")
        ledger = subprocess.run(
            [sys.executable, "-m", "allotment", "ledger", "--since", "1d"],
            env=self._lab.environ(),
            capture_output=True,
            text=True,
            check=False,
        )
        if ledger.returncode:
            faults.append(
                f"the ledger does not balance:\n{(ledger.stdout + ledger.stderr)[-3000:]}"
            )

    def _ready(self) -> bool:
        try:
            answer = httpx.get(f"http://127.0.0.1:{self._lab.intake_port}/readyz")
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK


def sample(identifiers: set[str]) -> str:
    """A few of them."""
    return ", ".join(sorted(identifiers)[:3])


def make_lab(folder: Path, **settings: str) -> Lab:
    """A lab on free ports below an empty folder; its sink commits as often as it can."""
    registry, intake, demo = free_ports(3)
    extra = {"ALLOTMENT_SINK_SECONDS": "0.2", **settings}
    return Lab(folder / "var", registry, intake, demo, extra=extra)


def main() -> int:
    """Run a campaign in several labs at once, and tell what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000, help="of all labs together")
    parser.add_argument("--labs", type=int, default=2, help="how many run at once")
    parser.add_argument("--seed", type=int, default=None, help="of an earlier campaign, to repeat")
    chosen = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if chosen.seed is None else chosen.seed
    console = Console(stderr=not sys.stdout.isatty())
    console.print(f"{chosen.kills} kills in {chosen.labs} labs, seed {seed}")
    folder = Path(tempfile.mkdtemp(prefix="allotment-crash-"))
    reports: list[Report] = []
    columns = (TextColumn("kills"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("kills", total=chosen.kills)

        def killed() -> None:
            progress.advance(task)
            done = int(progress.tasks[0].completed)
            if not console.is_terminal and done % 50 == 0:
                console.print(f"{done} kills")  # the bar is not drawn there

        def attack(number: int) -> None:
            (folder / str(number)).mkdir()
            workers = str(1 + number % 2)  # every other lab has two
            lab = make_lab(folder / str(number), ALLOTMENT_INTAKE_WORKERS=workers)
            campaign = Campaign(lab, seed + number, killed)
            share = chosen.kills // chosen.labs + (number < chosen.kills % chosen.labs)
            try:
                reports.append(campaign.run(share))
            except Exception as error:  # noqa: BLE001 -- the other labs' findings must be told too
                reports.append(Report(faults=[f"lab {number}: {error!r}"]))

        threads = [threading.Thread(target=attack, args=(n,)) for n in range(chosen.labs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    total = Report()
    for report in reports:
        total.add(report)
    seconds = max((report.seconds for report in reports), default=0.0)
    kills = ", ".join(f"{name} {count}" for name, count in sorted(total.kills.items()))
    sent = ", ".join(f"{name} {count}" for name, count in sorted(total.requests.items()))
    console.print(f"{total.kills.total()} kills ({kills}) in {seconds:.0f} s; requests: {sent}")
    console.print(f"acknowledged: {total.accepted} accepted, {total.rejected} rejected")
    for fault in total.faults:
        console.print(fault, markup=False, style="bold red")
    if total.faults:
        console.print(f"{len(total.faults)} faults; seed {seed}; the labs are in {folder}")
        return os.EX_SOFTWARE
    shutil.rmtree(folder)
    console.print("nothing lost, nothing doubled, all accounted for")
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
