"""The built script in each engine, against a server that records what arrives."""

import re

import pytest
from tests.clients import engines
from tests.clients.browser_site import (
    OBSERVED,
    Site,
    actions,
    flushed,
    scroll_to,
    wait_for,
)
from tests.clients.engines import Engine
from tests.clients.tab import Tab

pytestmark = engines.EVERY

CARD = """
<style>body {{ margin: 0 }} .space {{ height: 3000px }} #card {{ {style} }}</style>
<div class="space"></div>
<div id="card"><a id="link" href="/other"><b id="child">related</b></a><i id="text">text</i></div>
<div class="space"></div>
<script>
  document.getElementById("text").addEventListener("click", (e) => e.stopImmediatePropagation());
  addEventListener("contextmenu", (e) => e.preventDefault());  // nothing lies over the page
</script>
"""
CTR = 'const ctr = await import("/clickThroughRate.mjs");'
START = f"""(async () => {{
  {CTR}
  const card = {{selector: "#card", friendlyName: "related card"}};
  allotment.getInstrument("related-articles").use(ctr.clickThroughRate(card));
}})()"""


def test_click_through_rate__element_scrolled_in_and_out__one_impression(
    site: Site, page: Tab
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
    site: Site, page: Tab, height: int
) -> None:
    site.write("/", CARD.format(style=f"height: {height}px; width: 300px"))
    page.goto(site.origin)
    page.evaluate(START)
    scroll_to(page, 2900)  # it has 500 of 600 pixels of the viewport
    assert flushed(page)["sent"] == 0
    scroll_to(page, 3000)
    assert flushed(page)["sent"] == 1


def test_click_through_rate__placeholder_filled_later__impression_then(
    site: Site, page: Tab
) -> None:
    site.write("/", '<div id="card" style="width: 100px"></div>')
    page.goto(site.origin)
    page.evaluate(START)
    page.evaluate(OBSERVED)
    assert flushed(page)["sent"] == 0
    page.evaluate("document.getElementById('card').style.height = '100px'")
    page.wait_for_function("allotment.counters.waiting + allotment.counters.sent === 1")


def test_click_through_rate__clicks__every_one_numbered_in_one_funnel(
    site: Site, page: Tab
) -> None:
    site.write("/", CARD.format(style="height: 200px"))
    page.goto(site.origin)
    page.evaluate(START)
    page.evaluate(START)  # the same again changes nothing
    scroll_to(page, 2900)
    page.click("#text")  # its own handler lets no click through
    page.click("#card", position={"x": 300, "y": 150})
    page.click(".space:last-of-type", position={"x": 400, "y": 290})  # beside it
    page.click("#text", button="right")  # only opens a menu
    page.click("#text", button="middle")
    page.click("#child")  # goes to another page
    page.wait_for_url("**/other")
    wait_for(lambda: len(site.events) >= 5)
    assert actions(site) == ["impression", *["click"] * 4]
    tokens = {event["funnel_entry_token"] for event in site.events}
    assert len(tokens) == 1
    assert re.fullmatch(r"[0-9a-f]{20}", tokens.pop())
    assert [event["funnel_event_sequence_position"] for event in site.events] == [1, 2, 3, 4, 5]


def test_events__from_a_page__carry_membership_and_attributes(site: Site, page: Tab) -> None:
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


def test_click_through_rate__of_an_experiment__numbered_too(site: Site, page: Tab) -> None:
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
    site: Site, page: Tab
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


def test_events__cookies_disabled__nothing_sent(site: Site, engine: Engine) -> None:
    site.write("/", CARD.format(style="height: 200px"))
    with engine.page_without_cookies() as page:
        page.goto(site.origin)
        assert page.evaluate("navigator.cookieEnabled") is False
        page.evaluate(START)
        scroll_to(page, 2900)
        page.click("#text")
        assert flushed(page) == {"sent": 0, "waiting": 0, "dropped": {"cookies_disabled": 2}}
        page.goto(f"{site.origin}/other")
    assert site.events == []


def test_events__larger_than_a_page_leaves_behind_and_intake_down__sent_again(
    site: Site, page: Tab
) -> None:
    site.write("/", "")
    site.statuses = [503]
    page.goto(site.origin)
    page.evaluate("""allotment.submitInteraction("product_metrics.web_base", "/s/1.0.0", "a",
        {action_context: "x".repeat(70000)})""")
    assert flushed(page) == {"sent": 1, "waiting": 0, "dropped": {}}
    assert len(site.posts) == 2
    first, second = site.events
    assert first["meta"]["id"] == second["meta"]["id"]


def test_events__configuration_of_the_registry__fetched_for_the_page(site: Site, page: Tab) -> None:
    registry = f"http://127.0.0.1:{site.server_port}"
    tag = f'data-registry="{registry}" data-intake="{site.intake}"'
    body = '<script>allotment.getInstrument("related-articles").send("early")</script>'
    site.write("/", body, config={}, tag=tag)
    page.goto(site.origin)
    wait_for(lambda: site.events)
    assert actions(site) == ["early"]
    assert site.events[0]["funnel_event_sequence_position"] == 1


def test_module__imported__agrees_with_the_law_and_makes_clients(site: Site, page: Tab) -> None:
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
