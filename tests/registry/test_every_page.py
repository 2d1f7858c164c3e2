"""Every page in a real browser: what axe-core finds, sideways scrolling, and sizes of targets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from django.conf import LazySettings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django.live_server_helper import LiveServer
from tests.registry import every_page, lived_in
from tests.registry.lived_in import Lab

AXE = Path(__file__).parent.parent / "browser_tools" / "axe" / "axe.min.js"
PICTURES = Path(__file__).parent.parent.parent / "docs" / "images"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PARTS = 3
"""In how many tests the pages are looked at, so that several processors can share them."""
WIDE, PHONE, ZOOMED = (1280, 900), (390, 844), (320, 640)

# Colors alone differ between the themes, so that all rules run in one of them at each width.
EXAMINE = """async ([tags, colorsAlone]) => {
  const found = await axe.run(document, {
    runOnly: colorsAlone ? ['color-contrast'] : tags,
    rules: {'target-size': {enabled: !colorsAlone}},
    resultTypes: ['violations'],
  });
  return found.violations.flatMap(rule => rule.nodes.map(node => {
    const [why] = [...node.any, ...node.all, ...node.none];
    return `${rule.id}: ${node.target.join(' ')}: ${why ? why.message : rule.help}`;
  }));
}"""

# What reaches beyond the window, unless it scrolls inside a box of its own.
SIDEWAYS = """() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return [];
  const wide = [...document.querySelectorAll('body *')].filter(one => {
    const box = one.getBoundingClientRect();
    return box.width && box.right > room + 1;
  });
  return wide.slice(0, 3).map(one => `scrolls sideways: ${one.outerHTML.slice(0, 120)}`)
    .concat(wide.length ? [] : ['scrolls sideways']);
}"""

MOVING = """() => [...document.querySelectorAll('*')].filter(one => {
  const style = getComputedStyle(one);
  return style.transitionDuration !== '0s' || style.animationName !== 'none'
    || style.scrollBehavior !== 'auto';
}).map(one => `moves: ${one.outerHTML.slice(0, 120)}`)"""


@pytest.mark.django_db
def test_list__every_address__is_looked_at_or_named_as_no_page(lab: Lab) -> None:
    shown = {page.name for page in every_page.of(lab)} - {"not-found"}
    assert shown.isdisjoint(every_page.NO_PAGES)
    assert shown | every_page.NO_PAGES == every_page.names()


@pytest.mark.django_db
def test_pictures__every_page__at_both_widths_and_none_besides(lab: Lab) -> None:
    wanted = {
        f"{shown}-{width}.png"
        for shown in every_page.of(lab)
        for width in (1280, 390)
        if shown.pictured
    }
    stored = {path.name: path.stat().st_size for path in PICTURES.glob("*.png")}
    assert stored.keys() == wanted, "run make screenshots, and remove what is no page any more"
    assert max(stored.values()) < 70_000


@pytest.fixture
def lab(db: None, own_data: Path, settings: LazySettings) -> Lab:
    """A registry that people have used for weeks."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return lived_in.furnish(own_data)


@pytest.fixture
def contexts(
    chromium: Browser, live_server: LiveServer, lab: Lab
) -> Iterator[dict[bool, BrowserContext]]:
    """A browser of the admin's, and (under True) one of nobody's."""
    client = Client()
    client.force_login(lab.admin)
    mine, nobodys = (chromium.new_context(reduced_motion="reduce") for _ in range(2))
    mine.add_cookies(
        [
            {"name": name, "value": cookie.value, "url": str(live_server.url)}
            for name, cookie in client.cookies.items()
        ]
    )
    yield {False: mine, True: nobodys}
    mine.close()
    nobodys.close()


@pytest.mark.usefixtures("database_beside_a_loop")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("part", range(PARTS))
def test_every_page__both_themes_and_widths__nothing_is_in_the_way(
    lab: Lab, live_server: LiveServer, contexts: dict[bool, BrowserContext], part: int
) -> None:
    axe = AXE.read_text(encoding="utf-8")
    pages = {nobodys: context.new_page() for nobodys, context in contexts.items()}
    faults: list[str] = []
    for shown in list(every_page.of(lab))[part::PARTS]:
        page = pages[shown.anonymous]
        answer = page.goto(f"{live_server.url}{shown.address}")
        assert answer is not None
        assert answer.status == (404 if shown.name == "not-found" else 200), shown
        if shown.press:
            page.get_by_role("button", name=shown.press, exact=True).click()
            page.wait_for_load_state()
        page.evaluate(axe)
        faults += [f"{shown}: {fault}" for fault in _examined(page)]
        if not shown.press:
            faults += [f"{shown}: {fault}" for fault in _in_long_words(page)]
    assert not faults, "\n".join(faults)


def _examined(page: Page) -> list[str]:
    found: list[str] = []
    looks: tuple[tuple[tuple[int, int], Literal["light", "dark"], bool], ...] = (
        (WIDE, "light", False),
        (WIDE, "dark", True),
        (PHONE, "dark", False),
        (PHONE, "light", True),
    )
    for (width, height), theme, colors_alone in looks:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=theme)
        faults = page.evaluate(EXAMINE, [TAGS, colors_alone])
        found += [f"{theme}, {width} px: {fault}" for fault in faults]
    page.set_viewport_size({"width": ZOOMED[0], "height": ZOOMED[1]})
    found += [f"{ZOOMED[0]} px: {fault}" for fault in page.evaluate(SIDEWAYS)]
    found += page.evaluate(MOVING)
    return found


def _in_long_words(page: Page) -> list[str]:
    """The same page in German, whose words are long, on the narrowest screen."""
    page.set_extra_http_headers({"Accept-Language": "de"})
    page.reload()
    assert page.locator("html").get_attribute("lang") == "de"
    faults = [f"{ZOOMED[0]} px, in German: {fault}" for fault in page.evaluate(SIDEWAYS)]
    page.set_extra_http_headers({})
    return faults


@pytest.mark.usefixtures("database_beside_a_loop")
@pytest.mark.django_db(transaction=True)
def test_results__on_paper__dark_on_light_without_navigation(
    live_server: LiveServer, contexts: dict[bool, BrowserContext]
) -> None:
    context = contexts[False]
    context.add_cookies([{"name": "theme", "value": "dark", "url": str(live_server.url)}])
    page = context.new_page()
    page.goto(f"{live_server.url}/experiments/{lived_in.STOPPED}/results")
    ink = "() => getComputedStyle(document.body).color"
    assert page.evaluate(ink) == "rgb(233, 237, 234)"
    page.emulate_media(media="print")
    assert page.evaluate(ink) == "rgb(25, 32, 28)"
    shown = page.locator("nav, header.top, footer, button, a.btn, .skip")
    assert shown.count() > 5
    assert [one.inner_text() for one in shown.all() if one.is_visible()] == []
    assert page.get_by_role("heading", level=1).is_visible()
    assert page.locator(".plot svg.broad").is_visible()
