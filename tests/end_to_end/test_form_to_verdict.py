"""From the form to the verdict, in a real browser: what a newcomer does, and that it is true."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from tests.end_to_end.lab import REFRESH_SECONDS, VISIBLE_SECONDS, Found, Lab, until
from tests.end_to_end.recorder import Recorder
from tests.free_ports import free_ports

from allotment.allocation import allocate, parse_experiment, subject_hash

CARD = "related-articles-card"
PROMPT = "search-prompt"
CLICKS = "demo-article-clicks"
PASSWORD = "radish-turnip-7-carrots"
READERS_PER_KIND = 20
ARTICLE = "/wiki/crop-rotation"


@dataclass
class Walk:
    """What the forty readers did, as seen from outside."""

    lab: Lab
    recorder: Recorder
    configs: dict[str, dict[str, Any]]
    browser_ids: list[str] = field(default_factory=list)
    user_ids: list[str] = field(default_factory=list)
    related_clicks: Counter[str] = field(default_factory=Counter)
    related_views: Counter[str] = field(default_factory=Counter)


def fill_shared(page: Page, name: str, machine_name: str) -> None:
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Machine name").fill(machine_name)
    page.get_by_label("Owner").fill("Reading team")
    page.get_by_label("Share at all other sites").fill("100")
    page.get_by_label("Stream").select_option("product_metrics.web_base")
    page.get_by_label("Risk").select_option(label="Low")
    page.get_by_label("This follows the data collection guidelines").check()


def create_experiment(page: Page, lab: Lab, name: str, machine_name: str, **choice: str) -> None:
    page.goto(f"{lab.registry}/experiments/new")
    fill_shared(page, name, machine_name)
    page.get_by_label("What do you expect").fill("If it is shown, more readers go on.")
    page.get_by_label(choice["who"], exact=True).check()
    page.get_by_label("Group 1, group").fill("control")
    page.get_by_label("Group 2, group").fill(choice["treatment"])
    page.get_by_text("Schema, attributes").click()
    page.get_by_label("Is the reader logged in?").check()
    page.get_by_role("button", name="Save draft").click()
    page.get_by_role("button", name="Switch on").click()
    page.get_by_text("Running", exact=True).first.wait_for()


def create_instrument(page: Page, lab: Lab) -> None:
    page.goto(f"{lab.registry}/instruments/new")
    fill_shared(page, "Article clicks", CLICKS)
    page.get_by_label("Each session").check()
    page.get_by_role("button", name="Save draft").click()
    page.get_by_role("button", name="Switch on").click()
    page.get_by_text("Running", exact=True).first.wait_for()


def log_in(page: Page, lab: Lab, password: str) -> None:
    page.goto(f"{lab.registry}/login")
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def log_in_with_one_time_password(page: Page, lab: Lab) -> None:
    found = re.search(r"one-time password (\S+)", lab.console)
    assert found
    log_in(page, lab, found[1])
    page.get_by_label("One-time password").fill(found[1])
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password again").fill(PASSWORD)
    page.get_by_role("button", name="Change password").click()
    page.get_by_text("Your password is changed.").wait_for()


def membership(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate("window.allotmentUserExperiments")
    return found


def wait_for_answers(page: Page, count: int) -> None:
    """Until the page's client has sent so many events, and none waits."""
    page.evaluate("window.allotment.flush()")
    page.wait_for_function(
        "n => allotment.counters.sent >= n && allotment.counters.waiting === 0", arg=count
    )


def read_an_article(context: BrowserContext, walk: Walk, number: int) -> None:
    page = context.new_page()
    page.goto(f"{walk.lab.demo}{ARTICLE}")
    group = membership(page)["assigned"].get(CARD, "")
    page.locator("#related").scroll_into_view_if_needed()
    page.wait_for_function("allotment.counters.sent + allotment.counters.waiting >= 1")
    walk.related_views[group] += 1
    if number % 3 == 0:
        page.locator("#related a").first.click()
        page.wait_for_url(re.compile(r"/wiki/(?!crop-rotation)"))
        walk.related_clicks[group] += 1
    else:
        page.goto(f"{walk.lab.demo}/")
    page.close()


