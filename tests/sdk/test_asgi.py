from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from allotment.sdk import AllotmentASGIMiddleware, Client
from allotment.sdk.asgi import ASGIApp, Message, Receive, Scope, Send, page_head

PAGE = b"<html><head><title>x</title></head><body>text</body></html>"
NAME = "related-articles-card"


def app_of(
    pieces: list[bytes],
    headers: dict[str, str] | None = None,
    seen: list[Any] | None = None,
) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if seen is not None:
            seen.append(scope["allotment.visitor"])
        found = {"Content-Type": "text/html", **(headers or {})}
        pairs = [(k.encode(), v.encode()) for k, v in found.items()]
        await send({"type": "http.response.start", "status": 200, "headers": pairs})
        for number, piece in enumerate(pieces, start=1):
            more = number < len(pieces)
            await send({"type": "http.response.body", "body": piece, "more_body": more})

    return app


def get(app: ASGIApp, path: str = "/", **options: Any) -> httpx.Response:  # noqa: ANN401
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://demo.example") as http:
            return await http.get(path, **options)

    return asyncio.run(ask())


def messages(app: ASGIApp, method: str = "GET") -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope: Scope = {"type": "http", "method": method, "path": "/", "headers": []}
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    return sent


def test_page__whole__gets_head_length_cookies_and_privacy(client: Client) -> None:
    app = AllotmentASGIMiddleware(app_of([PAGE], {"content-length": str(len(PAGE))}), client)
    answer = get(app)
    assert answer.text.startswith("<html><head><title>x</title><script>window.allotmentUser")
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["cache-control"] == "private"
    assert answer.headers["vary"] == "Cookie"
    assert set(answer.cookies) == {"allotment-browser", "allotment-session"}


def test_page__same_cookies_again__same_visitor(client: Client) -> None:
    seen: list[Any] = []
    app = AllotmentASGIMiddleware(app_of([PAGE], seen=seen), client, user_id=lambda _: "42")
    cookie = "; ".join(f"{k}={v}" for k, v in get(app).cookies.items())
    again = get(app, headers={"Cookie": cookie})
    assert not again.cookies
    assert seen[0].identity == seen[1].identity
    assert seen[0].identity.user_id == "42"


def test_cookies__split_over_headers__are_read(client: Client) -> None:
    seen: list[Any] = []
    app = AllotmentASGIMiddleware(app_of([PAGE], seen=seen), client)
    session, browser = "0" * 20, "1" * 32
    headers = [
        ("cookie", f"allotment-session={session}"),
        ("cookie", f"allotment-browser={browser}"),
    ]
    assert not get(app, headers=headers).cookies
    assert (seen[0].identity.session_id, seen[0].identity.browser_id) == (session, browser)


def test_override__in_the_address__forces(client: Client) -> None:
    answer = get(AllotmentASGIMiddleware(app_of([PAGE]), client), f"/?mpo={NAME}:card")
    assert f'"overrides":["{NAME}"]' in answer.text


@pytest.mark.parametrize("trust", [True, False])
def test_edge__its_header__counts_only_where_it_is_trusted(client: Client, trust: bool) -> None:
    seen: list[Any] = []
    app = AllotmentASGIMiddleware(app_of([PAGE], seen=seen), client, trust_edge=trust)
    get(
        app,
        headers=[("X-Experiment-Enrollments", "x"), ("x-experiment-enrollments", f"{NAME}=card")],
    )
    assert (seen[0].membership.subject_ids[NAME] == "awaiting") is trust


def test_streamed_page__each_piece_goes_at_once(client: Client) -> None:
    pieces = [b"<head><ti", b"tle></he", b"ad><body>", b"one", b"two"]
    headers = {"Content-Length": "31"}
    sent = messages(AllotmentASGIMiddleware(app_of(pieces, headers), client))
    bodies = [m["body"] for m in sent if m["type"] == "http.response.body"]
    assert bodies[0] == b"<head><ti"
    assert bodies[1] == b"tle>"
    assert bodies[2].endswith(b"</script>\n</head><body>")
    assert bodies[3:] == [b"one", b"two"]
    assert b"content-length" not in dict(sent[0]["headers"])
    assert [m.get("more_body") for m in sent[1:]] == [True, True, True, True, False]


def test_streamed_page__ends_in_mid_tag__loses_nothing(client: Client) -> None:
    sent = messages(AllotmentASGIMiddleware(app_of([b"a", b"b</he"]), client))
    assert b"".join(m["body"] for m in sent[1:]) == b"ab</he"


@pytest.mark.parametrize(
    "headers",
    [{"Content-Type": "application/json"}, {"Content-Encoding": "br", "Cache-Control": "public"}],
)
def test_other_content__is_not_changed(client: Client, headers: dict[str, str]) -> None:
    sent = messages(AllotmentASGIMiddleware(app_of([PAGE], headers), client))
    assert sent[1]["body"] == PAGE


def test_other_content__nobody_looked__is_not_private(client: Client) -> None:
    app = AllotmentASGIMiddleware(app_of([b"{}"], {"Content-Type": "application/json"}), client)
    assert dict(messages(app)[0]["headers"]) == {b"content-type": b"application/json"}


def test_head_request__gets_nothing_put_in(client: Client) -> None:
    sent = messages(AllotmentASGIMiddleware(app_of([b""]), client), method="HEAD")
    assert sent[1]["body"] == b""


def test_file_handed_to_the_server__goes_with_headers(client: Client) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.pathsend", "path": "/file"})

    kinds = [m["type"] for m in messages(AllotmentASGIMiddleware(app, client))]
    assert kinds == ["http.response.start", "http.response.pathsend"]


def test_template__places_the_head__once_with_the_nonce(client: Client) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["allotment.nonce"] = "n0nce"
        body = f"<html><head>{page_head(scope)}</head></html>".encode()
        await app_of([body])(scope, receive, send)

    answer = get(AllotmentASGIMiddleware(app, client))
    assert answer.text.count("allotmentUserExperiments") == 1
    assert answer.text.count('nonce="n0nce"') == 2


def test_lifespan__passes_through(client: Client) -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(dict(scope))

    async def nothing(_: Message) -> None: ...

    asyncio.run(AllotmentASGIMiddleware(app, client)({"type": "lifespan"}, None, nothing))  # type: ignore[arg-type]
    assert seen == [{"type": "lifespan"}]


def test_script__is_served(client: Client) -> None:
    answer = get(AllotmentASGIMiddleware(app_of([PAGE]), client), "/_allotment/allotment.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    etag = answer.headers["etag"]
    app = AllotmentASGIMiddleware(app_of([PAGE]), client)
    again = get(app, "/_allotment/allotment.js", headers={"If-None-Match": etag})
    assert again.status_code == 304
