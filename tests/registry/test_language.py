"""The language of pages is the reader's, where we have it; programs are answered in English."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone
from tests.analysis.synthetic import event, put

from allotment.registry import lifecycle
from allotment.registry.models import Account
from allotment.registry.plan import ExperimentPlan, GroupPlan

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


def test_switch__password_must_be_changed_first__can_be_read_before() -> None:
    client = Client()
    account = Account.objects.create_user(username="new", role="viewer", must_change_password=True)
    client.force_login(account)
    answer = client.post("/language", {"language": "de", "next": "/password"})
    assert answer["Location"] == "/password"
    assert '<html lang="de">' in client.get("/password").content.decode()


@pytest.mark.parametrize("path", ["/api/v1/experiments", "/healthz"])
def test_api__any_language_asked_for__the_same_answer_for_all(path: str) -> None:
    answer = Client().get(path, headers={"Accept-Language": "de"})
    assert answer.status_code == 200
    assert "Accept-Language" not in answer.headers.get("Vary", "")
    assert "Content-Language" not in answer.headers


def test_drawings__german_reader__numbers_as_drawings_need_them(
    visitor: Client, own_data: Path, experiment_plan: Callable[..., ExperimentPlan]
) -> None:
    """A comma in a length would be another number to the browser."""
    plan = experiment_plan(
        sites=(("frwiki", Decimal("0.1234")),),
        groups=tuple(GroupPlan(name=name, weight=3) for name in ("control", "b", "c")),
    )
    item = lifecycle.activate(lifecycle.create(plan))
    moment = (timezone.now() - timedelta(minutes=1)).isoformat()
    put(own_data / "lake", [event("s", "b", "click", 1, experiment=item.machine_name, dt=moment)])
    visitor.cookies["language"] = "de"
    drawn = 0
    for path in ("", "/health", "/results"):
        text = visitor.get(f"/experiments/search-suggestions{path}").content.decode()
        assert '<html lang="de">' in text
        for drawing in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
            lengths = re.findall(r'\s(?:x|y|dx|dy|width|height|rx|viewBox)="([^"]*)"', drawing)
            drawn += sum("." in length for length in lengths)
            assert not [length for length in lengths if "," in length]
    text = visitor.get("/calendar").content.decode()
    assert not re.search(r'\s(?:x|y|width|height)="\d+,', text)
    assert drawn > 5
