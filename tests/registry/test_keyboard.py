"""From the log-in page to a running experiment with the keyboard alone, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer
from tests.registry import lived_in

from allotment.registry import seeding
from allotment.registry.models import Account, Experiment

PASSWORD = "seven small boats at dawn"
MOST_STOPS = 90
MOST_OF_A_PAGE = 200

pytestmark = [
    pytest.mark.usefixtures("database_beside_a_loop"),
    pytest.mark.django_db(transaction=True),
]

# The element that has the focus: what it is, and whether a person sees that it has it. It is seen
# where an outline or a shadow is drawn, inside the window, and nothing lies on top of it.
STOP = """() => {
  const one = document.activeElement;
  const style = getComputedStyle(one);
  const box = one.getBoundingClientRect();
  const [left, right] = [Math.max(box.left, 0), Math.min(box.right, innerWidth)];
  const [above, below] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)];
  const [x, y] = [(left + right) / 2, (above + below) / 2];
  const top = document.elementFromPoint(x, y);
  const drawn = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2)
    || style.boxShadow !== 'none' || (one.closest('svg') && style.strokeWidth !== '0px');
  const label = one.labels && one.labels.length ? one.labels[0].textContent : '';
  const name = one.getAttribute('aria-label') || label || one.textContent;
  return {
    tag: one.tagName.toLowerCase(),
    id: one.id,
    type: one.type || '',
    name: name.trim().replace(/\\s+/g, ' '),
    described: (one.getAttribute('aria-describedby') || '').split(' ')
      .map(id => (document.getElementById(id) || {textContent: ''}).textContent).join(' '),
    seen: Boolean(drawn && right - left > 1 && below - above > 1 && top
      && (one === top || one.contains(top) || top.contains(one))),
  };
}"""


# Where in the document the focus is, and how many places of it can have the focus.
PLACE = "() => [...document.querySelectorAll('*')].indexOf(document.activeElement)"
STOPS = """() => {
  const able = 'a[href], button, input:not([type=hidden]), select, textarea, summary, '
    + '[tabindex="0"]';
  const found = [...document.querySelectorAll(able)].filter(one => {
    const closed = one.closest('details:not([open])');
    return !one.disabled && one.checkVisibility()
      && !(closed && one.closest('summary') === null && closed.contains(one));
  });
  const groups = new Set();
  return found.filter(one => {
    if (one.type !== 'radio') return true;
    const key = `${one.form ? one.form.id : ''} ${one.name}`;
    return !groups.has(key) && groups.add(key);
  }).length;
}"""


class Keyboard:
    """A person who has a keyboard alone: every stop on the way must show where the focus is."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.stops = 0

    def here(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate(STOP)
        return found

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)

    def tab(self, key: str = "Tab") -> dict[str, Any]:
        """One stop further."""
        self.press(key)
        stop = self.here()
        self.stops += 1
        assert stop["tag"] == "body" or stop["seen"], f"the focus is not seen: {stop}"
        return stop

    def to(self, name: str, *, tag: str = "", key: str = "Tab") -> dict[str, Any]:
        """On to what is called by this name, stop by stop."""
        passed = []
        for _ in range(MOST_STOPS):
            stop = self.tab(key)
            if stop["name"].casefold().startswith(name.casefold()) and tag in {"", stop["tag"]}:
                return stop
            passed.append(stop["name"][:30])
        raise AssertionError(f"Tab never comes to {name!r}, but to {passed}")

    def write(self, label: str, text: str) -> None:
        """Replace what stands in a field."""
        self.to(label)
        self.press("Control+a")
        self.page.keyboard.type(text)


@pytest.fixture
def keyboard(chromium: Browser) -> Iterator[Keyboard]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800})
    yield Keyboard(context.new_page())
    context.close()


