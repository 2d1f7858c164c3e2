"""The wiki in the engines beside Chromium's, whose part `test_browser` is."""

from collections.abc import Iterator

import pytest
from tests.clients import engines
from tests.clients.tab import Tab
from tests.demo.test_browser import (
    NAME,
    agree_and_share_the_session,
    of_related,
    seen_and_clicked,
)
from tests.sdk.stand_ins import Intake, wait_until

from allotment.sdk import Client

pytestmark = engines.OTHERS


@pytest.fixture
def page(engine: engines.Engine) -> Iterator[Tab]:
    with engine.page() as opened:
        yield opened


@pytest.mark.parametrize("group", ["control", "card"])
def test_article__seen_and_clicked__both_are_sent_with_the_group(
    page: Tab, wiki: str, intake: Intake, group: str
) -> None:
    page.goto(f"{wiki}/wiki/leek?mpo={NAME}:{group}")
    page.evaluate("document.getElementById('related').scrollIntoView()")
    wait_until(lambda: of_related(intake), "the impression arrives")
    page.click("#related a")
    page.wait_for_url("**/wiki/crop-rotation")
    wait_until(lambda: len(of_related(intake)) == 2, "the click arrives")
    seen_and_clicked(intake, group)


def test_membership__browser_and_server__agree_and_share_the_session(
    page: Tab, wiki: str, client: Client, intake: Intake
) -> None:
    page.goto(f"{wiki}/search?q=leek")
    page.goto(f"{wiki}/wiki/leek")
    page.evaluate("document.getElementById('related').scrollIntoView()")
    wait_until(lambda: of_related(intake), "the impression arrives")
    cookies = {c["name"]: c["value"] for c in page.context.cookies()}
    agree_and_share_the_session(intake, client, cookies, page.evaluate("document.cookie"))
