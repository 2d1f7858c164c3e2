"""API tokens: shown once, kept as a hash, refused in words."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core import serializers
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from tests.registry.page_reading import Page

from allotment.registry import tokens
from allotment.registry.models import Account, ApiToken, AuditEntry
from allotment.registry.tokens import TokenRefusedError, token_account

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]


@pytest.fixture
def made(account: Account) -> tuple[ApiToken, str]:
    """A token and its text."""
    return tokens.make(
        account, name="export", scopes=["read"], expires=timezone.now() + timedelta(days=7)
    )


def test_token_account__right_header__account_and_scopes(made: tuple[ApiToken, str]) -> None:
    token, text = made
    for header in (f"Bearer {text}", f"bearer  {text} "):
        account, scopes = token_account(header)
        assert (account, scopes) == (token.account, frozenset({"read"}))
        assert account.token_identifier == token.identifier


def test_make__stored__holds_no_secret(made: tuple[ApiToken, str]) -> None:
    _, text = made
    secret = text.split("_", 2)[2]
    kept = serializers.serialize("json", [*ApiToken.objects.all(), *AuditEntry.objects.all()])
    assert text.startswith("alt_")
    assert len(secret) == 43
    assert secret not in kept


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer alt_", "Basic YWRhOng=", "Bearer alt_0123_short", "alt_x", "Bearer é"],
)
def test_token_account__no_token__says_how_to_send_one(header: str) -> None:
    with pytest.raises(TokenRefusedError, match="Send “Authorization: Bearer"):
        token_account(header)


def test_token_account__wrong_secret_or_identifier__not_known(made: tuple[ApiToken, str]) -> None:
    token, text = made
    swapped = text[:-1] + ("A" if text[-1] != "A" else "B")
    elsewhere = text.replace(token.identifier, "0" * 12)
    for wrong in (swapped, elsewhere):
        with pytest.raises(TokenRefusedError, match="not known"):
            token_account(f"Bearer {wrong}")


def test_token_account__revoked_ended_or_switched_off__says_which(
    made: tuple[ApiToken, str],
) -> None:
    token, text = made
    Account.objects.update(is_active=False)
    with pytest.raises(TokenRefusedError, match="switched off"):
        token_account(f"Bearer {text}")
    Account.objects.update(is_active=True)
    ApiToken.objects.update(expires=timezone.now() - timedelta(seconds=1))
    with pytest.raises(TokenRefusedError, match="ended"):
        token_account(f"Bearer {text}")
    tokens.revoke(token)
    with pytest.raises(TokenRefusedError, match="revoked"):
        token_account(f"Bearer {text}")


def test_token_account__used_often__writes_seldom(made: tuple[ApiToken, str]) -> None:
    _, text = made
    token_account(f"Bearer {text}")
    first = ApiToken.objects.get().last_used
    assert first is not None
    with CaptureQueriesContext(connection) as asked:
        token_account(f"Bearer {text}")
    assert [query["sql"].split()[0] for query in asked] == ["SELECT"]
    ApiToken.objects.update(last_used=first - timedelta(minutes=6))
    token_account(f"Bearer {text}")
    later = ApiToken.objects.get().last_used
    assert later is not None
    assert later >= first


@pytest.mark.parametrize(
    ("scopes", "days"), [([], 7), (["everything"], 7), (["read"], 0), (["read"], 400)]
)
def test_make__no_scope_or_no_end__is_refused(
    account: Account, scopes: list[str], days: int
) -> None:
    with pytest.raises(ValueError, match=r"scopes are|within a year"):
        tokens.make(account, name="x", scopes=scopes, expires=timezone.now() + timedelta(days=days))


def test_pages__make_and_revoke__token_is_shown_once(visitor: Client) -> None:
    assert Page(visitor.get("/account/tokens/new").content.decode()).faults() == []
    assert visitor.post("/account/tokens/new", {"name": "x", "life": "7"}).status_code == 422
    posted = {"name": "export", "scopes": ["read", "write"], "life": "30"}
    answer = visitor.post("/account/tokens/new", posted)
    text = Page(answer.content.decode()).all("pre")[0].text
    assert "no-store" in answer["Cache-Control"]
    _, scopes = token_account(f"Bearer {text}")
    assert scopes == {"read", "write"}
    token = ApiToken.objects.get()
    shown = visitor.get("/account").content.decode()
    assert token.identifier in shown
    assert text not in shown
    visitor.post(f"/account/tokens/{token.identifier}/revoke")
    with pytest.raises(TokenRefusedError):
        token_account(f"Bearer {text}")


def test_revoke__token_of_another__is_not_there_but_for_admins(
    made: tuple[ApiToken, str], visitor: Client
) -> None:
    token, _ = made
    other = Account.objects.create_user("grace", role="operator")
    client = Client()
    client.force_login(other)
    assert client.post(f"/account/tokens/{token.identifier}/revoke").status_code == 404
    assert ApiToken.objects.get().revoked is None
    assert token.identifier in visitor.get("/people/tokens").content.decode()
    Account.objects.create_superuser("root")
    boss = Client()
    boss.force_login(Account.objects.get(username="root"))
    assert boss.post(f"/account/tokens/{token.identifier}/revoke")["Location"] == "/people/tokens"
    assert ApiToken.objects.get().revoked is not None