def test_newcomer__keyboard_alone__from_log_in_to_a_running_experiment(
    keyboard: Keyboard, live_server: LiveServer, settings: LazySettings
) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    seeding.create_streams()
    Account.objects.create_user("grace", password=PASSWORD, role="author")
    page = keyboard.page
    page.goto(f"{live_server.url}/login")

    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("grace")
    keyboard.write("Password", "of somebody else")
    keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    assert keyboard.here()["name"].startswith("No account has this name and password.")
    keyboard.write("Name", "grace")
    keyboard.write("Password", PASSWORD)
    keyboard.press("Enter")
    page.wait_for_url(f"{live_server.url}/")

    # The first stop is the way past the navigation.
    assert keyboard.tab()["name"] == "Skip to content"
    keyboard.press("Enter")
    assert keyboard.tab()["name"] == "New instrument"
    keyboard.to("New experiment", tag="a")
    keyboard.press("Enter")
    page.wait_for_url("**/experiments/new")
    keyboard.write("Name", "Search suggestions")
    keyboard.to("Save draft", tag="button")
    keyboard.press("Enter")

    # What is missing is said first, leads to the field, and is said there again.
    expect(page.locator("#refused")).to_be_focused()
    assert "Not saved:" in keyboard.here()["name"]
    assert keyboard.to("This follows the data collection", tag="a")
    keyboard.press("Enter")
    expect(page.locator("#id_acknowledged")).to_be_focused()
    guidelines = keyboard.here()
    assert guidelines["seen"]
    assert "Tick the box if it does" in guidelines["described"]
    keyboard.press("Space")

    # Around the page once more: whoever makes it owns it, unless they name somebody else.
    keyboard.to("Owner")
    assert page.locator("#id_owners").input_value() == "@grace"
    keyboard.press("Control+a")
    page.keyboard.type("Search team")

    keyboard.to("A browser")
    keyboard.press("Space")
    keyboard.write("Group 1, Group", "control")
    keyboard.write("Group 2, group", "described")
    keyboard.write("Share at all other sites", "100")
    keyboard.to("Risk", tag="select")
    page.keyboard.type("Low")
    keyboard.to("Save draft", tag="button")
    keyboard.press("Enter")
    page.wait_for_url("**/experiments/search-suggestions")

    keyboard.to("Switch on", tag="button")
    keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Search suggestions runs.")
    expect(page.locator(".title-row")).to_contain_text(re.compile("running", re.IGNORECASE))
    item = Experiment.objects.get()
    assert item.activated is not None
    assert keyboard.stops > 60


def test_form__only_a_field_is_wrong__the_focus_is_there_with_the_reason(
    keyboard: Keyboard, live_server: LiveServer
) -> None:
    client = Client()
    client.force_login(Account.objects.create_user("ada", role="admin"))
    address = str(live_server.url)
    page = keyboard.page
    page.context.add_cookies(
        [{"name": n, "value": c.value, "url": address} for n, c in client.cookies.items()]
    )
    page.goto(f"{address}/sites/new")
    keyboard.to("Save site", tag="button")
    keyboard.press("Enter")
    expect(page.locator("#id_name")).to_be_focused()
    assert "This field is required." in keyboard.here()["described"]


def test_walk__every_stop_of_the_pages_that_have_many__seen_in_order_and_left_again(
    keyboard: Keyboard, live_server: LiveServer, own_data: Path, settings: LazySettings
) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    lab = lived_in.furnish(own_data)
    client = Client()
    client.force_login(lab.admin)
    address = str(live_server.url)
    page = keyboard.page
    page.context.add_cookies(
        [{"name": n, "value": c.value, "url": address} for n, c in client.cookies.items()]
    )
    item = f"/experiments/{lived_in.RUNNING}"
    for path in (
        f"{item}/configuration",
        f"{item}/history?from=1&to=3",
        f"{item}/install",
        "/directory?status=running&sort=start",
        "/calendar",
        f"/streams/{lived_in.STREAM}/history",
        "/kill",
        "/health",
    ):
        page.goto(f"{address}{path}")
        assert page.locator("[tabindex]:not([tabindex='0'], [tabindex='-1'])").count() == 0, path
        assert keyboard.tab()["name"] == "Skip to content"
        places = [page.evaluate(PLACE)]
        # After the last place the browser's own parts follow, or the first one again.
        while keyboard.tab()["tag"] != "body" and page.evaluate(PLACE) != places[0]:
            places.append(page.evaluate(PLACE))
            assert len(places) < MOST_OF_A_PAGE, f"{path} never lets the focus go"
        assert places == sorted(places), f"{path}: the focus jumps back"
        # Radio buttons of one name are one place, and so are the parts of a date.
        assert len(set(places)) == page.evaluate(STOPS), path
        # The way past the navigation leads into the page.
        page.goto(f"{address}{path}")
        keyboard.tab()
        keyboard.press("Enter")
        keyboard.tab()
        assert page.evaluate("document.activeElement.closest('main, footer') !== null"), path
