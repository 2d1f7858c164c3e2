import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.sdk.stand_ins import Intake, Registry, wait_until

from allotment.allocation import subject_hash
from allotment.sdk import Client
from allotment_demo.articles import library
from allotment_demo.readers import READERS

NAME = "related-articles-card"


@pytest.fixture
def browser(wiki: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=wiki, follow_redirects=True, timeout=60) as http:
        yield http


def sent(client: Client, intake: Intake) -> list[dict[str, Any]]:
    assert client.delivery.flush()
    return intake.events


def test_home__lists_every_article(browser: httpx.Client) -> None:
    text = browser.get("/").text
    assert all(f'href="/wiki/{slug}"' in text for slug in library())


@pytest.mark.parametrize("group", ["control", "card"])
def test_articles__each_in_its_group__shows_the_groups_form(
    browser: httpx.Client, group: str
) -> None:
    for slug, article in library().items():
        answer = browser.get(f"/wiki/{slug}?mpo={NAME}:{group}")
        assert answer.status_code == 200
        related = re.search(r'<section id="related".*?</section>', answer.text, re.DOTALL)
        assert related is not None
        links = re.findall(r'href="/wiki/([a-z-]+)"', related[0])
        assert links == list(article.related[:3]), "both groups offer the same articles"
        assert ('class="card"' in related[0]) == (group == "card")
        assert answer.text.count("window.allotmentUserExperiments=") == 1
        assert "forced by the address" in answer.text


def test_page__policy__allows_its_own_scripts_only(browser: httpx.Client, intake: Intake) -> None:
    answer = browser.get("/")
    policy = answer.headers["content-security-policy"]
    nonce = re.search(r"'nonce-([^']+)'", policy)
    assert nonce is not None
    scripts = re.findall(r"<script([^>]*)>", answer.text)
    assert all(f'nonce="{nonce[1]}"' in tag or 'src="/static/' in tag for tag in scripts)
    assert intake.url.rsplit("/v1", 1)[0] in policy
    assert "unsafe" not in policy
    assert browser.get("/").headers["content-security-policy"] != policy
    assert not re.search(r"<[^>]+ (style|on\w+)=", answer.text)


def test_page__caching__is_private(browser: httpx.Client) -> None:
    headers = browser.get("/wiki/leek").headers
    assert headers["cache-control"] == "private"
    assert headers["vary"] == "Cookie"


@pytest.mark.parametrize("name", ["demo.css", "demo.js", "mark.svg"])
def test_static__is_public_and_sets_no_cookie(browser: httpx.Client, name: str) -> None:
    answer = browser.get(f"/static/{name}")
    assert answer.status_code == 200
    assert "public" in answer.headers["cache-control"]
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/wiki/none", "/static/../app.py", "/static/app.py", "/x?q=<script>", "/%00", "/%ff"]
)
def test_unknown__404_with_escaped_path(browser: httpx.Client, path: str) -> None:
    answer = browser.get(path)
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text


def test_search__finds_and_sends_an_event_without_the_words(
    browser: httpx.Client, client: Client, intake: Intake
) -> None:
    text = browser.get("/search", params={"q": "vitamin"}).text
    assert 'href="/wiki/james-lind"' in text
    (event,) = sent(client, intake)
    assert event["action"] == "search"
    assert event["action_context"] == '{"results": 1}'
    assert event["experiments"]["enrolled"] == [NAME]
    assert "vitamin" not in str(event)


def test_search_box__forced_into_the_prompt__says_what_to_try(browser: httpx.Client) -> None:
    assert 'placeholder="Search the articles"' in browser.get("/").text
    prompted = browser.get("/?mpo=search-prompt:prompt").text
    assert 'class="search prompt"' in prompted
    assert 'placeholder="Try “frost” or “surveyor”"' in prompted


def test_search__hostile_words__are_text(browser: httpx.Client) -> None:
    text = browser.get("/search", params={"q": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in text
    assert 'value="&quot;&gt;&lt;script&gt;' in text


def test_search__empty__sends_nothing(
    browser: httpx.Client, client: Client, intake: Intake
) -> None:
    assert browser.get("/search?q=").status_code == 200
    assert sent(client, intake) == []


def test_login__reader__is_the_subject_until_logout(
    browser: httpx.Client, client: Client, registry: Registry
) -> None:
    users = {**registry.experiments[0], "name": "for-accounts", "user_identifier_type": "mw-user"}
    registry.experiments = [users]
    registry.version = 2
    wait_until(lambda: "for-accounts" in client.configuration.current().experiments, "it arrives")
    reader = READERS[3]
    assert "not enrolled" in browser.get("/").text
    answer = browser.post("/login", data={"reader": reader.user_id, "back": "/wiki/leek"})
    assert answer.url.path == "/wiki/leek"
    assert reader.name in answer.text
    assert subject_hash(reader.user_id, "for-accounts") in answer.text
    answer = browser.post("/logout", data={"back": "/wiki/leek"})
    assert reader.name not in answer.text
    assert "not enrolled" in answer.text


def test_login__any_number__is_a_reader(browser: httpx.Client) -> None:
    assert "Reader 4711" in browser.post("/login", data={"reader": "4711"}).text


@pytest.mark.parametrize("reader", ["", "0", "-1", "x", "1234567890", "1\n", "<b>"])
def test_login__no_reader__400_and_says_why(browser: httpx.Client, reader: str) -> None:
    answer = browser.post("/login", data={"reader": reader})
    assert answer.status_code == 400
    assert "whole number" in answer.text


@pytest.mark.parametrize(
    "back", ["//evil.example/", "/\\evil.example", "https://evil.example/", "evil", "/a\r\nX: y"]
)
def test_login__back_to_elsewhere__goes_home(wiki: str, back: str) -> None:
    answer = httpx.post(f"{wiki}/login", data={"reader": "1", "back": back})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize("cookie", ["1", "1.", "1.0000", f"2.{'0' * 64}", ".", "ä.ö"])
def test_login__forged_cookie__is_nobody(wiki: str, cookie: str) -> None:
    headers = {b"Cookie": f"demo-reader={cookie}".encode()}
    answer = httpx.get(wiki, headers=headers)
    assert answer.status_code == 200
    assert "Log in" in answer.text
    assert "Log out" not in answer.text


def test_login__from_another_site__403(wiki: str) -> None:
    answer = httpx.post(
        f"{wiki}/login", data={"reader": "1"}, headers={"Origin": "http://evil.example"}
    )
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_footer__experiment_switched_off__says_so(
    browser: httpx.Client, client: Client, registry: Registry
) -> None:
    assert "this reader is in group" in browser.get("/").text
    registry.experiments, registry.version = [], 2
    wait_until(lambda: not client.configuration.current().experiments, "it is switched off")
    assert "No experiment is running here now." in browser.get("/").text


def test_healthz__tells_age_and_counts(browser: httpx.Client) -> None:
    found = browser.get("/healthz").json()
    assert found["status"] == "ok"
    assert found["configuration"]["version"] == 1
    assert found["delivery"]["rejected"] == 0


def test_head_request__has_no_body(browser: httpx.Client) -> None:
    answer = browser.head("/wiki/leek")
    assert answer.status_code == 200
    assert answer.content == b""
