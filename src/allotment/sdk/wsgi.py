"""WSGI middleware (PEP 3333): enrolls each request's visitor and tells the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from allotment.sdk import browser_files, edge, page, web
from allotment.sdk.client import Client
from allotment.sdk.events import Context

if TYPE_CHECKING:
    from _typeshed import OptExcInfo
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

VISITOR = "allotment.visitor"
NONCE = "allotment.nonce"
_EDGE = "HTTP_X_EXPERIMENT_ENROLLMENTS"
_CLIENT = "allotment.client"
_HEAD_DONE = "allotment.head_done"


class AllotmentMiddleware:
    """Wraps a WSGI application.

    - `environ["allotment.visitor"]` is the request's `Visitor`;
    - an HTML page gets the page variables and the script tag before its `</head>`, unless the
      application has put them there itself with `page_head(environ)`;
    - a page, and any answer for which the membership was looked at before its headers went out,
      is marked `Cache-Control: private`, `Vary: Cookie`, and sets the anonymous cookies;
    - `/_allotment/allotment.js` and `.mjs` are served;
    - `?mpo=experiment:group` forces groups.

    Args:
        app: the application.
        client: the site's client.
        user_id: the id of the account that a request belongs to; None for an anonymous reader.
        context: contextual attributes of a request, such as `{"page": {"id": 7}}`.
        inject: put the head in by itself.
        trust_edge: take groups from the request's `X-Experiment-Enrollments`; only where an edge in
            front of the site takes that header away from whoever else sends it.

    A page with a content security policy puts its nonce into `environ["allotment.nonce"]`.

    Example:
        >>> application = AllotmentMiddleware(
        ...     application, client, user_id=lambda environ: environ.get("REMOTE_USER")
        ... )  # doctest: +SKIP
    """

    def __init__(
        self,
        app: WSGIApplication,
        client: Client,
        *,
        user_id: Callable[[WSGIEnvironment], str | None] | None = None,
        context: Callable[[WSGIEnvironment], Context] | None = None,
        inject: bool = True,
        trust_edge: bool = False,
    ) -> None:
        self._app = app
        self._trust_edge = trust_edge
        self._client = client
        self._user_id = user_id
        self._context = context
        self._inject = inject

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        served = browser_files.serve(
            environ["REQUEST_METHOD"],
            environ.get("PATH_INFO", ""),
            environ.get("QUERY_STRING", ""),
            {"if-none-match": environ.get("HTTP_IF_NONE_MATCH", "")},
        )
        if served is not None:
            start_response(served.status_line, list(served.headers))
            return [served.body]
        ids = web.cookie_ids(
            environ.get("HTTP_COOKIE", ""), secure=environ.get("wsgi.url_scheme") == "https"
        )
        environ[VISITOR] = self._client.visitor(
            user_id=self._user_id(environ) if self._user_id else None,
            browser_id=ids.browser_id,
            session_id=ids.session_id,
            overrides=web.overrides_in(environ.get("QUERY_STRING", "")),
            context=self._context(environ) if self._context else None,
            edge=web.edge_groups([(edge.HEADER, environ.get(_EDGE, ""))])
            if self._trust_edge
            else None,
        )
        environ[_CLIENT] = self._client
        answer = _Answer(environ, start_response, ids.set_cookies, inject=self._inject)
        return answer.body(self._app(environ, answer.start_response))


def page_head(environ: WSGIEnvironment) -> str:
    """Script elements for the page's head, for a template that places them itself.

    Raises:
        KeyError: the request did not come through `AllotmentMiddleware`.
    """
    environ[_HEAD_DONE] = True
    client: Client = environ[_CLIENT]
    return page.head_html(
        environ[VISITOR], client.browser_intake_url, client.site, environ.get(NONCE)
    )


class _Answer:
    """One answer on its way out. Headers go out before the body's first piece is asked for.

    PEP 3333 lets them wait for it, but some servers send those that are there when the application
    returns. Only those of an application that itself waits, wait here.
    """

    def __init__(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        cookies: Sequence[str],
        *,
        inject: bool,
    ) -> None:
        self._environ = environ
        self._start_response = start_response
        self._cookies = cookies
        self._inject = inject
        self._status = ""
        self._headers: web.Headers = []
        self._exc_info: OptExcInfo | None = None
        self._started = False
        self._begun = False
        self._write: Callable[[bytes], object] = _nowhere
        self._injector: page.HeadInjector | None = None

    def start_response(
        self, status: str, headers: web.Headers, exc_info: OptExcInfo | None = None, /
    ) -> Callable[[bytes], object]:
        self._status, self._headers, self._exc_info = status, list(headers), exc_info
        if (
            self._started and exc_info is not None
        ):  # the server decides; if it is too late, it raises
            self._send_headers(self._headers_of_a_stream())
        return self._written

    def body(self, pieces: Iterable[bytes]) -> Iterable[bytes]:
        if self._status and not self._is_page:
            self._send_headers(self._final_headers())
            return pieces  # as it is: files and streams keep their own way to the server
        if self._status and isinstance(pieces, list | tuple) and not self._started:
            return [self._whole(b"".join(pieces))]
        if self._status and not self._started:
            self._send_headers(self._headers_of_a_stream())
        return _Closing(self._streamed(pieces), pieces)

    @property
    def _is_page(self) -> bool:
        return web.takes_head(self._headers)

    def _whole(self, body: bytes) -> bytes:
        injector = self._make_injector()
        grown = injector.feed(body) + injector.finish() if injector else body
        headers = self._final_headers()
        if (
            web.header_value(headers, "content-length")
            and self._environ["REQUEST_METHOD"] != "HEAD"
        ):
            headers = [*web.without_length(headers), ("Content-Length", str(len(grown)))]
        self._send_headers(headers)
        return grown

    def _streamed(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._begin()
            yield self._injector.feed(piece) if self._injector else piece
        self._begin()
        yield self._injector.finish() if self._injector else b""

    def _written(self, data: bytes) -> None:
        """The imperative way of sending a body, for old applications."""
        self._begin()
        self._write(self._injector.feed(data) if self._injector else data)

    def _begin(self) -> None:
        """The first piece is there. Only now it is known whether a template has placed the head."""
        if not self._begun:
            self._begun = True
            self._injector = self._make_injector() if self._is_page else None
        if not self._started:
            self._send_headers(self._headers_of_a_stream())

    def _headers_of_a_stream(self) -> web.Headers:
        headers = self._final_headers()
        grows = self._is_page and self._inject and self._environ["REQUEST_METHOD"] != "HEAD"
        return web.without_length(headers) if grows else headers

    def _make_injector(self) -> page.HeadInjector | None:
        if not self._inject or self._environ.get(_HEAD_DONE):
            return None
        if self._environ["REQUEST_METHOD"] == "HEAD":
            return None
        return page.HeadInjector(page_head(self._environ).encode())

    def _final_headers(self) -> web.Headers:
        if self._is_page or self._environ[VISITOR].was_evaluated:
            return web.personal(self._headers, self._cookies)
        return self._headers

    def _send_headers(self, headers: web.Headers) -> None:
        self._started = True
        if self._exc_info is not None:
            self._write = self._start_response(self._status, headers, self._exc_info)
        else:
            self._write = self._start_response(self._status, headers)


def _nowhere(_data: bytes) -> None:
    """Where a body is written before the server has said where."""


class _Closing:
    """A body that closes the application's own when the server is done with it."""

    def __init__(self, pieces: Iterator[bytes], inner: Iterable[bytes]) -> None:
        self._pieces = pieces
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        close = getattr(self._inner, "close", None)
        if close is not None:
            close()