@pytest.fixture(scope="module")
def walk(make_lab: Callable[..., Lab], chromium: Browser) -> Iterator[Walk]:
    (tap,) = free_ports(1)
    lab = make_lab(ALLOTMENT_INTAKE_URL=f"http://127.0.0.1:{tap}/v1/events")
    recorder = Recorder(lab.intake)
    recorder.start(tap)
    try:
        lab.start("--empty")
        office = chromium.new_context()
        page = office.new_page()
        page.set_default_timeout(60_000)
        log_in_with_one_time_password(page, lab)
        create_instrument(page, lab)
        create_experiment(page, lab, "Related card", CARD, who="A browser", treatment="card")
        create_experiment(page, lab, "Prompt", PROMPT, who="A user account", treatment="prompt")
        office.close()
        served = httpx.get(f"{lab.registry}/api/v1/experiments").json()
        walk = Walk(lab, recorder, {item["name"]: item for item in served})
        until(lambda: demo_knows(lab, {CARD, PROMPT}), 60, "the demo knows both experiments")
        for number in range(READERS_PER_KIND):
            with_cookies = chromium.new_context()
            read_an_article(with_cookies, walk, number)
            cookies = {c["name"]: c["value"] for c in with_cookies.cookies()}
            walk.browser_ids.append(cookies["allotment-browser"])
            with_cookies.close()
        for number in range(READERS_PER_KIND):
            user = str(1000 + number)
            account = chromium.new_context()
            form = account.new_page()
            form.goto(f"{lab.demo}/login")
            form.get_by_label("Or as reader number").fill(user)
            form.locator("form.number button").click()
            form.get_by_text("Log out").wait_for()
            form.close()
            read_an_article(account, walk, number)
            cookies = {c["name"]: c["value"] for c in account.cookies()}
            walk.browser_ids.append(cookies["allotment-browser"])
            walk.user_ids.append(user)
            account.close()
        yield walk
    finally:
        recorder.stop()


def demo_knows(lab: Lab, names: set[str]) -> bool:
    page = httpx.get(f"{lab.demo}/").text
    return all(name in page for name in names)


def agree_within(seconds: float, pair: Callable[[], tuple[Found, Found]]) -> None:
    """Read two accounts of the same until they are equal; fail with both after `seconds`."""
    deadline = time.monotonic() + seconds
    left, right = pair()
    while left != right and time.monotonic() < deadline:
        left, right = pair()
    assert left == right


def statuses(walk: Walk) -> set[int | None]:
    return {sent.status for sent in list(walk.recorder.sent)}


def stored(lab: Lab) -> list[dict[str, Any]]:
    return lab.sql(
        "select meta.id as id, meta.stream as stream, action, instrument_name,"
        " experiments, element_friendly_name, funnel_event_sequence_position as position,"
        " performer.is_logged_in as logged_in, agent.client_platform as platform"
        " from event.product_metrics_web_base"
    )


def test_monotable__after_the_walk__holds_exactly_what_was_sent(walk: Walk) -> None:
    # The site's server and pages that are gone may still be sending: both sides are read anew.
    def told_apart() -> tuple[Counter[str], Counter[str]]:
        in_lake = Counter(row["id"] for row in stored(walk.lab))
        return in_lake, Counter(event["meta"]["id"] for event in walk.recorder.events())

    agree_within(VISIBLE_SECONDS, told_apart)
    assert len(walk.recorder.events()) > 2 * 2 * READERS_PER_KIND
    until(lambda: None not in statuses(walk), VISIBLE_SECONDS, "every request is answered")
    assert statuses(walk) == {201}


