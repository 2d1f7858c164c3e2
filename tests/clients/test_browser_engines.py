"""What depends most on the engine, in each: the law, ids, consent, and the way of an event."""

import json
import re
from typing import Any

import pytest
from tests.clients import engines
from tests.clients.browser_site import STREAMS, Site, actions, flushed, wait_for
from tests.clients.engines import Engine
from tests.clients.tab import Tab
from tests.clients.test_browser_delivery import KEPT, SEND
from tests.intake.conftest import Intake
from tests.vector_files import read_vectors

pytestmark = engines.EVERY

# For each file of vectors what the client says of one case, and what the case says.
SAID = {
    "allocation.json": """({subject, experiment: name, groups, weights, rate, ...said}) => {
        const { subjectId: subject_id, enrolled, group } =
            client.allocate({ name, groups, weights }, subject, rate);
        return [{ subject_id, enrolled, group }, said];
    }""",
    "evaluation.json": """({experiment, subject, now, subject_id, group, reason, ...rest}) => [
        client.evaluate(experiment, subject, { ...rest, now: new Date(now) }),
        { experiment: experiment.name, subjectId: subject_id, group, reason },
    ]""",
    "overrides.json": """({text, forced}) =>
        [[...client.parseOverrides(text)].sort(), Object.entries(forced).sort()]""",
    "sampling.json": "(found) => [client.inSample(found.id, found.rate), found.in]",
    "times.json": "({text, ms}) => [client.parseTime(text), ms]",
}
WRONG = """async (name) => {
    const client = await import("/allotment.mjs");
    const { cases } = await (await fetch("/" + name)).json();
    const said = %s;
    const wrong = cases.filter((one) => new Set(said(one).map(JSON.stringify)).size > 1);
    return [cases.length, wrong.slice(0, 3)];
}"""


def with_ids(**more: object) -> dict[str, Any]:
    """A stream whose events have the ids of session and page view."""
    wanted = ["performer_session_id", "performer_pageview_id"]
    made = {"producers": {"metrics_platform_client": {"provide_values": wanted}}}
    return {"streams": {**STREAMS, "product_metrics.web_base": made}, **more}


@pytest.mark.parametrize("name", SAID)
def test_law__vectors__engine_agrees_with_every_one(site: Site, page: Tab, name: str) -> None:
    cases = read_vectors(name)["cases"]
    site.pages[f"/{name}"] = json.dumps({"cases": cases})
    site.write("/", "")
    page.goto(site.origin)
    assert page.evaluate(WRONG % SAID[name], name) == [len(cases), []]


def test_ids__of_three_pages__one_session_and_a_page_view_each(site: Site, page: Tab) -> None:
    site.write("/", "", with_ids(intakeUrl=site.intake))
    page.goto(site.origin)
    page.evaluate(SEND, "first")
    page.evaluate(SEND, "first again")
    assert flushed(page)["sent"] == 2
    page.reload()
    page.evaluate(SEND, "second")
    assert flushed(page)["sent"] == 1
    wait_for(lambda: len(site.events) == 3)
    ids = [event["performer"] for event in site.events]
    (session,) = {found["session_id"] for found in ids}
    first, again, second = (found["pageview_id"] for found in ids)
    assert first == again != second
    assert all(re.fullmatch(r"[0-9a-f]{20}", found) for found in (session, first, second))
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert cookies["allotment-session"]["value"] == session
    assert cookies["allotment-session"]["expires"] == -1


def test_consent__refused_then_given__nothing_is_kept_before(site: Site, page: Tab) -> None:
    site.write("/", "", with_ids(intakeUrl=site.intake, consent=False))
    page.goto(site.origin)
    page.evaluate(SEND, "refused")
    assert page.evaluate("allotment.getInstrument('related-articles').isInSample()") is False
    assert flushed(page) == {"sent": 0, "waiting": 0, "dropped": {"no_consent": 1}}
    kept = "[document.cookie, localStorage.length, sessionStorage.length]"
    assert page.evaluate(kept) == ["", 0, 0]
    page.evaluate("allotment.setConsent(true)")
    page.evaluate(SEND, "allowed")
    assert flushed(page)["sent"] == 1
    page.evaluate(SEND, "withdrawn")
    page.evaluate("allotment.setConsent(false)")
    page.goto(f"{site.origin}/other")
    assert page.evaluate(KEPT) == []
    assert actions(site) == ["allowed"]


