"""The tabs of an item and the check whether it worked, in a browser: each an address of its own."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.test import Client
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from allotment.registry import lifecycle, seeding
from allotment.registry.models import Account
from allotment.registry.plan import ExperimentPlan

pytestmark = [
    pytest.mark.usefixtures("database_beside_a_loop"),
    pytest.mark.django_db(transaction=True),
]
E = "/experiments/search-suggestions"


def test_tabs__clicked__only_the_middle_of_the_page_changes(
    chromium: Browser, live_server: LiveServer, experiment_plan: Callable[..., ExperimentPlan]
) -> None:
    seeding.create_streams()
    lifecycle.activate(lifecycle.create(experiment_plan()))
    client = Client()
    client.force_login(Account.objects.create_user(username="ada", role="admin"))
    address = str(live_server.url)
    context = chromium.new_context()
    context.add_cookies(
        [{"name": n, "value": c.value, "url": address} for n, c in client.cookies.items()]
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}{E}")
    page.evaluate("window.stays = true")
    tabs = page.get_by_role("navigation", name="Experiment", exact=True)
    for word, path, title in (
        ("Install", f"{E}/install", "Install Search suggestions"),
        ("Health", f"{E}/health", "Health of Search suggestions"),
        ("Configuration", f"{E}/configuration", "Configuration of Search suggestions"),
        ("Install", f"{E}/install", "Install Search suggestions"),
    ):
        tabs.get_by_role("link", name=word).click()
        expect(page).to_have_url(f"{address}{path}")
        expect(page).to_have_title(re.compile(title))
        expect(tabs.locator("[aria-current=page]")).to_have_text(word)
        expect(tabs.get_by_role("link", name=word)).to_be_focused()
    assert page.evaluate("window.stays") is True
    # What came by htmx has its Copy buttons, once each, and can be asked anew.
    snippets = page.locator(".snippet").count()
    expect(page.locator(".snippet button")).to_have_count(snippets)
    page.get_by_role("link", name="Look again").click()
    expect(page.locator("#did-it-work")).to_contain_text("not known")
    assert page.evaluate("window.stays") is True
    page.go_back()
    expect(page).to_have_title(re.compile("Configuration of Search suggestions"))
    # On paper it is light, whatever the theme, and without what can only be pressed.
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    expect(tabs).to_be_hidden()
    page.emulate_media(media="screen", color_scheme="light")
    # Whose session has ended is sent to the log-in page as a whole.
    context.clear_cookies()
    tabs.get_by_role("link", name="Health").click()
    expect(page).to_have_url(re.compile(r"/login\?next="))
    expect(page.get_by_role("navigation", name="Main")).to_have_count(0)
    assert complaints == []
    context.close()
