"""Pages that are left at random moments, while the intake is killed and for a while away.

    python -m tests.end_to_end.page_views [--views 200] [--outage 60] [--seed N] [--engine firefox]

Two tabs of one Chromium, or the one tab by which Firefox and WebKit are driven, open page after
page. Each page makes events at moments of its own, the last of them while it is being left, and
tells every one to a ledger beside. At the end the lake must have what the ledger has, each once.
What came twice is told too: a page that is left cannot know whether its last request arrived, so
the next one sends it again.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from tests.clients import engines
from tests.clients.browser_site import Site
from tests.clients.tab import Tab
from tests.clients.webdriver import WebDriverTab
from tests.conftest import BROWSER_ARGUMENTS
from tests.end_to_end.crash_campaign import make_lab
from tests.end_to_end.crash_parts import Mortal, Nursery
from tests.end_to_end.lab import Lab, until
from tests.intake.conftest import stand_in_registry
from tests.required_tools import require_tool

from allotment.lake.query import QueryError, run_sql

TABS: Final = 2
LONGEST_MS: Final = 2_500
_EVENTS: Final = 4
_SETTLED_SECONDS: Final = 180.0
_STREAM: Final = "product_metrics.web_base"

_PAGE: Final = """<script>
const { searchParams } = new URL(location);
let count = 0;
const make = (when) => {
  const name = [searchParams.get("view"), Math.random(), ++count, when].join();
  allotment.submitInteraction("product_metrics.web_base",
    "/analytics/product_metrics/web/base/1.3.0", "click", {element_friendly_name: name});
  fetch("/made", {method: "POST", body: JSON.stringify([name]), keepalive: true});
};
make("read");
for (const wait of searchParams.get("waits").split(",")) setTimeout(make, wait, "shown");
addEventListener("pagehide", () => make("left"));
</script>"""

_KEPT: Final = """() => allotment.counters.waiting
  + Object.keys(localStorage).filter((key) => key.startsWith("allotment-kept")).length"""


@dataclass
class Report:
    """What came of it: nothing wrong, if there are no faults."""

    made: int = 0
    repeated: int = 0
    """How many came again, and were known by their `meta.id`."""
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


class Journey:
    """Page views in some tabs, and what the intake suffers in the meantime."""

    def __init__(self, lab: Lab, site: Site, tabs: Sequence[Tab], seed: int) -> None:
        """`lab` has no data yet and is not started; `tabs` are of one browser."""
        self._lab, self._site, self._tabs = lab, site, tabs
        self._dice = random.Random(seed)
        self._report = Report()
        self._made: Counter[str] = Counter()

    def run(self, views: int, outage_seconds: float, longest_ms: int) -> Report:
        """Open so many pages; after a quarter the intake is killed, after a half it is away.

        `longest_ms`: of a page view. Its events fall into the same time, so that some never happen.
        """
        self._longest_ms = longest_ms
        began = time.monotonic()
        self._lab.data.mkdir(parents=True)
        streams: dict[str, object] = {_STREAM: {"producers": {"metrics_platform_client": {}}}}
        config = {"intakeUrl": self._lab.intake, "streams": streams}
        self._site.write("/page", _PAGE, config)
        self._site.write("/last", "", config)
        with stand_in_registry() as registry:
            self._lab.extra["ALLOTMENT_REGISTRY_URL"] = registry.url
            with Nursery(self._lab) as nursery:
                self._travel(nursery, views, outage_seconds)
        self._report.made = len(self._made)
        self._report.seconds = time.monotonic() - began
        return self._report

    def _travel(self, nursery: Nursery, views: int, outage_seconds: float) -> None:
        sink = Mortal(nursery, "sink")
        intake: Mortal | None = Mortal(nursery, "intake")
        away_until = 0.0
        try:
            until(self._ready, 60, "the intake is ready")
            for view in range(views):
                if view == views // 4 and intake is not None:
                    self._note(intake.kill(self._dice))
                if view == views // 2 and intake is not None:
                    self._note(intake.stop())
                    intake, away_until = None, time.monotonic() + outage_seconds
                if intake is None and time.monotonic() > away_until:
                    intake = Mortal(nursery, "intake")
                self._view(self._dice.choice(self._tabs), view)
            if intake is None:
                time.sleep(max(0.0, away_until - time.monotonic()))  # the outage is its purpose
                intake = Mortal(nursery, "intake")
            self._settle()
        finally:
            for part in (intake, sink):
                self._note(None if part is None else part.stop())

    def _view(self, tab: Tab, view: int) -> None:
        """Open a page in place of the one that the tab has, and look at it for a random time."""
        waits = ",".join(str(self._dice.randrange(self._longest_ms)) for _ in range(_EVENTS))
        address = f"{self._site.origin}/page?view={view}&waits={waits}"
        if isinstance(tab, Page):
            tab.goto(address, wait_until="commit")  # so that it may be left while it still loads
        else:
            tab.goto(address)
        time.sleep(self._dice.randrange(self._longest_ms) / 1000)  # the visitor reads

    def _settle(self) -> None:
        """Leave the last pages, and give all that is under way the time to arrive."""
        until(self._ready, 60, "the intake is ready again")
        for tab in self._tabs:
            tab.goto(f"{self._site.origin}/last")
        deadline = time.monotonic() + _SETTLED_SECONDS
        while any(tab.evaluate(_KEPT) for tab in self._tabs) or self._compared():
            if time.monotonic() > deadline:
                self._report.faults += self._compared() or ["pages keep events for ever"]
                break
            time.sleep(0.2)
        for tab in self._tabs:
            if dropped := tab.evaluate("allotment.counters.dropped"):
                self._report.faults.append(f"a page dropped events: {dropped}")

    def _compared(self) -> list[str]:
        """What is wrong with the lake as it is now."""
        self._made = Counter(str(name) for _, names in list(self._site.posts) for name in names)
        try:
            lake = Counter(self._names("select element_friendly_name from {}"))
            ids = Counter(self._names("select meta.id from {}"))
            again = self._names("select id from event.duplicates")
        except QueryError as error:
            return [str(error)]  # nothing is there yet
        self._report.repeated = len(again)
        told = {
            "made and not in the lake": self._made - lake,
            "in the lake and made fewer times": lake - self._made,
            "more than once in the lake": ids - Counter(set(ids)),
        }
        return [
            f"{events.total()} events are {what}: {', '.join(sorted(events)[:5])}"
            for what, events in told.items()
            if events
        ]

    def _names(self, query: str) -> list[str]:
        table = "event.product_metrics_web_base"
        return [name for (name,) in run_sql(self._lab.data / "lake", query.format(table))[1]]

    def _ready(self) -> bool:
        try:
            answer = httpx.get(f"http://127.0.0.1:{self._lab.intake_port}/readyz")
        except httpx.TransportError:
            return False
        return answer.status_code == httpx.codes.OK

    def _note(self, fault: str | None) -> None:
        if fault is not None:
            self._report.faults.append(fault)


@contextmanager
def running_site() -> Iterator[Site]:
    """Where the pages are and the ledger is; it is never away."""
    with Site().served() as site:
        yield site


@contextmanager
def tabs_of(browser: Browser) -> Iterator[Sequence[Tab]]:
    """Those that a journey takes, of one visitor."""
    context = browser.new_context()
    yield [context.new_page() for _ in range(TABS)]
    context.close()


@contextmanager
def running_tabs(engine: str, folder: Path) -> Iterator[Sequence[Tab]]:
    """Tabs of a browser that runs meanwhile, with its files in this folder."""
    if engine == "firefox":
        with engines.firefox(folder) as firefox:
            yield [WebDriverTab(firefox)]
    elif engine == "webkit":
        with engines.webkit(folder) as webkit:
            yield [WebDriverTab(webkit)]
    else:
        program = require_tool("chromium", "chromium-browser")
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=program, args=BROWSER_ARGUMENTS)
            with tabs_of(browser) as tabs:
                yield tabs
            browser.close()


def main() -> int:
    """Make the journey, and tell what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--views", type=int, default=200)
    parser.add_argument("--outage", type=float, default=60, help="in seconds")
    parser.add_argument("--engine", choices=engines.NAMES, default=engines.NAMES[0])
    parser.add_argument("--seed", type=int, default=None, help="of an earlier journey, to repeat")
    chosen = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if chosen.seed is None else chosen.seed
    console = Console(stderr=not sys.stdout.isatty())
    console.print(f"{chosen.views} page views, {chosen.outage:g} s of outage, seed {seed}")
    folder = Path(tempfile.mkdtemp(prefix="allotment-views-"))
    profile = folder / "browser"
    profile.mkdir()
    with running_site() as site, running_tabs(chosen.engine, profile) as tabs:
        journey = Journey(make_lab(folder), site, tabs, seed)
        report = journey.run(chosen.views, chosen.outage, LONGEST_MS)
    console.print(
        f"{report.made} events in {report.seconds:.0f} s, {report.repeated} of them came again"
    )
    for fault in report.faults:
        console.print(fault, markup=False, style="bold red")
    if report.faults:
        console.print(f"seed {seed}; the lab is in {folder}")
        return os.EX_SOFTWARE
    shutil.rmtree(folder)
    console.print("nothing lost, nothing doubled")
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