def test_calls__before_the_configuration__wait_with_their_own_times(site: Site, page: Tab) -> None:
    site.write("/", "")
    page.goto(site.origin)
    page.evaluate("""() => {
        class Late extends allotment.DefaultIntegration {
            getStreamConfigs() { return new Promise((done) => { window.arrive = done; }); }
        }
        window.late = allotment.createClient(new Late());
        late.submitClick("product_metrics.web_base");
        window.called = new Date().toISOString();
        late.submitClick("unknown");
    }""")
    assert page.evaluate("late.counters") == {"sent": 0, "waiting": 0, "dropped": {}}
    page.evaluate("(streams) => arrive(streams)", STREAMS)
    page.evaluate("late.flush()")
    page.wait_for_function("late.counters.sent === 1")
    assert page.evaluate("late.counters.dropped") == {"unknown_stream": 1}
    assert site.events[0]["dt"] <= page.evaluate("called")


def test_exposure__told_twice_and_on_the_next_page__sent_once(site: Site, page: Tab) -> None:
    site.write("/", "")
    for _ in range(2):
        page.goto(site.origin)
        for _ in range(2):
            page.evaluate("allotment.getExperiment('foo').sendExposure()")
        flushed(page)
    page.evaluate(SEND, "last")
    flushed(page)
    assert actions(site) == ["experiment_exposure", "last"]


def test_events__to_the_real_intake__are_in_its_journal(
    site: Site, page: Tab, real_intake: Intake
) -> None:
    real_intake.mark()
    intake = f"http://127.0.0.1:{real_intake.port}/v1/events"
    site.write("/", "", with_ids(intakeUrl=intake, context={"page": {"id": 7}}))
    page.goto(site.origin)
    page.evaluate("""() => {
        allotment.getExperiment("foo").sendExposure();
        for (let count = 1; count < 45; ++count) {
            allotment.submitClick("product_metrics.web_base", { element_id: `${count}` });
        }
    }""")
    assert flushed(page) == {"sent": 45, "waiting": 0, "dropped": {}}
    page.evaluate("allotment.submitClick('product_metrics.web_base', { element_id: 'left' })")
    page.goto(f"{site.origin}/other")
    wait_for(lambda: len(real_intake.records()) >= 46)
    found = real_intake.records()
    assert len({event["meta"]["id"] for event in found}) == len(found) == 46
    assert {event.get("element_id", "") for event in found} >= {"1", "44", "left"}
    assert {event["experiments"]["assigned"]["foo"] for event in found} == {"treatment"}


def test_batches__many_at_once__twenty_in_a_request(site: Site, page: Tab) -> None:
    site.write("/", "")
    page.goto(site.origin)
    script = f"() => {{ for (let count = 0; count < 45; ++count) ({SEND})(`${{count}}`); }}"
    page.evaluate(script)
    page.wait_for_function("allotment.counters.sent === 45")
    assert sorted(len(events) for _, events in site.posts) == [5, 20, 20]


def test_page_hidden__before_the_second_is_over__sent_at_once(
    site: Site, page: Tab, engine: Engine
) -> None:
    site.write("/", "", before="const then = setTimeout; setTimeout = (run) => then(run, 1e9);")
    page.goto(site.origin)
    page.evaluate(SEND, "shown")
    assert site.events == []
    engine.hide(page)
    wait_for(lambda: site.events)
    assert actions(site) == ["shown"]


def test_page_left_and_come_back_to__goes_on(site: Site, page: Tab) -> None:
    site.write("/", "")
    page.goto(site.origin)
    page.evaluate(SEND, "before")
    page.goto(f"{site.origin}/other")
    page.go_back()
    page.evaluate(SEND, "after")
    page.wait_for_function("allotment.counters.waiting === 0")
    assert page.evaluate("allotment.counters.dropped") == {}
    assert page.evaluate(KEPT) == []
    # The first may have come twice, and is the same then.
    ids = {event["meta"]["id"]: event["action"] for event in site.events}
    assert sorted(ids.values()) == ["after", "before"]
