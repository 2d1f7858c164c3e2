"""Logging in, the one-time password, and the door for local work."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.conf import LazySettings
from django.test import Client
from tests.registry.page_reading import Page

from allotment.registry import bootstrap
from allotment.registry.models import Account

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
NEW = "seven small boats at dawn"


@pytest.fixture
def one_time_password() -> str:
    """The password of a first admin that was just made."""
    password = bootstrap.create_first_admin()
    assert password is not None
    return password


def log_in(client: Client, password: str, **more: str) -> int:
    answer = client.post("/login", {"username": "admin", "password": password} | more)
    return answer.status_code


def test_create_first_admin__twice__password_once(one_time_password: str) -> None:
    assert len(one_time_password) >= 16
    assert bootstrap.create_first_admin() is None
    account = Account.objects.get()
    assert (account.username, account.is_superuser) == ("admin", True)


def test_log_in__one_time_password__nothing_else_before_it_is_changed(
    one_time_password: str,
) -> None:
    client = Client()
    assert log_in(client, one_time_password) == 302
    for path in ("/", "/directory", "/experiments/new"):
        assert client.get(path)["Location"] == "/password"
    assert client.get("/api/v1/experiments").status_code == 200
    page = Page(client.get("/password").content.decode())
    assert page.faults() == []
    changed = {"old_password": one_time_password, "new_password1": NEW, "new_password2": NEW}
    assert client.post("/password", changed)["Location"] == "/"
    assert client.get("/").status_code == 200
    assert log_in(Client(), one_time_password) == 422
    assert log_in(Client(), NEW) == 302


@pytest.mark.parametrize(
    ("old", "first", "second", "field"),
    [
        ("wrong", NEW, NEW, "id_old_password_error"),
        (None, "short", "short", "id_new_password2_error"),
        (None, "password1234", "password1234", "id_new_password2_error"),
        (None, NEW, "another one than that", "id_new_password2_error"),
    ],
)
def test_change_password__fault__said_and_still_due(
    one_time_password: str, old: str | None, first: str, second: str, field: str
) -> None:
    client = Client()
    log_in(client, one_time_password)
    fields = {"old_password": old or one_time_password}
    answer = client.post("/password", fields | {"new_password1": first, "new_password2": second})
    assert answer.status_code == 422
    page = Page(answer.content.decode())
    assert page.faults() == []
    assert field in {e.attributes.get("id") for e in page.elements}
    assert Account.objects.get().must_change_password


def test_log_in__wrong_password__says_so_without_telling_which(one_time_password: str) -> None:
    for name in ("admin", "nobody"):
        answer = Client().post("/login", {"username": name, "password": "wrong"})
        assert answer.status_code == 422
        assert "No account has this name and password" in answer.content.decode()
        assert Page(answer.content.decode()).faults() == []


def test_log_in__page_that_was_wanted__goes_there_and_nowhere_else(account: Account) -> None:
    account.set_password(NEW)
    account.save()
    fields = {"username": account.username, "password": NEW}
    for wanted, reached in (("/directory", "/directory"), ("https://elsewhere.example/", "/")):
        answer = Client().post("/login", fields | {"next": wanted})
        assert answer["Location"] == reached


def test_log_in_locally__setting_off__is_not_there() -> None:
    assert "Log in for local work" not in Client().get("/login").content.decode()
    assert Client().post("/login/local").status_code == 404
    assert not Account.objects.exists()


def test_log_in_locally__setting_on__one_button(settings: LazySettings) -> None:
    settings.ALLOTMENT = replace(settings.ALLOTMENT, dev_login=True)
    client = Client()
    page = client.get("/login").content.decode()
    assert "Log in for local work" in page
    assert Page(page).faults() == []
    assert client.post("/login/local")["Location"] == "/"
    assert client.get("/").status_code == 200
    assert not Account.objects.get(username="local").has_usable_password()


def test_log_out__then__pages_are_closed(visitor: Client) -> None:
    assert visitor.post("/logout")["Location"] == "/login"
    assert visitor.get("/")["Location"] == "/login?next=/"


def test_cookies__session__cannot_be_read_by_script(one_time_password: str) -> None:
    client = Client()
    log_in(client, one_time_password)
    cookie = client.cookies["allotment_session"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
