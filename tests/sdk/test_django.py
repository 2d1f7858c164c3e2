"""The Django middleware in a small site, asked through Django's own handlers."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import AsyncClient, override_settings
from django.test import Client as Browser
from tests.sdk.stand_ins import Intake

from allotment.sdk import Client
from allotment.sdk import django as middleware
from allotment.sdk.testing import Recorder

NAME = "related-articles-card"
PAGE = "<html><head><title>x</title></head><body>text</body></html>"
SITE: dict[str, Any] = {
    "ROOT_URLCONF": "tests.sdk.django_site",
    "MIDDLEWARE": ["allotment.sdk.django.AllotmentMiddleware"],
    "TEMPLATES": [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {"context_processors": ["allotment.sdk.django.template_context"]},
        }
    ],
    "SECURE_SSL_REDIRECT": False,
    "ALLOWED_HOSTS": ["*"],
}


@pytest.fixture
def site(client: Client) -> Iterator[Browser]:
    with override_settings(**SITE, ALLOTMENT_CLIENT=client):
        yield Browser()


def test_page__gets_head_length_cookies_and_privacy(site: Browser) -> None:
    answer = site.get("/page")
    text = answer.content.decode()
    assert text.startswith("<html><head><title>x</title><script>window.allotmentUser")
    assert answer["Content-Length"] == str(len(answer.content))
    assert answer["Cache-Control"] == "private"
    assert answer["Vary"] == "Cookie"
    assert not answer.has_header("ETag")
    browser, session = (answer.cookies[f"allotment-{kind}"] for kind in ("browser", "session"))
    assert (len(browser.value), browser["max-age"], browser["httponly"]) == (32, "31536000", True)
    assert (len(session.value), session["max-age"], session["httponly"]) == (20, "", "")
    assert browser["samesite"] == session["samesite"] == "Lax"
    again = site.get("/page")
    assert not again.cookies, "the ids of the first answer came back"


def test_https__cookies_are_secure(site: Browser) -> None:
    answer = site.get("/page", secure=True)
    assert all(cookie["secure"] for cookie in answer.cookies.values())


def test_data__nobody_looked__is_untouched(site: Browser) -> None:
    answer = site.get("/data")
    assert dict(answer.items()) == {
        "Content-Type": "application/json",
        "Cache-Control": "public, max-age=60",
    }
    assert not answer.cookies


def test_data__membership_looked_at__is_private_and_the_event_arrives(
    site: Browser, client: Client, intake: Intake
) -> None:
    answer = site.get("/looked-at")
    assert answer.json()["group"] in {"control", "card"}
    assert answer.json()["browser"] == answer.cookies["allotment-browser"].value
    assert answer["Cache-Control"] == "private"
    assert client.delivery.flush()
    assert [event["action"] for event in intake.events] == ["impression"]


@pytest.mark.parametrize("trust", [True, False])
def test_edge__its_header__counts_only_where_it_is_trusted(
    site: Browser, monkeypatch: pytest.MonkeyPatch, trust: bool
) -> None:
    monkeypatch.setattr(middleware.AllotmentMiddleware, "trust_edge", trust)
    groups = set()
    for _ in range(30):
        site.cookies.clear()
        answer = site.get("/looked-at", headers={"X-Experiment-Enrollments": f"{NAME}=card"})
        groups.add(answer.json()["group"])
    assert groups == ({"card"} if trust else {"card", "control"})


def test_override__in_the_address__forces(site: Browser) -> None:
    assert site.get(f"/looked-at?mpo={NAME}:elsewhere").json()["group"] == "elsewhere"


def test_head_request__has_nothing_put_in(site: Browser) -> None:
    answer = site.head("/page")
    assert answer["Content-Length"] == str(len(PAGE))
    assert answer["Cache-Control"] == "private"


def test_template__places_the_head__once_with_the_nonce(site: Browser) -> None:
    text = site.get("/placed").content.decode()
    assert text.count("allotmentUserExperiments") == 1
    assert text.count('nonce="n0nce"') == 2
    assert "<body>demowiki</body>" in text


def test_streamed_page__pieces_go_on(site: Browser) -> None:
    answer = site.get("/streamed")
    assert not answer.has_header("Content-Length")
    pieces = list(answer.streaming_content)  # type: ignore[attr-defined]
    assert pieces[:2] == [b"<head><ti", b"tle>"]
    assert pieces[2].endswith(b"</script>\n</head><body>")


def test_script__is_served_with_caching(site: Browser) -> None:
    answer = site.get("/_allotment/allotment.js")
    assert answer["Content-Type"] == "text/javascript; charset=utf-8"
    assert not answer.cookies
    again = site.get("/_allotment/allotment.js", headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert not again.has_header("Content-Type")
    assert site.post("/_allotment/allotment.js").status_code == 405


@pytest.mark.django_db
def test_user__logged_in__is_the_visitor(site: Browser, django_user_model: Any) -> None:  # noqa: ANN401
    with override_settings(
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            *SITE["MIDDLEWARE"],
        ],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
        AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.ModelBackend"],
    ):
        user = django_user_model.objects.create_user("ada")
        browser = Browser()
        assert browser.get("/looked-at").json()["user"] is None
        browser.force_login(user)
        assert browser.get("/looked-at").json()["user"] == str(user.pk)
        assert "sessionid" not in browser.get("/data").cookies


def test_derived_class__says_user_and_context(client: Client, allotment: Recorder) -> None:
    targeted = {
        "name": NAME,
        "groups": ["control", "card"],
        "sample_rate": {"default": 1},
        "user_identifier_type": "mw-user",
        "stream_name": "product_metrics.web_base",
        "targeting": {"page_namespace_id": {"equals": 4}},
    }
    allotment.configure(experiments=[targeted])
    derived = {**SITE, "MIDDLEWARE": ["tests.sdk.django_site.Anonymous"]}
    with override_settings(**derived, ALLOTMENT_CLIENT=client):
        browser = Browser()
        assert browser.get("/looked-at").json()["group"] is None
        named = browser.get("/looked-at", headers={"X-User": "7"}).json()
        assert (named["user"], named["group"] is None) == ("7", False)


def test_async_site__pages_and_streams__are_the_same(site: Browser) -> None:
    async def ask() -> tuple[Any, Any]:
        page = await AsyncClient().get("/async-page")
        streamed = await AsyncClient().get("/async-streamed")
        pieces = [piece async for piece in streamed.streaming_content]  # type: ignore[attr-defined]
        return page, b"".join(pieces)

    page, body = asyncio.run(ask())
    assert "<script>window.allotmentUser" in page.content.decode()
    assert page["Cache-Control"] == "private"
    assert "allotment-browser" in page.cookies
    assert b"</script>\n</head><body>one" in body


def test_settings__arguments__make_one_client_for_all() -> None:
    arguments = {
        "registry_url": "http://127.0.0.1:9",
        "intake_url": "http://127.0.0.1:9/v1/events",
        "site": "setwiki",
    }
    with override_settings(**SITE, ALLOTMENT_CLIENT=arguments):
        assert middleware.client() is middleware.client()
        assert Browser().get("/job").json() == {"site": "setwiki"}
    with override_settings(ALLOTMENT_CLIENT={**arguments, "site": "other"}):
        assert middleware.client().site == "other"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "ALLOTMENT_CLIENT is None; give a dictionary with registry_url"),
        ({"site": "x"}, "ALLOTMENT_CLIENT: .* missing 2 required"),
        ({"site": "x", "registry_url": "ftp://x", "intake_url": "http://x"}, "ALLOTMENT_CLIENT: "),
    ],
)
def test_settings__that_cannot_be_used__say_so_at_the_start(given: object, told: str) -> None:
    with (
        override_settings(**SITE, ALLOTMENT_CLIENT=given),
        pytest.raises(ImproperlyConfigured, match=told),
    ):
        Browser().get("/job")
