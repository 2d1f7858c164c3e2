"""The instruments in each engine; what they send is taken by the real intake."""

import copy
import re

from tests.clients import engines
from tests.clients.browser_site import (
    MEMBERSHIP,
    OBSERVED,
    STREAMS,
    Site,
    actions,
    each_once,
    flushed,
    scroll_to,
    wait_for,
)
from tests.clients.tab import Tab
from tests.intake.conftest import Intake

pytestmark = engines.EVERY

USE = """async ({ name, options, sender }) => {
    const found = await import(`/${name}.mjs`);
    const [kind, of] = sender.split(" ");
    allotment[kind === "experiment" ? "getExperiment" : "getInstrument"](of)
        .use(found[name](options));
}"""


def use(
    page: Tab, name: str, sender: str = "instrument related-articles", **options: object
) -> None:
    page.evaluate(USE, {"name": name, "options": options, "sender": sender})


def leave(page: Tab, site: Site) -> None:
    page.goto(f"{site.origin}/other")


def taken(intake: Intake, site: Site) -> None:
    """All that arrived at the site is a good event to the real intake."""
    for event in copy.deepcopy(site.events):
        reply = intake.send([event])
        assert reply.status == 201, reply.json()


def test_click_through_rate__many__each_element_and_those_that_come_later(
    site: Site, page: Tab, real_intake: Intake
) -> None:
    card = '<p class="card" style="height: 40px">card</p>'
    site.write("/", f'<div id="card">{card}{card}</div>')
    page.goto(site.origin)
    use(page, "clickThroughRate", selector=".card", friendlyName="cards", many=True)
    page.wait_for_function("allotment.counters.waiting + allotment.counters.sent === 2")
    page.evaluate("document.getElementById('card').insertAdjacentHTML('beforeend', `" + card + "`)")
    page.wait_for_function("allotment.counters.waiting + allotment.counters.sent === 3")
    page.click(".card:nth-child(3)")
    page.click(".card:nth-child(1)", button="middle")
    page.evaluate("document.querySelector('.card:nth-child(2)').remove()")
    page.click(".card:nth-child(2)")
    assert flushed(page)["sent"] == 6
    wait_for(lambda: len(site.events) == 6)
    assert actions(site) == ["impression"] * 3 + ["click"] * 3
    tokens = [event["funnel_entry_token"] for event in site.events]
    assert len(set(tokens)) == 3
    assert tokens[3] == tokens[5] == tokens[2]
    assert tokens[4] in tokens[:2]  # these two came into view together
    assert [e["funnel_event_sequence_position"] for e in site.events] == [1, 1, 1, 2, 2, 3]
    taken(real_intake, site)


def test_click_through_rate__stop_many__nothing_further(site: Site, page: Tab) -> None:
    site.write("/", '<p class="card" style="height: 40px" id="card">card</p>')
    page.goto(site.origin)
    page.evaluate("""async () => {
        const { ClickThroughRateInstrument: ctr } = await import("/clickThroughRate.mjs");
        const sender = allotment.getExperiment("foo");
        const state = ctr.startMany(".card", "cards", sender);
        window.same = state === ctr.startMany(".card", "cards", sender);
        ctr.stopMany(state);
    }""")
    page.click(".card")
    page.evaluate("document.body.append(document.querySelector('.card').cloneNode(true))")
    page.evaluate(OBSERVED)
    assert page.evaluate("same") is True
    assert flushed(page)["sent"] == 0


def test_page_visit__referrers__told_by_class(site: Site, page: Tab, real_intake: Intake) -> None:
    site.write("/", '<a href="/next">next</a>')
    site.write("/next", "")
    site.pages["/links"] = f'<a href="{site.origin}/next">next</a>'
    page.goto(site.origin)
    use(page, "pageVisit", recordReferrerClass=True)
    page.click("a")
    page.wait_for_url("**/next")
    use(page, "pageVisit", "experiment foo", recordReferrerClass=True)
    use(page, "pageVisit")
    page.goto(f"{site.elsewhere}/links")
    page.click("a")
    page.wait_for_url("**/next")
    use(page, "pageVisit", recordReferrerClass=True)
    leave(page, site)
    wait_for(lambda: len(each_once(site)) == 4)
    visits = each_once(site)
    assert {event["action"] for event in visits} == {"page_visit"}
    found = [event.get("action_source") for event in visits]
    assert found == ["no_referrer", "internal_referrer", None, "external_referrer"]
    assert visits[1]["experiments"]["assigned"] == MEMBERSHIP["assigned"]
    taken(real_intake, site)