def test_membership__on_each_event__equals_the_law(walk: Walk) -> None:
    card = parse_experiment(walk.configs[CARD])
    prompt = parse_experiment(walk.configs[PROMPT])
    expected = {
        CARD: {subject_hash(i, CARD): allocate(card, i).group for i in walk.browser_ids},
        PROMPT: {subject_hash(i, PROMPT): allocate(prompt, i).group for i in walk.user_ids},
    }
    seen: dict[str, dict[str, str]] = {CARD: {}, PROMPT: {}}
    for event in walk.recorder.events(by_browser=True):
        record = event["experiments"]
        for name in record["enrolled"]:
            seen[name][record["subject_ids"][name]] = record["assigned"][name]
            assert record["coordinators"][name] == "default"
            assert record["versions"][name] == walk.configs[name]["version"]
        if event["instrument_name"] != CLICKS:  # which asks for no attributes
            assert event["performer"] == {"is_logged_in": PROMPT in record["enrolled"]}
    assert seen == expected


def test_instrument__events__carry_its_name(walk: Walk) -> None:
    views = [
        event
        for event in walk.recorder.events(by_browser=True)
        if event.get("instrument_name") == CLICKS
    ]
    assert len(views) >= 2 * READERS_PER_KIND
    assert {event["element_friendly_name"] for event in views} == {"article links"}
    assert {event["meta"]["stream"] for event in views} == {"product_metrics.web_base"}


def result_page(chromium: Browser, lab: Lab) -> str:
    context = chromium.new_context()
    page = context.new_page()
    log_in(page, lab, PASSWORD)
    page.goto(f"{lab.registry}/experiments/{CARD}/results")
    text = page.locator("main").inner_text()
    context.close()
    return text


def counts_of_report(walk: Walk) -> dict[str, tuple[int, int, int]]:
    """Subjects, impressions and clicks of each group, as the lab tells them."""
    report = json.loads(walk.lab.run("analyze", CARD, "--format", "json"))
    return {g["name"]: (g["subjects"], g["impressions"], g["clicks"]) for g in report["groups"]}


def counts_by_hand(walk: Walk) -> dict[str, tuple[int, int, int]]:
    """The same, counted from what went over the wire."""
    subjects: dict[str, set[str]] = {"control": set(), "card": set()}
    actions: Counter[tuple[str, str]] = Counter()
    for event in walk.recorder.events():
        record = event.get("experiments", {})
        if CARD in record.get("enrolled", ()):
            group = record["assigned"][CARD]
            subjects[group].add(record["subject_ids"][CARD])
            if event["instrument_name"] == CARD:  # an instrument's clicks are its own
                actions[group, event["action"]] += 1
    return {
        group: (len(found), actions[group, "impression"], actions[group, "click"])
        for group, found in subjects.items()
    }


def test_results__page_and_command__show_the_hand_count(walk: Walk, chromium: Browser) -> None:
    agree_within(VISIBLE_SECONDS, lambda: (counts_of_report(walk), counts_by_hand(walk)))
    rates = [
        f"{100 * clicks / impressions:.1f}%"
        for _, impressions, clicks in counts_by_hand(walk).values()
    ]

    def all_shown() -> bool:
        text = result_page(chromium, walk.lab)
        return all(rate in text for rate in rates)

    until(all_shown, VISIBLE_SECONDS, f"the page shows {rates}")


def test_switching_off__within_the_delay__ends_enrollment(walk: Walk, chromium: Browser) -> None:
    context = chromium.new_context()
    page = context.new_page()
    log_in(page, walk.lab, PASSWORD)
    page.goto(f"{walk.lab.registry}/experiments/{PROMPT}")
    page.get_by_role("link", name="Stop now").click()
    page.get_by_role("button", name="Stop now").click()
    page.get_by_text("Nobody is enrolled any more").wait_for()
    context.close()
    reader = httpx.Client(timeout=60)
    reader.post(f"{walk.lab.demo}/login", data={"reader": "1000"})

    def not_enrolled() -> bool:
        return PROMPT not in reader.get(f"{walk.lab.demo}{ARTICLE}").text

    # Long beside the delay: a busy machine takes its time over each page.
    until(not_enrolled, 15 * REFRESH_SECONDS, "the site has read that it is off")
    reader.close()
