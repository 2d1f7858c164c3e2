"""A German reader walks the pages: no English sentence is left, and the switch needs no script."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer
from tests.registry.catalogs import CATALOGS, messages

from allotment.registry import lifecycle, nightly, seeding
from allotment.registry.models import Account, Experiment, Stream
from allotment.registry.plan import ExperimentPlan

pytestmark = [
    pytest.mark.usefixtures("database_beside_a_loop"),
    pytest.mark.django_db(transaction=True),
]
E = "/experiments/search-suggestions"
PAGES = (
    *("/", "/directory", "/calendar", "/streams", "/sites", "/people", "/audit", "/account"),
    *("/kill", "/password", "/experiments/new", "/instruments/new", "/no-such-page"),
    *(f"{E}{tab}" for tab in ("", "/configuration", "/results", "/health", "/history", "/install")),
    *(f"{E}/edit", f"{E}/stop"),
)
# What a reader sees or hears, but what is said to be in English.
READ = """() => {
  const found = [document.title];
  const all = document.querySelectorAll('body, body *');
  for (const one of all) {
    if (one.closest('body [lang=en]') || one.closest('script, style, pre')) continue;
    for (const name of ['aria-label', 'title', 'placeholder', 'data-h', 'alt']) {
      if (one.hasAttribute(name)) found.push(one.getAttribute(name));
    }
    for (const child of one.childNodes) {
      if (child.nodeType === Node.TEXT_NODE) found.push(child.textContent);
    }
  }
  return found.map(text => text.replace(/\\s+/g, ' ').trim()).filter(text => text);
}"""
_SENTENCE = re.compile(r"(?<=[.?!:]) ")
_PLACE = re.compile(r"%\(\w+\)s|<[^>]*>")


def english() -> list[re.Pattern[str]]:
    """What each text of several words looks like in English, in pieces between its elements."""
    (path,) = (path for path in CATALOGS if path.parts[-3] == "de")
    found = set()
    for key, entry in messages.read(path).entries.items():
        for text in (key.text, key.plural):
            for piece in re.split(r"<[^>]*>", text):
                words = re.findall(r"[A-Za-z]{2,}", _PLACE.sub(" ", piece))
                if len(words) > 1 and piece.strip() not in "\n".join(entry.forms):
                    found.add(re.sub(r"%\\\(\w+\\\)s", ".+?", re.escape(piece.strip())))
    return [re.compile(pattern.replace("%%", "%")) for pattern in sorted(found)]


def left(page: Page, patterns: list[re.Pattern[str]]) -> list[str]:
    """The texts of a page that are English ones of the catalog."""
    texts: list[str] = page.evaluate(READ)
    assert len(texts) > 10
    said = dict.fromkeys(piece for text in texts for piece in (text, *_SENTENCE.split(text)))
    return [text for text in said if any(p.fullmatch(text) for p in patterns)]


def reader(chromium: Browser, client: Client, address: str, *, script: bool) -> BrowserContext:
    """A browser that asks for German."""
    context = chromium.new_context(locale="de-DE", java_script_enabled=script)
    context.add_cookies(
        [{"name": n, "value": c.value, "url": address} for n, c in client.cookies.items()]
    )
    return context


@pytest.fixture
def client(experiment_plan: Callable[..., ExperimentPlan]) -> Client:
    """Logged in, in a registry with one experiment that runs and a draft."""
    seeding.create_streams()
    lifecycle.activate(lifecycle.create(experiment_plan()))
    lifecycle.create(experiment_plan(machine_name="drafted-test"))
    found = Client()
    found.force_login(Account.objects.create_user(username="ada", role="admin"))
    return found


def test_walk__german_reader__no_english_sentence_left(
    chromium: Browser, live_server: LiveServer, client: Client
) -> None:
    patterns = english()
    assert len(patterns) > 900
    context = reader(chromium, client, str(live_server.url), script=True)
    page = context.new_page()
    found = {}
    for path in PAGES:
        page.goto(f"{live_server.url}{path}")
        expect(page.locator("html")).to_have_attribute("lang", "de")
        found[path] = left(page, patterns)
    page.goto(f"{live_server.url}/experiments/new")
    page.get_by_label("Name", exact=True).fill("Neu")
    page.get_by_label("Maschinenname").fill("x")
    page.get_by_role("button", name="Entwurf speichern").click()
    expect(
        page.get_by_text("Zurückgewiesen").or_(page.get_by_text("Noch einmal"))
    ).not_to_have_count(0)
    found["refused"] = left(page, patterns)
    assert {path: texts for path, texts in found.items() if texts} == {}
    context.close()


def test_walk__broken_things__what_the_check_finds_in_german(
    chromium: Browser, live_server: LiveServer, client: Client, own_data: Path
) -> None:
    settings = {"eventgate": {}, "topic_prefixes": {}, "include_gk": True}
    Stream.objects.filter(name=seeding.WEB_STREAM).update(settings=settings)
    broken = {"attributes": ["page_namespace", "performer_name", "agent_ua_string"]}
    for name, more in (("search-suggestions", {}), ("drafted-test", {"primary_metric": "clicks"})):
        Experiment.objects.filter(machine_name=name).update(**broken, **more)
    nightly.run(own_data / "registry", timezone.now())
    patterns = english()
    context = reader(chromium, client, str(live_server.url), script=True)
    page = context.new_page()
    found = {}
    pages = ("/", "/health", f"{E}/health", f"{E}/edit", "/experiments/drafted-test/edit")
    for path in pages:
        page.goto(f"{live_server.url}{path}")
        expect(page.get_by_text("page_namespace").first).to_be_attached()
        found[path] = left(page, patterns)
    page.goto(f"{live_server.url}/experiments/drafted-test")
    page.get_by_role("button", name="Einschalten").click()
    expect(page.get_by_text("es gibt keine Kennzahl „clicks“")).to_be_visible()
    found["refused"] = left(page, patterns)
    page.goto(f"{live_server.url}/streams/{seeding.WEB_STREAM}")
    page.get_by_role("button", name="Stream speichern").click()
    expect(page.get_by_text("topic_prefixes ist")).to_be_visible()
    found["stream"] = left(page, patterns)
    assert {path: texts for path, texts in found.items() if texts} == {}
    context.close()


def test_walk__english_reader__the_same_test_finds_english(
    chromium: Browser, live_server: LiveServer, client: Client
) -> None:
    context = chromium.new_context(locale="en-US")
    page = context.new_page()
    page.goto(f"{live_server.url}/login")
    assert len(left(page, english())) > 3
    context.close()


def test_switch__without_a_script__kept_from_page_to_page(
    chromium: Browser, live_server: LiveServer, client: Client
) -> None:
    context = reader(chromium, client, str(live_server.url), script=False)
    page = context.new_page()
    page.goto(f"{live_server.url}/directory?status=running")
    expect(page.get_by_role("heading", level=1)).to_have_text("Verzeichnis")
    page.get_by_role("button", name="English").click()
    expect(page).to_have_url(f"{live_server.url}/directory?status=running")
    expect(page.get_by_role("heading", level=1)).to_have_text("Directory")
    page.goto(f"{live_server.url}/calendar")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.get_by_role("button", name="Deutsch").click()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    context.close()
