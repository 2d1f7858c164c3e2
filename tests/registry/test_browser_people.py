"""People's pages in a real browser: the content policy on each page, and single sign-on there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from django.conf import LazySettings
from django.urls import URLPattern, get_resolver
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django.live_server_helper import LiveServer
from tests.registry import provider as providers

from allotment.registry import lifecycle, seeding
from allotment.registry.models import Account, Team
from allotment.registry.plan import ExperimentPlan, InstrumentPlan

PASSWORD = "seven small boats at dawn"
NAMES = {"experiment": "search-suggestions", "instrument": "desktop-ui-interactions"}


pytestmark = pytest.mark.usefixtures("database_beside_a_loop")


@pytest.fixture
def site(live_server: LiveServer, settings: LazySettings) -> str:
    """The registry over real HTTP; its address."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    seeding.create_streams()
    return str(live_server.url)


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser without any cookie."""
    found = chromium.new_context()
    yield found
    found.close()


def watched(context: BrowserContext) -> tuple[Page, list[str]]:
    """A page, and what it complains of."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page, complaints


def log_in(page: Page, site: str, name: str) -> None:
    page.goto(f"{site}/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{site}/")


def addresses() -> list[str]:
    """Every page that a browser can open, with the names that the test made."""
    found = []
    for entry in get_resolver().url_patterns:
        if not isinstance(entry, URLPattern) or str(entry.pattern).startswith(("api/", "w/")):
            continue
        path = str(entry.pattern)
        kind = path.partition("s/")[0]
        path = path.replace("people/of/<str:name>", "people/of/ada")
        path = path.replace("streams/<str:name>", "streams/product_metrics.web_base")
        path = path.replace(
            "public/experiments/<str:name>", f"public/experiments/{NAMES['experiment']}"
        )
        path = path.replace("<str:name>", NAMES.get(kind, ""))
        path = path.replace("<int:key>", str(Team.objects.get().pk))
        if "<" not in path:
            found.append(f"/{path}")
    return found


def test_pages__content_policy__no_page_breaks_it(
    site: str,
    context: BrowserContext,
    experiment_plan: Callable[..., ExperimentPlan],
    instrument_plan: Callable[..., InstrumentPlan],
) -> None:
    Account.objects.create_superuser("ada", password=PASSWORD)
    Team.objects.create(name="Search team")
    lifecycle.create(experiment_plan())
    lifecycle.create(instrument_plan())
    page, complaints = watched(context)
    log_in(page, site, "ada")
    page.goto(f"{site}/experiments/{NAMES['experiment']}")
    page.get_by_role("button", name="Give it a public page").click()
    opened = 0
    for path in addresses():
        # What takes no GET, or leads elsewhere, is no page.
        if context.request.get(site + path, max_redirects=0).status == 200:
            answer = page.goto(site + path)
            assert answer is not None
            opened += 1
            assert "script-src 'self';" in answer.headers["content-security-policy"], path
            assert answer.headers["x-frame-options"] == "DENY", path
            assert answer.headers["referrer-policy"] == "same-origin", path
    assert opened > 25
    broken = [text for text in complaints if "Content Security Policy" in text]
    assert broken == []


def test_single_sign_on__in_a_browser__in_and_out_again(
    site: str, context: BrowserContext, settings: LazySettings
) -> None:
    with providers.running() as provider:
        sign_in = replace(
            settings.ALLOTMENT.sign_in,
            issuer=provider.url,
            client_id="allotment",
            client_secret="secret",
            roles=(("staff", "author"),),
        )
        settings.ALLOTMENT = replace(settings.ALLOTMENT, sign_in=sign_in)
        provider.know("1001", preferred_username="grace", groups=["staff"])
        page, complaints = watched(context)
        page.goto(f"{site}/directory")
        page.get_by_role("link", name="Single sign-on").click()
        page.wait_for_url(f"{provider.url}/oauth2/authorize**")
        page.locator("input[name=sub]").first.fill("1001")
        page.locator("input[name=sub]").first.press("Enter")
        page.wait_for_url(f"{site}/directory")
        assert page.get_by_role("link", name="grace").is_visible()
        assert Account.objects.get().role == "author"

        page.get_by_role("button", name="Log out").click()
        page.wait_for_url(f"{provider.url}/oauth2/end_session**")
        page.goto(f"{site}/directory")
        assert page.url == f"{site}/login?next=/directory"
        assert [text for text in complaints if "Content Security Policy" in text] == []


def test_log_in__too_often_in_a_browser__says_how_long_to_wait(
    site: str, context: BrowserContext
) -> None:
    Account.objects.create_user("ada", password=PASSWORD)
    page = context.new_page()
    for _ in range(6):
        page.goto(f"{site}/login")
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill("wrong")
        page.get_by_role("button", name="Log in").click()
        page.wait_for_load_state()
    assert "Too many log-ins failed. Wait 15 minutes" in page.get_by_role("alert").inner_text()
