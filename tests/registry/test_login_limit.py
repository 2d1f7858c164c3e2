"""Passwords cannot be tried out, strangers lock nobody out, and no address is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core import serializers
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from tests.registry.page_reading import Page

from allotment.registry import login_limit
from allotment.registry.login_limit import Attempt, client_address, seconds_to_wait, succeeded
from allotment.registry.models import Account, AuditEntry, LoginFailure

pytestmark = pytest.mark.django_db
PASSWORD = "seven small boats at dawn"
FAR = "198.51.100.7"


@pytest.fixture(autouse=True)
def quick_hash(settings: LazySettings) -> None:
    """Hashing is slow on purpose; here passwords are hashed by the dozen."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def ada() -> Account:
    """Somebody with a password."""
    return Account.objects.create_user("ada", password=PASSWORD)


def post(
    client: Client, password: str, address: str = "192.0.2.1", name: str = "ada"
) -> HttpResponse:
    fields = {"username": name, "password": password}
    return client.post("/login", fields, REMOTE_ADDR=address)  # type: ignore[return-value]


@pytest.mark.usefixtures("ada")
def test_log_in__failed_too_often__waits_even_with_the_right_password() -> None:
    client = Client()
    for _ in range(login_limit.NAME_AND_ADDRESS.most):
        assert post(client, "wrong").status_code == 422
    answer = post(client, PASSWORD)
    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 15 * 60 + 1
    page = Page(answer.content.decode())
    assert page.faults() == []
    assert "Too many log-ins failed. Wait 15 minutes" in " ".join(answer.content.decode().split())
    assert post(Client(), PASSWORD, address=FAR).status_code == 302


@pytest.mark.usefixtures("ada")
def test_log_in__time_is_over__may_be_tried_again() -> None:
    client = Client()
    for _ in range(login_limit.NAME_AND_ADDRESS.most):
        post(client, "wrong")
    LoginFailure.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert post(client, PASSWORD).status_code == 302


@pytest.mark.usefixtures("ada")
def test_log_in__strangers_from_everywhere__do_not_lock_out_a_known_browser() -> None:
    known = Client()
    assert post(known, PASSWORD).status_code == 302
    known.post("/logout")
    for number in range(login_limit.NAME.most):
        post(Client(), "wrong", address=f"203.0.113.{number}")
    assert post(Client(), PASSWORD, address=FAR).status_code == 429
    assert post(known, PASSWORD, address=FAR).status_code == 302


@pytest.mark.usefixtures("ada")
def test_log_in__known_browser__is_held_to_a_count_of_its_own() -> None:
    known = Client()
    post(known, PASSWORD)
    known.post("/logout")
    for _ in range(login_limit.KNOWN_BROWSER.most):
        assert post(known, "wrong").status_code == 422
    assert post(known, PASSWORD).status_code == 429


def test_known_browser__cookie_for_another_name_or_made_up__proves_nothing() -> None:
    cookie = login_limit.browser_cookie("ada")
    assert login_limit.known_browser(cookie, "ADA")
    for wrong in ("", "made up", cookie[:-1] + "x"):
        assert login_limit.known_browser(wrong, "ada") == ""
    assert login_limit.known_browser(cookie, "grace") == ""


def test_seconds_to_wait__one_address_and_many_names__waits() -> None:
    for number in range(login_limit.ADDRESS.most):
        assert seconds_to_wait(Attempt(f"name-{number}", FAR)) == 0
    assert seconds_to_wait(Attempt("another", FAR)) > 0
    assert seconds_to_wait(Attempt("another", "192.0.2.1")) == 0


def test_seconds_to_wait__addresses_of_one_ipv6_network__count_as_one() -> None:
    for number in range(login_limit.NAME_AND_ADDRESS.most):
        assert seconds_to_wait(Attempt("ada", f"2001:db8::{number + 1}")) == 0
    assert seconds_to_wait(Attempt("ada", "2001:db8::ffff")) > 0
    assert seconds_to_wait(Attempt("ada", "2001:db8:1::1")) == 0


def test_succeeded__attempt__does_not_count() -> None:
    attempt = Attempt("ada", FAR)
    for _ in range(3 * login_limit.ADDRESS.most):
        assert seconds_to_wait(attempt) == 0
        succeeded(attempt)


@pytest.mark.usefixtures("ada")
def test_stored__after_failures__holds_neither_address_nor_slip_of_the_hand() -> None:
    post(Client(), "wrong", address=FAR)
    post(Client(), "wrong", address=FAR, name=PASSWORD)
    kept = serializers.serialize("json", [*LoginFailure.objects.all(), *AuditEntry.objects.all()])
    assert LoginFailure.objects.count() == 5
    assert FAR not in kept
    assert PASSWORD not in kept
    names = list(AuditEntry.objects.filter(action="log-in-failed").values_list("name", flat=True))
    assert names[:2] == ["", "ada"]


def test_seconds_to_wait__counts_that_are_over__are_removed() -> None:
    seconds_to_wait(Attempt("ada", FAR))
    LoginFailure.objects.update(until=timezone.now() - timedelta(seconds=1))
    seconds_to_wait(Attempt("grace", "192.0.2.1"))
    assert LoginFailure.objects.count() == 3


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
        ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "198.51.100.7, 10.0.0.2", "198.51.100.7"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.2", "10.0.0.2"),
    ],
)
def test_client_address__forwarded__believed_from_our_own_proxies_alone(
    remote: str, forwarded: str, address: str
) -> None:
    assert client_address(remote, forwarded, ("10.0.0.1", "10.0.0.2")) == address


@pytest.mark.usefixtures("ada")
def test_log_in__behind_a_proxy__others_behind_it_are_not_held_up(
    settings: LazySettings, own_data: Path
) -> None:
    sign_in = replace(settings.ALLOTMENT.sign_in, trusted_proxies=("10.0.0.1",))
    settings.ALLOTMENT = replace(settings.ALLOTMENT, sign_in=sign_in)
    for _ in range(login_limit.NAME_AND_ADDRESS.most):
        fields = {"username": "ada", "password": "wrong"}
        Client().post("/login", fields, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=FAR)
    fields = {"username": "ada", "password": PASSWORD}
    first = Client().post("/login", fields, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=FAR)
    other = Client().post(
        "/login", fields, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="192.0.2.9"
    )
    assert (first.status_code, other.status_code) == (429, 302)
    assert own_data.exists()
