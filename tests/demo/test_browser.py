"""The wiki in a real browser: its own scripts run under its policy, and what is seen is sent."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from tests.sdk.stand_ins import Intake, wait_until

from allotment.sdk import Client

NAME = "related-articles-card"


@pytest.fixture
def page(chromium: Browser, wiki: str) -> Iterator[Page]:
    with chromium.new_context(base_url=wiki, viewport={"width": 390, "height": 700}) as context:
        page = context.new_page()
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        yield page
        assert problems == []


def of_related(intake: Intake) -> list[dict[str, Any]]:
    """Each once: the next page sends again what had no answer when its page was left."""
    found = [e for e in intake.events if e.get("element_friendly_name") == "related articles"]
    return list({event["meta"]["id"]: event for event in found}.values())


@pytest.mark.parametrize("group", ["control", "card"])
def test_article__seen_and_clicked__both_are_sent_with_the_group(
    page: Page, intake: Intake, group: str
) -> None:
    page.goto(f"/wiki/leek?mpo={NAME}:{group}")
    page.wait_for_load_state("networkidle")
    assert of_related(intake) == [], "below the fold, so not seen yet"
    page.locator("#related").scroll_into_view_if_needed()
    wait_until(lambda: of_related(intake), "the impression arrives")
    page.locator("#related a").first.click()
    page.wait_for_url("**/wiki/crop-rotation")
    wait_until(lambda: len(of_related(intake)) == 2, "the click arrives")
    seen_and_clicked(intake, group)


def seen_and_clicked(intake: Intake, group: str) -> None:
    """What arrived of one impression and one click is right."""
    impression, click = of_related(intake)
    assert (impression["action"], click["action"]) == ("impression", "click")
    assert impression["funnel_entry_token"] == click["funnel_entry_token"]
    for event in (impression, click):
        assert event["experiments"]["assigned"] == {NAME: group}
        assert event["experiments"]["coordinators"] == {NAME: "forced"}
        assert event["instrument_name"] == NAME


def test_membership__browser_and_server__agree_and_share_the_session(
    page: Page, client: Client, intake: Intake
) -> None:
    page.goto("/search?q=leek")
    page.goto("/wiki/leek")
    page.locator("#related").scroll_into_view_if_needed()
    wait_until(lambda: of_related(intake), "the impression arrives")
    cookies = {c["name"]: c["value"] for c in page.context.cookies()}
    agree_and_share_the_session(intake, client, cookies, page.evaluate("document.cookie"))


def agree_and_share_the_session(
    intake: Intake, client: Client, cookies: Mapping[str, str], readable: str
) -> None:
    """The server's search and the browser's impression are of one membership and session.

    Args:
        intake: what both were sent to.
        client: the server's, which may still hold the search.
        cookies: all that the browser has.
        readable: those that a page's script sees.
    """
    assert client.delivery.flush()
    (search,) = [e for e in intake.events if e["action"] == "search"]
    assert search["experiments"] == of_related(intake)[0]["experiments"]
    assert f"allotment-session={cookies['allotment-session']}" in readable
    assert "allotment-browser" not in readable


def test_pages__phone_width__nothing_sticks_out(page: Page) -> None:
    for path in ("/", "/wiki/student", f"/wiki/metre?mpo={NAME}:card", "/login", "/search?q=soil"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
