"""The language of pages is the reader's, where we have it; programs are answered in English."""

from __future__ import annotations

import pytest
from django.conf import LazySettings
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def two_languages(settings: LazySettings) -> None:
    """English, and one that Django's own words can be read in."""
    settings.LANGUAGES = [("en", "English"), ("de", "Deutsch")]


def test_page__browser_asks_for_german__said_in_it() -> None:
    answer = Client().get("/login", headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"})
    assert '<html lang="de">' in answer.content.decode()
    assert answer["Content-Language"] == "de"
    assert "Accept-Language" in answer["Vary"]


def test_page__browser_asks_for_what_is_not_there__english() -> None:
    answer = Client().get("/login", headers={"Accept-Language": "fi"})
    assert '<html lang="en">' in answer.content.decode()


def test_switch__chosen__kept_before_what_the_browser_asks_for(visitor: Client) -> None:
    answer = visitor.post("/language", {"language": "de", "next": "/directory?q=a"})
    assert answer["Location"] == "/directory?q=a"
    assert '<html lang="de">' in visitor.get("/").content.decode()
    visitor.post("/language", {"language": "../../etc/passwd"})
    page = visitor.get("/", headers={"Accept-Language": "de"})
    assert '<html lang="en">' in page.content.decode()


@pytest.mark.parametrize("path", ["/api/v1/experiments", "/healthz"])
def test_api__any_language_asked_for__the_same_answer_for_all(path: str) -> None:
    answer = Client().get(path, headers={"Accept-Language": "de"})
    assert answer.status_code == 200
    assert "Accept-Language" not in answer.headers.get("Vary", "")
    assert "Content-Language" not in answer.headers
