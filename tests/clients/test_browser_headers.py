"""Groups that an edge tells by the page's own `Server-Timing`, in each engine."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients import engines
from tests.clients.browser_site import STREAMS, Handler, Site, flushed, wait_for
from tests.clients.tab import Tab

pytestmark = engines.EVERY

TIMING = 'cache;desc="hit", WMF-Uniq;desc="first-test=treatment;second-test=b;damaged;"'
EARLY = '<script>early = performance.getEntriesByType("navigation")[0].serverTiming.length</script>'
MADE = """async () => {
    const { withServerTiming } = await import("/serverTiming.mjs");
    const page = new allotment.DefaultIntegration();
    window.client = allotment.createClient(withServerTiming(page));
}"""

ADD_MODULE = """(text) => document.body.append(
    Object.assign(document.createElement("script"), { type: "module", textContent: text }))"""


class Edge(Handler):
    """As an edge answers that enrolls readers."""

    def end_headers(self) -> None:
        self.send_header("Server-Timing", TIMING)
        super().end_headers()


@pytest.fixture
def edge() -> Iterator[Site]:
    server = Site()
    server.RequestHandlerClass = Edge
    with server.served():
        yield server


def write(site: Site) -> None:
    config = {
        "intakeUrl": site.intake,
        "site": "demowiki",
        "streams": STREAMS,
        "experiments": {"second-test": {"groups": ["control", "other"]}},
    }
    site.write("/", EARLY, config)


def test_server_timing__edge_tells_groups__visitor_is_in_them(edge: Site, page: Tab) -> None:
    write(edge)
    page.goto(edge.origin)
    page.evaluate(MADE)
    assert page.evaluate("early") == 2, "it is there while the page is still read"
    assert page.evaluate("client.getExperimentBucketValue('first-test')") == "treatment"
    assert page.evaluate("client.getExperimentBucketValue('second-test')") is None
    assert page.evaluate("allotment.getExperimentBucketValue('first-test')") is None
    page.evaluate("client.getExperiment('first-test').sendExposure()")
    page.evaluate("client.flush()")
    wait_for(lambda: edge.events)
    (event,) = edge.events
    assert event["action"] == "experiment_exposure"
    record = event["experiments"]
    assert record["assigned"] == {"foo": "treatment", "first-test": "treatment"}
    assert record["subject_ids"] == {"foo": "92bd577d", "first-test": "awaiting"}
    assert record["sampling_units"] == {"foo": "mw-user", "first-test": "edge-unique"}
    assert record["coordinators"] == {"foo": "default", "first-test": "default"}


def test_server_timing__forced_by_the_address__wins(edge: Site, page: Tab) -> None:
    write(edge)
    page.goto(f"{edge.origin}/?mpo=first-test:control")
    page.evaluate(MADE)
    assert page.evaluate("client.getExperimentBucketValue('first-test')") == "control"
    coordinators = page.evaluate("({...client.getCurrentUserExperiments().coordinators})")
    assert coordinators["first-test"] == "forced"


def test_server_timing__page_without_the_header__is_the_page_alone(site: Site, page: Tab) -> None:
    write(site)
    page.goto(site.origin)
    page.evaluate(MADE)
    assert page.evaluate("client.getCurrentUserExperiments().enrolled") == ["foo"]
    page.evaluate("client.getExperiment('first-test').send('click')")
    assert flushed(page)["sent"] == 0


def test_strict__page_that_lacks_attributes__is_told_in_the_console(site: Site, page: Tab) -> None:
    config = {"streams": STREAMS, "intakeUrl": site.intake, "context": {"page": {"id": "7"}}}
    site.write("/", "", config, before="warned = []; console.warn = (said) => warned.push(said);")
    page.goto(site.origin)
    docs = Path(__file__).parents[2] / "docs/reference/javascript-client.md"
    example = docs.read_text().split("```js development\n")[1].split("```")[0]
    page.evaluate(ADD_MODULE, example.replace("/_allotment/", "/"))
    page.wait_for_function("warned.length > 0")
    (warned,) = page.evaluate("warned")
    assert warned == (
        '[allotment] page_id is "7", and must be an integer: the schema refuses such events; '
        "asked for by product_metrics.web_base, related-articles"
    )
