"""The wiki as a WSGI application: routes, forms, and what is asked of the client library."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from allotment.sdk import AllotmentMiddleware, Client, Visitor, page_head
from allotment.sdk.web import parse_cookies
from allotment_demo import pages, readers
from allotment_demo.articles import Article, library, search

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

STREAM = "product_metrics.web_base"
SCHEMA = "/analytics/product_metrics/web/base/1.3.0"
SITE = "demowiki"
_STATIC = Path(__file__).with_name("static")
_STATIC_TYPES = {
    "demo.css": "text/css; charset=utf-8",
    "demo.js": "text/javascript; charset=utf-8",
    "mark.svg": "image/svg+xml",
}
_MAX_FORM_BYTES = 4096
_MAX_QUERY_CHARS = 200
_WIKI = "/wiki/"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answers."""

    status: HTTPStatus
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""


def make_application(client: Client, key: bytes) -> WSGIApplication:
    """The demo wiki behind the client library's middleware.

    Args:
        client: the site's client; the application neither starts nor closes it.
        key: signs the cookie that says who is logged in.
    """
    wiki = Wiki(client, key)
    return AllotmentMiddleware(wiki, client, user_id=wiki.user_id, context=wiki.context)


class Wiki:
    """The application itself."""

    def __init__(self, client: Client, key: bytes) -> None:
        self._client = client
        self._key = key
        self._intake_origin = _origin(client.browser_intake_url)
        library()  # a broken article is told at the start
        self._routes: dict[str, Callable[[WSGIEnvironment], Answer]] = {
            "GET /": self._home,
            "GET /search": self._search,
            "GET /login": self._login_form,
            "POST /login": self._login,
            "POST /logout": self._logout,
            "GET /healthz": self._health,
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        answer = self._answer(environ)
        start_response(
            f"{answer.status.value} {answer.status.phrase}",
            [*answer.headers, ("Content-Length", str(len(answer.body)))],
        )
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else answer.body]

    def _answer(self, environ: WSGIEnvironment) -> Answer:
        method = "GET" if environ["REQUEST_METHOD"] == "HEAD" else environ["REQUEST_METHOD"]
        path = _path(environ)
        route = self._routes.get(f"{method} {path}")
        if route is not None:
            return route(environ)
        if method == "GET" and path.startswith("/static/"):
            return _static(path.removeprefix("/static/"))
        article = library().get(path.removeprefix(_WIKI)) if path.startswith(_WIKI) else None
        if method == "GET" and article is not None:
            return self._article(environ, article)
        return self._page(environ, "Not found", pages.not_found(path), HTTPStatus.NOT_FOUND)

    # What the middleware asks.

    def user_id(self, environ: WSGIEnvironment) -> str | None:
        """The account that a request belongs to."""
        reader = self._reader(environ)
        return None if reader is None else reader.user_id

    def context(self, environ: WSGIEnvironment) -> dict[str, dict[str, Any]]:
        """The contextual attributes of a request."""
        page: dict[str, Any] = {"namespace_id": 0, "namespace_name": "", "content_language": "en"}
        article = library().get(_path(environ).removeprefix(_WIKI))
        if article is not None:
            page |= {"id": article.number, "title": article.title}
        reader = self._reader(environ)
        performer: dict[str, Any] = {"is_temp": False, "is_bot": False, "language": "en"}
        if reader is not None:
            performer |= {"id": int(reader.user_id), "name": reader.name}
        return {
            "page": page,
            "performer": performer,
            "mediawiki": {"skin": "demo", "site_content_language": "en"},
        }

    # Pages.

    def _home(self, environ: WSGIEnvironment) -> Answer:
        return self._page(environ, "All articles", pages.home(library().values()))

    def _article(self, environ: WSGIEnvironment, article: Article) -> Answer:
        group = _visitor(environ).get_experiment_bucket_value(pages.EXPERIMENT)
        return self._page(environ, article.title, pages.article_page(article, group))

    def _search(self, environ: WSGIEnvironment) -> Answer:
        query = _field(environ.get("QUERY_STRING", ""), "q")[:_MAX_QUERY_CHARS]
        found = search(query)
        if query.strip() and environ["REQUEST_METHOD"] == "GET":
            # The words stay here: what a reader looks for may name a person.
            _visitor(environ).submit_interaction(
                STREAM,
                SCHEMA,
                "search",
                {
                    "action_source": "search_box",
                    "action_context": json.dumps({"results": len(found)}),
                },
            )
        return self._page(environ, "Search", pages.results_page(query, found), query=query)

    def _login_form(self, environ: WSGIEnvironment) -> Answer:
        back = _local(_field(environ.get("QUERY_STRING", ""), "back"))
        return self._page(environ, "Log in", pages.login_page(self._reader(environ), back=back))

    def _login(self, environ: WSGIEnvironment) -> Answer:
        form = _form(environ)
        back = _local(_field(form, "back"))
        if not _same_origin(environ):
            return _text(HTTPStatus.FORBIDDEN, "The form was sent from another site.")
        reader = readers.reader_by_id(_field(form, "reader"))
        if reader is None:
            problem = "Give a whole number from 1 to 999999999."
            main = pages.login_page(None, problem, back)
            return self._page(environ, "Log in", main, HTTPStatus.BAD_REQUEST)
        cookie = f"{readers.COOKIE}={readers.sign(self._key, reader.user_id)}"
        return _redirect(back, f"{cookie}; Path=/; HttpOnly; SameSite=Lax")

    def _logout(self, environ: WSGIEnvironment) -> Answer:
        if not _same_origin(environ):
            return _text(HTTPStatus.FORBIDDEN, "The form was sent from another site.")
        back = _local(_field(_form(environ), "back"))
        return _redirect(back, f"{readers.COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")

    def _health(self, _environ: WSGIEnvironment) -> Answer:
        body = json.dumps({"status": "ok", **self._client.describe()}).encode()
        headers = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))
        return Answer(HTTPStatus.OK, headers, body)

    def _page(
        self,
        environ: WSGIEnvironment,
        title: str,
        main: str,
        status: HTTPStatus = HTTPStatus.OK,
        query: str = "",
    ) -> Answer:
        nonce = secrets.token_urlsafe(16)
        environ["allotment.nonce"] = nonce
        visitor = _visitor(environ)
        configured = {name: e.groups for name, e in visitor.configuration.experiments.items()}
        membership = visitor.membership
        frame = pages.Frame(
            head=page_head(environ),
            path=_path(environ),
            reader=self._reader(environ),
            trials=pages.trials_of(configured, membership.assigned, membership.overrides),
            age_seconds=self._client.configuration.age_seconds,
            query=query,
            search_group=membership.assigned.get(pages.SEARCH_EXPERIMENT),
        )
        headers = (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Security-Policy", self._policy(nonce)),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "same-origin"),
        )
        return Answer(status, headers, pages.page(frame, title, main).encode())

    def _policy(self, nonce: str) -> str:
        return (
            f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; "
            f"img-src 'self'; connect-src 'self' {self._intake_origin}; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'"
        )

    def _reader(self, environ: WSGIEnvironment) -> readers.Reader | None:
        value = parse_cookies(environ.get("HTTP_COOKIE", "")).get(readers.COOKIE, "")
        return readers.verify(self._key, value) if value else None