def test_session_length__page_left__seconds_that_it_was_visible(
    site: Site, page: Tab, real_intake: Intake
) -> None:
    site.write("/", "")
    page.goto(site.origin)
    use(page, "sessionLength")
    # The clock of the page is put forward; nothing waits.
    page.evaluate("() => { const now = performance.now(); performance.now = () => now + 41_600; }")
    leave(page, site)
    wait_for(lambda: site.events)
    assert actions(site) == ["visible"]
    assert site.events[0]["action_context"] in {"41", "42"}
    assert re.fullmatch(r"[0-9a-f]{20}", site.events[0]["performer"]["session_id"])
    taken(real_intake, site)


def test_scroll_depth__quarters__each_told_once(site: Site, page: Tab, real_intake: Intake) -> None:
    site.write(
        "/", '<style>body { margin: 0 }</style><p id="card" style="height: 2400px; margin: 0">'
    )
    page.goto(site.origin)
    use(page, "scrollDepth")
    for y in (0, 700, 0, 1800, 0, 1800):  # 600 of 2,400 pixels are in view
        scroll_to(page, y)
    page.wait_for_function("allotment.counters.waiting + allotment.counters.sent === 4")
    leave(page, site)
    wait_for(lambda: len(site.events) == 4)
    assert actions(site) == ["scroll"] * 4
    assert [event["action_subtype"] for event in site.events] == ["25", "50", "75", "100"]
    taken(real_intake, site)


def test_form_funnel__sent_and_abandoned__two_passages(
    site: Site, page: Tab, real_intake: Intake
) -> None:
    form = '<form onsubmit="return false"><input><button>go</button></form><input id="other">'
    site.write("/", form)
    page.goto(site.origin)
    use(page, "formFunnel", selector="form", friendlyName="sign-up")
    page.fill("#other", "elsewhere")
    page.fill("form input", "secret")
    page.click("button")
    page.fill("form input", "secret again")
    leave(page, site)
    wait_for(lambda: len(site.events) == 4)
    assert actions(site) == ["form_start", "form_submit", "form_start", "form_abandon"]
    assert [e["funnel_event_sequence_position"] for e in site.events] == [1, 2, 1, 2]
    tokens = [event["funnel_entry_token"] for event in site.events]
    assert tokens[0] == tokens[1] != tokens[2] == tokens[3]
    assert {event["funnel_name"] for event in site.events} == {"sign-up"}
    assert "secret" not in str(site.events)
    taken(real_intake, site)


def test_error_count__uncaught__class_without_message_and_not_too_many(
    site: Site, page: Tab, real_intake: Intake
) -> None:
    site.write("/", "")
    page.goto(site.origin)
    use(page, "errorCount", most=2)
    page.evaluate("""() => {
        const event = new ErrorEvent("error", { error: new TypeError("secret") });
        dispatchEvent(event);
        const [promise, reason] = [Promise.resolve(), "secret"];
        dispatchEvent(new PromiseRejectionEvent("unhandledrejection", { promise, reason }));
        dispatchEvent(event);
    }""")
    leave(page, site)
    wait_for(lambda: len(site.events) == 2)
    assert [(e["action"], e["action_subtype"]) for e in site.events] == [
        ("error", "TypeError"),
        ("error", "string"),
    ]
    assert "secret" not in str(site.events)
    taken(real_intake, site)


def test_exposure_and_click__real_intake__takes_them(
    site: Site, page: Tab, real_intake: Intake
) -> None:
    site.write("/", "")
    page.goto(site.origin)
    page.evaluate("""() => {
        allotment.getExperiment("foo").sendExposure();
        allotment.submitClick("product_metrics.web_base", { element_id: "x" });
    }""")
    assert set(STREAMS) >= {"product_metrics.web_base"}
    page.goto(site.origin)
    page.evaluate("allotment.getExperiment('foo').sendExposure()")
    leave(page, site)
    wait_for(lambda: len(each_once(site)) == 2)
    assert [event["action"] for event in each_once(site)] == ["experiment_exposure", "click"]
    taken(real_intake, site)
