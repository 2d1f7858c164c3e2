"""ASGI 3 middleware: enrolls each request's visitor and tells the page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from allotment.sdk import browser_files, page, web
from allotment.sdk.client import Client
from allotment.sdk.events import Context

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

VISITOR = "allotment.visitor"
NONCE = "allotment.nonce"
_CLIENT = "allotment.client"
_HEAD_DONE = "allotment.head_done"


class AllotmentASGIMiddleware:
    """Wraps an ASGI application; does what `AllotmentMiddleware` does for WSGI.

    `scope["allotment.visitor"]` is the request's `Visitor` (of web sockets too, without cookies);
    a page with a content security policy puts its nonce into `scope["allotment.nonce"]`.

    Example:
        >>> app = AllotmentASGIMiddleware(app, client)  # doctest: +SKIP
    """

    def __init__(
        self,
        app: ASGIApp,
        client: Client,
        *,
        user_id: Callable[[Scope], str | None] | None = None,
        context: Callable[[Scope], Context] | None = None,
        inject: bool = True,
        trust_edge: bool = False,
    ) -> None:
        self._app = app
        self._trust_edge = trust_edge
        self._client = client
        self._user_id = user_id
        self._context = context
        self._inject = inject

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = _texts(scope["headers"])
        query = scope.get("query_string", b"").decode("latin-1")
        if scope["type"] == "http":
            served = browser_files.serve(
                scope["method"],
                scope["path"],
                query,
                {"if-none-match": web.header_value(headers, "if-none-match")},
            )
            if served is not None:
                await send(_start(served.status, served.headers))
                await send({"type": "http.response.body", "body": served.body})
                return
        # HTTP/2 may split the cookies over several headers (RFC 9113 §8.2.3).
        cookies = "; ".join(value for name, value in headers if name == "cookie")
        ids = web.cookie_ids(cookies, secure=scope.get("scheme") in {"https", "wss"})
        scope[VISITOR] = self._client.visitor(
            user_id=self._user_id(scope) if self._user_id else None,
            browser_id=ids.browser_id,
            session_id=ids.session_id,
            overrides=web.overrides_in(query),
            context=self._context(scope) if self._context else None,
            edge=web.edge_groups(headers) if self._trust_edge else None,
        )
        scope[_CLIENT] = self._client
        if scope["type"] == "http":
            send = _Answer(scope, send, ids.set_cookies, inject=self._inject)
        await self._app(scope, receive, send)


def page_head(scope: Scope) -> str:
    """Script elements for the page's head, for a template that places them itself.

    Raises:
        KeyError: the request did not come through `AllotmentASGIMiddleware`.
    """
    scope[_HEAD_DONE] = True
    client: Client = scope[_CLIENT]
    return page.head_html(scope[VISITOR], client.browser_intake_url, client.site, scope.get(NONCE))


class _Answer:
    """Messages on their way out. The start waits for the body's first piece."""

    def __init__(self, scope: Scope, send: Send, cookies: Sequence[str], *, inject: bool) -> None:
        self._scope = scope
        self._send = send
        self._cookies = cookies
        self._inject = inject
        self._start: Message | None = None
        self._injector: page.HeadInjector | None = None

    async def __call__(self, message: Message) -> None:
        kind = message["type"]
        if kind == "http.response.start":
            self._start = message
            return
        if kind == "http.response.body":
            message = await self._body(message)
        elif self._start is not None:  # a file handed to the server: nothing can be put into it
            headers = _texts(self._start.get("headers", ()))
            await self._send_headers(self._start, headers, is_page=web.takes_head(headers))
        await self._send(message)

    async def _body(self, message: Message) -> Message:
        more = bool(message.get("more_body", False))
        body: bytes = message.get("body", b"")
        if self._start is None:
            return {**message, "body": self._grown(body, more=more)}
        start = self._start
        headers = _texts(start.get("headers", ()))
        page_here = web.takes_head(headers)
        if page_here and self._wants_head:
            self._injector = page.HeadInjector(page_head(self._scope).encode())
        body = self._grown(body, more=more)
        if self._injector is not None:
            had_length = bool(web.header_value(headers, "content-length"))
            headers = web.without_length(headers)
            if had_length and not more:
                headers.append(("content-length", str(len(body))))
        await self._send_headers(start, headers, is_page=page_here)
        return {**message, "body": body}

    @property
    def _wants_head(self) -> bool:
        return self._inject and not self._scope.get(_HEAD_DONE) and self._scope["method"] != "HEAD"

    def _grown(self, body: bytes, *, more: bool) -> bytes:
        if self._injector is None:
            return body
        return self._injector.feed(body) + (b"" if more else self._injector.finish())

    async def _send_headers(self, start: Message, headers: web.Headers, *, is_page: bool) -> None:
        self._start = None
        if is_page or self._scope[VISITOR].was_evaluated:
            headers = web.personal(headers, self._cookies)
        await self._send({**start, "headers": _bytes(headers)})


def _texts(headers: Sequence[tuple[bytes, bytes]]) -> web.Headers:
    return [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]


def _bytes(headers: Sequence[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _start(status: int, headers: Sequence[tuple[str, str]]) -> Message:
    return {"type": "http.response.start", "status": status, "headers": _bytes(headers)}
