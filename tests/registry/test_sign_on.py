"""Single sign-on against a real provider: a process that signs real tokens, over real HTTP."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import LazySettings
from django.test import Client
from tests.registry import provider as providers
from tests.registry.page_reading import Page
from tests.registry.provider import Provider, begin, come_back, sign_on

from allotment.registry import sso
from allotment.registry.models import Account, AuditEntry
from allotment.sign_in_settings import SignIn

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]
Configure = Callable[..., SignIn]
ROLES = (("admins", "admin"), ("staff", "author"))
SECRET = "a secret that no log may hold"


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """The provider."""
    with providers.running() as found:
        yield found


@pytest.fixture(scope="module")
def other_provider() -> Iterator[Provider]:
    """Another one, with keys of its own."""
    with providers.running() as found:
        yield found


@pytest.fixture
def configure(settings: LazySettings, provider: Provider) -> Configure:
    """Sets single sign-on up; keywords change it."""

    def change(**changes: object) -> SignIn:
        changed: SignIn = replace(settings.ALLOTMENT.sign_in, **changes)  # type: ignore[arg-type]
        settings.ALLOTMENT = replace(settings.ALLOTMENT, sign_in=changed)
        return changed

    change(
        issuer=provider.url,
        client_id="allotment",
        client_secret=SECRET,
        roles=ROLES,
        default_role="viewer",
    )
    return change


def headline(client_answer: object) -> str:
    page = Page(client_answer.content.decode())  # type: ignore[attr-defined]
    assert page.faults() == []
    return page.all("h1")[0].text.strip()


@pytest.mark.usefixtures("configure")
def test_sign_on__first_time__makes_the_account_with_its_groups_role(provider: Provider) -> None:
    provider.know("1001", preferred_username="ada@wiki.example", groups=["staff", "cooks"])
    client = Client()
    answer = sign_on(client, provider, "1001", next="/directory")
    assert (answer.status_code, answer["Location"]) == (302, "/directory")
    account = Account.objects.get()
    assert (account.username, account.role, account.subject) == ("ada", "author", "1001")
    assert not account.has_usable_password()
    assert client.get("/").status_code == 200
    assert [e.action for e in AuditEntry.objects.all()][:2] == ["log-in", "make-account"]


@pytest.mark.usefixtures("configure")
def test_sign_on__asks_the_provider__with_state_nonce_and_pkce(provider: Provider) -> None:
    asked = parse_qs(urlsplit(begin(Client())).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert {"state", "nonce", "code_challenge"} <= set(asked)
    assert asked["redirect_uri"] == ["http://testserver/login/sso/return"]


@pytest.mark.usefixtures("configure")
def test_sign_on__role_changed_at_the_provider__counts_from_the_next_log_in(
    provider: Provider,
) -> None:
    provider.know("1002", preferred_username="grace", groups=["admins"])
    sign_on(Client(), provider, "1002")
    assert Account.objects.get().role == "admin"
    provider.know("1002", preferred_username="renamed", groups=["staff"])
    sign_on(Client(), provider, "1002")
    account = Account.objects.get()
    assert (account.username, account.role) == ("grace", "author")
    change = AuditEntry.objects.get(action="change-role")
    assert (change.before, change.after) == ("admin", "author")


@pytest.mark.parametrize(("default", "role"), [("viewer", "viewer"), ("author", "author")])
def test_sign_on__group_without_role__gets_the_default(
    provider: Provider, configure: Configure, default: str, role: str
) -> None:
    configure(default_role=default)
    provider.know("1003", groups=["cooks"])
    sign_on(Client(), provider, "1003")
    assert Account.objects.get().role == role


def test_sign_on__group_without_role_and_no_default__stays_out(
    provider: Provider, configure: Configure
) -> None:
    configure(default_role="none")
    provider.know("1004", groups=["cooks"])
    client = Client()
    answer = sign_on(client, provider, "1004")
    assert answer.status_code == 403
    assert headline(answer) == "You may not come in"
    assert not Account.objects.exists()
    assert client.get("/").status_code == 302


def test_sign_on__no_roles_by_group__keeps_what_an_admin_gave(
    provider: Provider, configure: Configure
) -> None:
    configure(roles=())
    sign_on(Client(), provider, "1005")
    Account.objects.update(role="operator")
    sign_on(Client(), provider, "1005")
    assert Account.objects.get().role == "operator"


@pytest.mark.usefixtures("configure")
def test_sign_on__name_of_a_local_account__is_somebody_else(provider: Provider) -> None:
    Account.objects.create_superuser("root", password="seven small boats at dawn")
    provider.know("1006", preferred_username="root", email="root@wiki.example", groups=["staff"])
    sign_on(Client(), provider, "1006")
    assert Account.objects.get(subject="1006").username == "root-2"
    assert Account.objects.get(username="root").role == "admin"


@pytest.mark.usefixtures("configure")
def test_sign_on__account_switched_off__stays_out_and_its_session_ends(provider: Provider) -> None:
    client = Client()
    sign_on(client, provider, "1007")
    assert client.get("/").status_code == 200
    Account.objects.update(is_active=False)
    assert client.get("/")["Location"].startswith("/login")
    answer = sign_on(client, provider, "1007")
    assert answer.status_code == 403
    assert headline(answer) == "Your account is switched off"


@pytest.mark.usefixtures("configure")
def test_return__state_of_another_browser__is_refused(provider: Provider) -> None:
    back = provider.log_in(begin(Client()), "1008")
    stranger = Client()
    for client in (stranger, Client()):
        begin(stranger)
        answer = come_back(client, back)
        assert answer.status_code == 400
        assert headline(answer) == "This log-in was not begun here"
    assert not Account.objects.exists()


@pytest.mark.usefixtures("configure")
def test_return__twice__is_refused(provider: Provider) -> None:
    client = Client()
    back = provider.log_in(begin(client), "1009")
    assert come_back(client, back).status_code == 302
    assert come_back(client, back).status_code == 400


def test_sign_on__signed_with_keys_of_another__is_refused(
    provider: Provider, other_provider: Provider, configure: Configure
) -> None:
    configure(endpoints=provider.endpoints(jwks=f"{other_provider.url}/jwks"))
    answer = sign_on(Client(), provider, "1010")
    assert answer.status_code == 403
    assert headline(answer) == "The provider's answer was not accepted"
    configure(endpoints=provider.endpoints())
    assert sign_on(Client(), provider, "1010").status_code == 302


def test_sign_on__another_issuer_than_set__is_refused(
    provider: Provider, other_provider: Provider, configure: Configure
) -> None:
    configure(issuer=other_provider.url, endpoints=provider.endpoints())
    answer = sign_on(Client(), provider, "1011")
    assert headline(answer) == "The provider's answer was not accepted"
    assert not Account.objects.exists()


def test_sign_on__provider_away__says_so_and_holds_no_secret(
    configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    configure(issuer="http://127.0.0.1:9")
    answer = Client().get("/login/sso")
    assert answer.status_code == 502
    assert headline(answer) == "The provider of single sign-on does not answer"
    assert SECRET not in caplog.text


def test_sign_on__provider_away_after_the_person_came_back__says_so(
    provider: Provider, configure: Configure, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = Client()
    back = provider.log_in(begin(client), "1012")
    gone = tuple((n, "http://127.0.0.1:9/") for n, _ in provider.endpoints())
    configure(endpoints=gone)
    answer = come_back(client, back)
    assert answer.status_code == 502
    assert SECRET not in caplog.text


def test_discovery__provider_away_later__uses_what_it_said_last(
    provider: Provider, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sso, "_KNOWN", sso._Known())
    assert sso.provider().token.startswith(provider.url)
    monkeypatch.setattr(sso, "_DISCOVERY", "/nowhere")
    monkeypatch.setattr(sso, "_KNOWN", sso._Known())
    assert sso.provider().token.startswith(provider.url)
    configure(issuer=f"{provider.url}/other")
    with pytest.raises(sso.ProviderUnavailableError):
        sso.provider()


@pytest.mark.usefixtures("configure")
def test_renewal__due__asks_silently_and_a_no_ends_the_session(provider: Provider) -> None:
    client = Client()
    sign_on(client, provider, "1013")
    session = client.session
    session["oidc_id_token_expiration"] = 1
    session.save()
    sent = client.get("/directory?q=card")["Location"]
    assert sent == "/login/sso?next=%2Fdirectory%3Fq%3Dcard&silent=1"
    asked = client.get(sent)["Location"]
    query = parse_qs(urlsplit(asked).query)
    assert query["prompt"] == ["none"]
    # This provider keeps no log-ins, so it answers "none" with a no; one that does, with a code.
    again = provider.log_in(asked.replace("&prompt=none", ""), "1013")
    assert come_back(client, again)["Location"] == "/directory?q=card"
    assert client.get("/directory").status_code == 200

    session = client.session
    session["oidc_id_token_expiration"] = 1
    session.save()
    asked = client.get(client.get("/directory?q=card")["Location"])["Location"]
    answer = come_back(client, provider.log_in(asked, "1013"))
    assert answer["Location"] == "/login?ended=1&next=%2Fdirectory%3Fq%3Dcard"
    assert "Your log-in has ended" in client.get(answer["Location"]).content.decode()
    assert client.get("/")["Location"] == "/login?next=/"


@pytest.mark.usefixtures("configure")
def test_return__error_that_nobody_asked_for__does_not_end_the_session(provider: Provider) -> None:
    client = Client()
    sign_on(client, provider, "1014")
    answer = client.get("/login/sso/return", {"error": "login_required", "state": "made-up"})
    assert answer.status_code == 400
    assert client.get("/").status_code == 200


@pytest.mark.usefixtures("configure")
def test_renewal__part_of_a_page__tells_the_script_to_load_the_whole(provider: Provider) -> None:
    client = Client()
    sign_on(client, provider, "1015")
    session = client.session
    session["oidc_id_token_expiration"] = 1
    session.save()
    answer = client.get("/directory", headers={"HX-Request": "true"})
    assert (answer.status_code, answer["HX-Refresh"]) == (204, "true")


@pytest.mark.usefixtures("configure")
def test_log_out__began_at_the_provider__ends_there_too(provider: Provider) -> None:
    client = Client()
    sign_on(client, provider, "1016")
    policy = client.get("/")["Content-Security-Policy"]
    assert f"form-action 'self' {provider.url};" in policy
    sent = client.post("/logout")["Location"]
    query = parse_qs(urlsplit(sent).query)
    assert sent.startswith(f"{provider.url}/oauth2/end_session?")
    assert query["post_logout_redirect_uri"] == ["http://testserver/login"]
    assert query["client_id"] == ["allotment"]
    assert query["id_token_hint"][0].count(".") == 2
    assert client.get("/")["Location"] == "/login?next=/"


def test_log_in__local_accounts_switched_off__offers_single_sign_on_alone(
    configure: Configure,
) -> None:
    Account.objects.create_superuser("admin", password="seven small boats at dawn")
    configure(local_login=False)
    page = Client().get("/login?next=/directory").content.decode()
    assert "/login/sso?next=%2Fdirectory" in page
    assert 'name="password"' not in page
    posted = {"username": "admin", "password": "seven small boats at dawn"}
    answer = Client().post("/login", posted)
    assert answer.status_code == 403
    assert "allotment_session" not in answer.cookies


@pytest.mark.usefixtures("configure")
@pytest.mark.parametrize("wanted", ["https://elsewhere.example/", "//elsewhere.example", "\\\\e"])
def test_sign_on__next_beyond_the_registry__goes_home(provider: Provider, wanted: str) -> None:
    answer = sign_on(Client(), provider, "1017", next=wanted)
    assert answer["Location"] == "/"


def test_sign_on__not_set_up__is_not_there() -> None:
    for path in ("/login/sso", "/login/sso/return?code=a&state=b"):
        assert Client().get(path).status_code == 404
    assert "Single sign-on" not in Client().get("/login").content.decode()


@pytest.mark.usefixtures("configure")
def test_log_in__form_with_code_and_state__never_asks_the_provider() -> None:
    posted = {"username": "nobody", "password": "wrong"}
    assert Client().post("/login?code=stolen&state=any", posted).status_code == 422
    assert not Account.objects.exists()