def _visitor(environ: WSGIEnvironment) -> Visitor:
    visitor: Visitor = environ["allotment.visitor"]
    return visitor


def _path(environ: WSGIEnvironment) -> str:
    raw: str = environ.get("PATH_INFO", "/") or "/"
    return raw.encode("latin-1", "replace").decode("utf-8", "replace")


def _field(encoded: str, name: str) -> str:
    try:
        return parse_qs(encoded, max_num_fields=50).get(name, [""])[0]
    except ValueError:
        return ""


def _form(environ: WSGIEnvironment) -> str:
    try:
        length = min(int(environ.get("CONTENT_LENGTH") or 0), _MAX_FORM_BYTES)
    except ValueError:
        length = 0
    data: bytes = environ["wsgi.input"].read(length) if length > 0 else b""
    return data.decode("utf-8", "replace")


def _local(target: str) -> str:
    """A path on this site; anything else becomes the front page (no open redirect)."""
    parts = urlsplit(target)
    fine = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if fine and not parts.scheme and not parts.netloc else "/"


def _same_origin(environ: WSGIEnvironment) -> bool:
    """Whether a form came from a page of this site; browsers say so in `Origin`."""
    origin = environ.get("HTTP_ORIGIN")
    return origin is None or urlsplit(origin).netloc == environ.get("HTTP_HOST")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _static(name: str) -> Answer:
    kind = _STATIC_TYPES.get(name)
    if kind is None:
        return _text(HTTPStatus.NOT_FOUND, "There is no such file.")
    headers = (("Content-Type", kind), ("Cache-Control", "public, max-age=300"))
    return Answer(HTTPStatus.OK, headers, (_STATIC / name).read_bytes())


def _redirect(target: str, cookie: str) -> Answer:
    location = target.encode("utf-8").decode("latin-1")
    return Answer(
        HTTPStatus.SEE_OTHER,
        (("Location", location), ("Set-Cookie", cookie), ("Cache-Control", "no-store")),
    )


def _text(status: HTTPStatus, text: str) -> Answer:
    return Answer(status, (("Content-Type", "text/plain; charset=utf-8"),), f"{text}\n".encode())
