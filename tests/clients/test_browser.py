"""The built script in real Chromium, against a server that records what arrives."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

BUILT = Path(__file__).parents[2] / "src/allotment/sdk/browser"
MEMBERSHIP = {
    "enrolled": ["foo"],
    "assigned": {"foo": "treatment"},
    "subject_ids": {"foo": "92bd577d"},
    "sampling_units": {"foo": "mw-user"},
    "coordinators": {"foo": "default"},
    "versions": {"foo": "3"},
}
STREAMS = {
    "product_metrics.web_base": {
        "schema_title": "analytics/product_metrics/web/base",
        "producers": {"metrics_platform_client": {"provide_values": ["page_id"]}},
    },
    "related-articles": {
        "schema_title": "analytics/product_metrics/web/base",
        "producers": {
            "metrics_platform_client": {
                "provide_values": ["page_id", "performer_session_id", "performer_pageview_id"],
                "stream_name": "product_metrics.web_base",
            }
        },
        "sample": {"unit": "pageview", "rate": 1},
    },
}
CARD = """
<style>body {{ margin: 0 }} .space {{ height: 3000px }} #card {{ {style} }}</style>
<div class="space"></div>
<div id="card"><a id="link" href="/other"><b id="child">related</b></a><i id="text">text</i></div>
<div class="space"></div>
<script>
  document.getElementById("text").addEventListener("click", (e) => e.stopImmediatePropagation());
</script>
"""
CTR = 'const ctr = await import("/clickThroughRate.mjs");'
START = f"""(async () => {{
  {CTR}
  const card = {{selector: "#card", friendlyName: "related card"}};
  allotment.getInstrument("related-articles").use(ctr.clickThroughRate(card));
}})()"""
# Observers are told in the order in which they were made: once this one knows, all do.
OBSERVED = """() => new Promise((done) =>
  new IntersectionObserver((entries, self) => { self.disconnect(); done(); })
    .observe(document.getElementById("card")))"""


class Site(ThreadingHTTPServer):
    """Serves pages and the built scripts, and records the events that are posted to it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages: dict[str, str] = {}
        self.posts: list[tuple[dict[str, str], list[dict[str, Any]]]] = []
        self.statuses: list[int] = []

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.server_port}"

    @property
    def intake(self) -> str:
        """Another origin than the pages', as in real life."""
        return f"http://127.0.0.1:{self.server_port}/v1/events"

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for _, events in list(self.posts) for event in events]

    def write(self, path: str, body: str, config: object = None, tag: str = "") -> None:
        """A page whose head sets the two variables and has the script."""
        known = {
            "intakeUrl": self.intake,
            "site": "demowiki",
            "streams": STREAMS,
            "context": {"page": {"id": 7}},
        }
        self.pages[path] = (
            "<!doctype html><html><head><meta charset=utf-8><script>"
            f"window.allotmentUserExperiments = {json.dumps(MEMBERSHIP)};"
            f"window.allotmentConfig = {json.dumps(known if config is None else config)};"
            f'</script><script src="/allotment.js" {tag}></script></head><body>{body}</body></html>'
        )


class Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        built = BUILT / path.removeprefix("/")
        if path == "/w/api.php":
            self._answer(200, "application/json", json.dumps({"streams": STREAMS}).encode())
        elif path in self.server.pages:
            self._answer(200, "text/html", self.server.pages[path].encode())
        elif built.is_file():
            self._answer(200, "text/javascript", built.read_bytes())
        else:
            self._answer(404, "text/plain", b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.statuses.pop(0) if self.server.statuses else 201
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.posts.append((headers, json.loads(body)))
        self._answer(status, "text/plain", b"")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: the tests say what matters."""

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def site() -> Iterator[Site]:
    server = Site()
    server.pages["/other"] = "<!doctype html><title>other</title>"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 800, "height": 600})
    context.set_default_timeout(10_000)
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert errors == []


def wait_for(found: Callable[[], object], seconds: float = 10) -> None:
    """Poll until something is there; fail at the deadline."""
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.02)


def flushed(page: Page) -> dict[str, Any]:
    """Send all, and give the counters."""
    page.evaluate("allotment.flush()")
    counters: dict[str, Any] = page.evaluate("allotment.counters")
    return counters


def scroll_to(page: Page, y: int) -> None:
    page.evaluate("(y) => window.scrollTo(0, y)", y)
    page.evaluate(OBSERVED)


def actions(site: Site) -> list[str]:
    return [event["action"] for event in site.events]


def test_click_through_rate__element_scrolled_in_and_out__one_impression(
    site: Site, page: Page
) -> None:
    site.write("/", CARD.format(style="height: 200px"))
    page.goto(site.origin)
    page.evaluate(START)
    page.evaluate(OBSERVED)
    assert flushed(page) == {"sent": 0, "waiting": 0, "dropped": {}}
    scroll_to(page, 2480)  # 80 of its 200 pixels are in view
    assert flushed(page)["sent"] == 0
    scroll_to(page, 2520)  # 120 of 200
    assert flushed(page)["sent"] == 1
    for y in (0, 2900, 0, 2900):
        scroll_to(page, y)
    assert flushed(page)["sent"] == 1
    wait_for(lambda: site.events)
    assert actions(site) == ["impression"]


@pytest.mark.parametrize("height", [1500, 12_345])
def test_click_through_rate__element_larger_than_viewport__impression_once_it_fills_it(
    site: Site, page: Page, height: int
) -> None:
    site.write("/", CARD.format(style=f"height: {height}px; width: 300px"))
    page.goto(site.origin)
    page.evaluate(START)
    scroll_to(page, 2900)  # it has 500 of 600 pixels of the viewport
    assert flushed(page)["sent"] == 0
    scroll_to(page, 3000)
    assert flushed(page)["sent"] == 1


def test_click_through_rate__placeholder_filled_later__impression_then(
    site: Site, page: Page
) -> None:
    site.write("/", '<div id="card" style="width: 100px"></div>')
    page.goto(site.origin)
    page.evaluate(START)
    page.evaluate(OBSERVED)
    assert flushed(page)["sent"] == 0
    page.evaluate("document.getElementById('card').style.height = '100px'")
    page.wait_for_function("allotment.counters.waiting + allotment.counters.sent === 1")


def test_click_through_rate__clicks__every_one_numbered_in_one_funnel(
    site: Site, page: Page
) -> None:
    site.write("/", CARD.format(style="height: 200px"))
    page.goto(site.origin)
    page.evaluate(START)
    page.evaluate(START)  # the same again changes nothing
    scroll_to(page, 2900)
    page.click("#text")  # its own handler lets no click through
    page.click("#card", position={"x": 300, "y": 150})
    page.mouse.click(400, 590)  # beside it
    page.click("#child")  # goes to another page
    page.wait_for_url("**/other")
    wait_for(lambda: len(site.events) >= 4)
    assert actions(site) == ["impression", "click", "click", "click"]
    tokens = {event["funnel_entry_token"] for event in site.events}
    assert len(tokens) == 1
    assert re.fullmatch(r"[0-9a-f]{20}", tokens.pop())
    assert [event["funnel_event_sequence_position"] for event in site.events] == [1, 2, 3, 4]


def test_events__from_a_page__carry_membership_and_attributes(site: Site, page: Page) -> None:
    site.write("/", CARD.format(style="height: 200px"))
    page.goto(f"{site.origin}/?mpo=bar:b")
    page.evaluate(START)
    scroll_to(page, 2900)
    page.click("#text")
    flushed(page)
    wait_for(lambda: len(site.events) == 2)
    session = {cookie["name"]: cookie for cookie in page.context.cookies()}["allotment-session"]
    assert session["expires"] == -1
    for event in site.events:
        assert event["experiments"]["assigned"] == {"foo": "treatment", "bar": "b"}
        assert event["experiments"]["coordinators"] == {"foo": "default", "bar": "forced"}
        assert event["experiments"]["subject_ids"] == {"foo": "92bd577d", "bar": "overridden"}
        assert event["page"] == {"id": 7}
        assert event["agent"] == {
            "client_platform": "mediawiki_js",
            "client_platform_family": "desktop_browser",
        }
        assert event["performer"]["session_id"] == session["value"]
        assert re.fullmatch(r"[0-9a-f]{20}", event["performer"]["pageview_id"])
        assert event["meta"]["stream"] == "product_metrics.web_base"
        assert event["meta"]["domain"] == "localhost"
        assert event["instrument_name"] == "related-articles"
        assert event["element_friendly_name"] == "related card"
        assert event["sample"] == {"unit": "pageview", "rate": 1}
        assert event["$schema"] == "/analytics/product_metrics/web/base/1.3.0"
    assert len({event["meta"]["id"] for event in site.events}) == 2
    headers, _ = site.posts[0]
    assert headers["content-type"] == "text/plain;charset=UTF-8"


def test_click_through_rate__of_an_experiment__numbered_too(site: Site, page: Page) -> None:
    site.write("/", CARD.format(style="height: 200px"))
    page.goto(site.origin)
    watched = page.evaluate("""async () => {
        const { ClickThroughRateInstrument: ctr } = await import("/clickThroughRate.mjs");
        window.ctr = ctr;
        window.state = ctr.start("#card", "card", allotment.getExperiment("foo"));
        return ctr.start("#none", "none", allotment.getExperiment("foo"));
    }""")
    assert watched is None
    scroll_to(page, 2900)
    page.click("#text")
    page.evaluate("ctr.stop(window.state)")
    page.click("#text")
    flushed(page)
    wait_for(lambda: len(site.events) >= 2)
    assert actions(site) == ["impression", "click"]
    assert [event["funnel_event_sequence_position"] for event in site.events] == [1, 2]
    assert site.events[0]["instrument_name"] == "foo"


def test_click_through_rate__started_while_the_page_is_read__waits_for_the_page(
    site: Site, page: Page
) -> None:
    site.write("/", "")
    page.goto(site.origin)
    page.evaluate(
        f"""async (card) => {{
            {CTR}
            document.open();
            ctr.ClickThroughRateInstrument.start("#card", "c", allotment.getExperiment("foo"));
            document.write(card);
            document.close();
        }}""",
        CARD.format(style="height: 200px"),
    )
    scroll_to(page, 2900)
    assert flushed(page)["sent"] == 1


def test_events__cookies_disabled__nothing_sent(site: Site, page: Page) -> None:
    site.write("/", CARD.format(style="height: 200px"))
    protocol = page.context.new_cdp_session(page)
    protocol.send("Emulation.setDocumentCookieDisabled", {"disabled": True})
    page.goto(site.origin)
    assert page.evaluate("navigator.cookieEnabled") is False
    page.evaluate(START)
    scroll_to(page, 2900)
    page.click("#text")
    assert flushed(page) == {"sent": 0, "waiting": 0, "dropped": {"cookies_disabled": 2}}
    page.goto(f"{site.origin}/other")
    assert site.events == []


def test_events__larger_than_a_beacon_and_intake_down__fetched_again(
    site: Site, page: Page
) -> None:
    site.write("/", "")
    site.statuses = [503]
    page.goto(site.origin)
    page.evaluate("""allotment.submitInteraction("product_metrics.web_base", "/s/1.0.0", "a",
        {action_context: "x".repeat(70000)})""")
    flushed(page)
    page.wait_for_function("allotment.counters.sent === 1")
    assert len(site.posts) == 2
    first, second = site.events
    assert first["meta"]["id"] == second["meta"]["id"]


def test_events__configuration_of_the_registry__fetched_for_the_page(
    site: Site, page: Page
) -> None:
    registry = f"http://127.0.0.1:{site.server_port}"
    tag = f'data-registry="{registry}" data-intake="{site.intake}"'
    body = '<script>allotment.getInstrument("related-articles").send("early")</script>'
    site.write("/", body, config={}, tag=tag)
    page.goto(site.origin)
    wait_for(lambda: site.events)
    assert actions(site) == ["early"]
    assert site.events[0]["funnel_event_sequence_position"] == 1


def test_module__imported__agrees_with_the_law_and_makes_clients(site: Site, page: Page) -> None:
    site.write("/", "")
    page.goto(site.origin)
    found = page.evaluate("""async () => {
        const { allocate, createClient, version } = await import("/allotment.mjs");
        const groups = ["control", "treatment"];
        return [
            allocate({ name: "bar", groups }, "2", 0.5).group,
            createClient().getExperimentBucketValue("foo"),
            version === allotment.version,
        ];
    }""")
    assert found == ["treatment", "treatment", True]
