"""Sessions: rotated at log-in, ended by age, by idleness and by hand."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from django.conf import LazySettings
from django.test import Client
from tests.registry.page_reading import Page

from allotment.registry import people
from allotment.registry.models import Account, AccountSession, AuditEntry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
PASSWORD = "seven small boats at dawn"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(autouse=True)
def quick_hash(settings: LazySettings) -> None:
    """Hashing is slow on purpose; here passwords are hashed by the dozen."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ada() -> Account:
    """Somebody with a password."""
    return Account.objects.create_user("ada", password=PASSWORD)


def logged_in(agent: str = FIREFOX) -> Client:
    client = Client(headers={"User-Agent": agent})
    fields = {"username": "ada", "password": PASSWORD}
    assert client.post("/login", fields).status_code == 302
    return client


def aged(client: Client, **stamps: float) -> None:
    session = client.session
    for name, stamp in stamps.items():
        session[name] = stamp
    session.save()


@pytest.mark.usefixtures("ada")
def test_log_in__session_from_before__gets_another_key() -> None:
    client = Client()
    session = client.session
    session["oidc_states"] = {}
    session.save()
    before = client.cookies["allotment_session"].value
    client.post("/login", {"username": "ada", "password": PASSWORD})
    after = client.cookies["allotment_session"].value
    assert before != after
    assert not AccountSession.objects.filter(session_key=before).exists()


def test_session__logged_in__knows_whose_it_is(ada: Account) -> None:
    client = logged_in()
    row = AccountSession.objects.get(session_key=client.session.session_key)
    assert row.account_id == ada.pk


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize("stamp", ["started", "seen"])
def test_session__too_old_or_left_alone__ends_and_says_so(
    settings: LazySettings, stamp: str
) -> None:
    sign_in = replace(settings.ALLOTMENT.sign_in, session_hours=1, session_idle_minutes=60)
    settings.ALLOTMENT = replace(settings.ALLOTMENT, sign_in=sign_in)
    client = logged_in()
    aged(client, **{stamp: time.time() - 3590})
    assert client.get("/directory?q=a").status_code == 200
    aged(client, **{stamp: time.time() - 3610})
    answer = client.get("/directory?q=a")
    assert answer["Location"] == "/login?next=%2Fdirectory%3Fq%3Da&ended=1"
    page = client.get(answer["Location"])
    assert "Your log-in has ended" in page.content.decode()
    assert Page(page.content.decode()).faults() == []
    assert client.get("/")["Location"] == "/login?next=/"


@pytest.mark.usefixtures("ada")
def test_session__used_all_the_time__is_written_once_a_minute() -> None:
    client = logged_in()
    seen = client.session["seen"]
    client.get("/directory")
    assert client.session["seen"] == seen
    aged(client, seen=time.time() - 61)
    client.get("/directory")
    assert client.session["seen"] > time.time() - 10


@pytest.mark.usefixtures("ada")
def test_account__sessions__are_listed_and_ended_one_by_one() -> None:
    mine, other, third = logged_in(), logged_in("curl/8"), logged_in()
    page = Page(mine.get("/account").content.decode())
    assert page.faults() == []
    assert "Firefox on Linux" in page.source
    for client in (mine, other, third):
        assert str(client.session.session_key) not in page.source
    handle = people.handle(other.session.session_key or "")
    assert handle in page.source
    mine.post("/account/sessions", {"session": handle})
    assert other.get("/").status_code == 302
    assert third.get("/").status_code == 200
    mine.post("/account/sessions")
    assert third.get("/").status_code == 302
    assert mine.get("/").status_code == 200


def test_end_sessions__handle_of_somebody_else__ends_nothing(ada: Account) -> None:
    mine = logged_in()
    stranger = Client()
    stranger.force_login(Account.objects.create_user("eve"))
    handle = people.handle(mine.session.session_key or "")
    stranger.post("/account/sessions", {"session": handle})
    assert mine.get("/").status_code == 200
    assert people.sessions_of(ada).count() == 1


@pytest.mark.usefixtures("ada")
def test_change_password__others__are_ended_and_this_one_stays() -> None:
    mine, other = logged_in(), logged_in()
    new = "eight large boats at dusk"
    fields = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert mine.post("/password", fields)["Location"] == "/"
    assert mine.get("/").status_code == 200
    assert other.get("/").status_code == 302
    assert AuditEntry.objects.filter(action="change-password", who="ada").count() == 1


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit Chrome/140 Safari/537 Edg/140",
            "Edge on Windows",
        ),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140 Mobile Safari/537", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; like Mac OS X) Version/18 Safari/604", "Safari on an iPhone"),
        ("curl/8.5", "A browser"),
        ("", "A browser"),
    ],
)
def test_browser_words__agent__keeps_no_more_than_a_person_needs(agent: str, words: str) -> None:
    assert people.browser_words(agent) == words
