"""What becomes of events whose page is left, in each engine."""

import pytest
from tests.clients import engines
from tests.clients.browser_site import STREAMS, Site, actions, flushed, wait_for
from tests.clients.tab import Tab

pytestmark = engines.EVERY

SEND = """(action) => allotment.submitInteraction(
    "product_metrics.web_base", "/analytics/product_metrics/web/base/1.3.0", action)"""
KEPT = "Object.entries(localStorage).filter(([key]) => key.startsWith('allotment'))"


def test_answers__of_a_page_with_its_configuration__there_at_once_without_a_request(
    site: Site, page: Tab
) -> None:
    site.write(
        "/",
        """<script>
            window.first = [
                allotment.getExperiment("foo").getAssignedGroup(),
                allotment.getInstrument("related-articles").isInSample(),
                performance.getEntriesByType("resource").map(({ name }) => new URL(name).pathname),
            ];
        </script>""",
    )
    page.goto(site.origin)
    assert page.evaluate("first") == ["treatment", True, ["/allotment.js"]]


def test_page_left__intake_down__next_page_sends_the_same_event(site: Site, page: Tab) -> None:
    site.write("/", "")
    site.statuses = [503]
    page.goto(site.origin)
    page.evaluate(SEND, "last")
    page.goto(f"{site.origin}/other")
    wait_for(lambda: site.posts)
    assert len(page.evaluate(KEPT)) == 1
    page.goto(site.origin)
    assert flushed(page) == {"sent": 1, "waiting": 0, "dropped": {}}
    assert page.evaluate(KEPT) == []
    first, second = site.events
    assert first == second
    assert first["action"] == "last"


def test_page_left__browser_keeps_nothing__sent_all_the_same(site: Site, page: Tab) -> None:
    blocked = """Object.defineProperty(window, "localStorage",
        { get() { throw new DOMException("blocked", "SecurityError"); } })"""
    site.write("/", "", before=blocked)
    page.goto(site.origin)
    page.evaluate(SEND, "shown")
    assert flushed(page) == {"sent": 1, "waiting": 0, "dropped": {}}
    page.evaluate(SEND, "left")
    page.goto(f"{site.origin}/other")
    wait_for(lambda: len(site.events) == 2)
    assert actions(site) == ["shown", "left"]


def test_page_left__while_it_makes_more__all_sent(site: Site, page: Tab) -> None:
    script = f"""const send = {SEND};
        for (const type of ["pagehide", "unload"])
            addEventListener(type, () => {{ localStorage[type] = 1; send(type); }});"""
    site.write("/", f"<script>{script}</script>")
    page.goto(site.origin)
    page.evaluate(SEND, "shown")
    page.goto(f"{site.origin}/other")
    # WebKit keeps the page, to go back to it, and tells it of no end.
    told = page.evaluate("['pagehide', 'unload'].filter((type) => localStorage[type])")
    assert "pagehide" in told
    wait_for(lambda: len(site.events) > len(told))
    assert actions(site) == ["shown", *told]


def test_core__of_a_page__draws_and_sends(site: Site, page: Tab) -> None:
    site.write("/", "")
    page.goto(site.origin)
    found = page.evaluate("""async () => {
        const { allocate, createCore } = await import("/core.mjs");
        const core = createCore();
        const { group } = allocate({ name: "bar", groups: ["control", "treatment"] }, "2", 0.5);
        const schema = "/analytics/product_metrics/web/base/1.3.0";
        core.submitInteraction("product_metrics.web_base", schema, group);
        core.flush();
        while (core.counters.waiting) await new Promise((resolve) => setTimeout(resolve, 10));
        return core.counters;
    }""")
    assert found == {"sent": 1, "waiting": 0, "dropped": {}}
    assert actions(site) == ["treatment"]
    assert site.events[0]["page"] == {"id": 7}
    assert site.events[0]["experiments"]["assigned"] == {"foo": "treatment"}


@pytest.mark.parametrize(("host", "is_told"), [("localhost", True), ("127.0.0.1", False)])
def test_cookies__of_the_intake__sent_at_the_sites_own_origin_alone(
    site: Site, page: Tab, host: str, is_told: bool
) -> None:
    intake = f"http://{host}:{site.server_port}/v1/events"
    site.write("/", "", {"intakeUrl": intake, "streams": STREAMS})
    page.goto(f"http://{host}:{site.server_port}/other")
    page.evaluate("document.cookie = 'edge=7'")
    page.goto(site.origin)
    page.evaluate(SEND, "shown")
    assert flushed(page) == {"sent": 1, "waiting": 0, "dropped": {}}
    headers, _ = site.posts[0]
    assert ("edge=7" in headers.get("cookie", "")) is is_told
