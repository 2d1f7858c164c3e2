"""The middleware between wsgiref's checkers, which fail on any breach of PEP 3333."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from tests.sdk.stand_ins import WEB_BASE, WEB_SCHEMA, Intake

from allotment.sdk import AllotmentMiddleware, Client, page_head
from allotment.sdk.web import parse_cookies

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

HTML = [("Content-Type", "text/html; charset=utf-8")]
PAGE = b"<html><head><title>x</title></head><body>text</body></html>"
NAME = "related-articles-card"


class Answered:
    """An answer as the server saw it."""

    def __init__(self, app: WSGIApplication, path: str = "/", **environ: Any) -> None:  # noqa: ANN401
        self.environ: dict[str, Any] = {
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            **environ,
        }
        setup_testing_defaults(self.environ)
        self.starts: list[tuple[str, list[tuple[str, str]]]] = []
        self.pieces: list[bytes] = []
        body = validator(app)(self.environ, self._start)
        try:
            for piece in body:
                assert self.starts, "the body began before the headers"
                self.pieces.append(piece)
        finally:
            body.close()  # type: ignore[attr-defined]

    def _start(
        self, status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], object]:
        self.starts.append((status, headers))
        return self.pieces.append

    @property
    def status(self) -> str:
        return self.starts[-1][0]

    @property
    def headers(self) -> list[tuple[str, str]]:
        return self.starts[-1][1]

    def header(self, name: str) -> str | None:
        return next((v for k, v in self.headers if k.lower() == name.lower()), None)

    @property
    def cookies(self) -> dict[str, str]:
        values = [value for name, value in self.headers if name == "Set-Cookie"]
        return parse_cookies(";".join(value.split(";")[0] for value in values))

    @property
    def text(self) -> str:
        return b"".join(self.pieces).decode()


def app_of(
    body: bytes = PAGE,
    headers: list[tuple[str, str]] = HTML,
    status: str = "200 OK",
    look: Callable[[WSGIEnvironment], object] = lambda _: None,
) -> WSGIApplication:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        look(environ)
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]

    return app


class Streaming:
    """Pieces that come one by one; notes when it is closed."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.left = pieces
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        while self.left:
            yield self.left.pop(0)

    def close(self) -> None:
        self.closed = True


def test_page__plain_list__gets_head_length_cookies_and_privacy(client: Client) -> None:
    answer = Answered(AllotmentMiddleware(app_of(), client))
    assert answer.text.startswith("<html><head><title>x</title><script>window.allotmentUser")
    assert '<script src="/_allotment/allotment.js' in answer.text
    assert answer.text.endswith("</script>\n</head><body>text</body></html>")
    assert answer.header("Content-Length") == str(len(answer.text))
    assert answer.header("Cache-Control") == "private"
    assert answer.header("Vary") == "Cookie"
    assert set(answer.cookies) == {"allotment-browser", "allotment-session"}


def test_page__same_cookies_again__same_group_and_no_new_cookie(client: Client) -> None:
    groups = []
    look = lambda e: groups.append(e["allotment.visitor"].get_experiment_bucket_value(NAME))  # noqa: E731
    app = AllotmentMiddleware(app_of(look=look), client)
    first = Answered(app)
    cookie = "; ".join(f"{k}={v}" for k, v in first.cookies.items())
    again = [Answered(app, HTTP_COOKIE=cookie) for _ in range(5)]
    assert len(set(groups)) == 1
    assert not any(answer.cookies for answer in again)


@pytest.mark.parametrize("trust", [True, False])
def test_edge__its_header__counts_only_where_it_is_trusted(client: Client, trust: bool) -> None:
    seen: list[Any] = []
    app = app_of(look=lambda environ: seen.append(environ["allotment.visitor"]))
    wrapped = AllotmentMiddleware(app, client, trust_edge=trust)
    Answered(wrapped, HTTP_X_EXPERIMENT_ENROLLMENTS=f"{NAME}=card/any-id;")
    assert (seen[0].membership.subject_ids[NAME] == "awaiting") is trust


def test_visitors__many__meet_both_groups(client: Client) -> None:
    groups = []
    look = lambda e: groups.append(e["allotment.visitor"].get_experiment_bucket_value(NAME))  # noqa: E731
    app = AllotmentMiddleware(app_of(look=look), client)
    for _ in range(100):
        Answered(app)
    assert 20 < groups.count("card") < 80


def test_user_id__from_the_application__is_the_visitors(client: Client) -> None:
    seen = []
    app = AllotmentMiddleware(
        app_of(look=lambda e: seen.append(e["allotment.visitor"].identity.user_id)),
        client,
        user_id=lambda environ: environ.get("REMOTE_USER"),
        context=lambda environ: {"page": {"title": environ["PATH_INFO"]}},
    )
    answer = Answered(app, "/leek", REMOTE_USER="42")
    Answered(app)
    assert seen == ["42", None]
    assert '"is_logged_in":true' in answer.text
    assert '"title":"/leek"' in answer.text


def test_override__in_the_address__forces(client: Client) -> None:
    answer = Answered(AllotmentMiddleware(app_of(), client), QUERY_STRING=f"mpo={NAME}:card")
    assert f'"overrides":["{NAME}"]' in answer.text
    assert '"coordinators":{"related-articles-card":"forced"}' in answer.text


def test_template__places_the_head__once_with_the_nonce(client: Client) -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["allotment.nonce"] = "n0nce"
        body = f"<html><head>{page_head(environ)}</head></html>".encode()
        start_response("200 OK", HTML)
        return [body]

    answer = Answered(AllotmentMiddleware(app, client))
    assert answer.text.count("allotmentUserExperiments") == 1
    assert answer.text.count('nonce="n0nce"') == 2


def test_both_sides__checked__keep_the_protocol(client: Client) -> None:
    answer = Answered(AllotmentMiddleware(validator(app_of()), client))
    assert answer.text.endswith("</script>\n</head><body>text</body></html>")
    assert answer.header("Content-Length") is None


def test_inject_off__page_is_as_it_was(client: Client) -> None:
    answer = Answered(AllotmentMiddleware(app_of(), client, inject=False))
    assert answer.text == PAGE.decode()
    assert answer.header("Cache-Control") == "private"


@pytest.mark.parametrize(
    "headers",
    [
        [("Content-Type", "application/json")],
        [("Content-Type", "text/css"), ("Cache-Control", "public, max-age=60")],
    ],
)
def test_other_content__nobody_looked__is_untouched(
    client: Client, headers: list[tuple[str, str]]
) -> None:
    answer = Answered(AllotmentMiddleware(app_of(headers=headers), client))
    assert answer.text == PAGE.decode()
    assert answer.headers == [*headers, ("Content-Length", str(len(PAGE)))]


def test_other_content__membership_looked_at__is_private(client: Client) -> None:
    look = lambda e: e["allotment.visitor"].membership  # noqa: E731
    app = app_of(headers=[("Content-Type", "application/json")], look=look)
    answer = Answered(AllotmentMiddleware(app, client))
    assert answer.header("Cache-Control") == "private"
    assert "allotment-browser" in answer.cookies


def test_compressed_page__is_not_broken(client: Client) -> None:
    app = app_of(headers=[*HTML, ("Content-Encoding", "gzip")])
    answer = Answered(AllotmentMiddleware(app, client))
    assert answer.text == PAGE.decode()


def test_head_request__has_no_body_and_is_private(client: Client) -> None:
    answer = Answered(AllotmentMiddleware(app_of(), client), REQUEST_METHOD="HEAD")
    assert answer.text == ""
    assert answer.header("Cache-Control") == "private"


def test_streamed_page__each_piece_goes_at_once(client: Client) -> None:
    body = Streaming([b"<head>", b"<title></he", b"ad><body>", b"one", b"two"])

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [*HTML, ("Content-Length", "28"), ("ETag", '"1"')])
        return body

    wrapped = AllotmentMiddleware(app, client)
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    starts: list[Any] = []
    pieces = iter(wrapped(environ, lambda *start: starts.append(start)))  # type: ignore[arg-type]
    assert starts, "some servers send the headers that are there when the application returns"
    left = []
    got = []
    for piece in pieces:
        got.append(piece)
        left.append(len(body.left))
    assert left[:5] == [4, 3, 2, 1, 0], "a piece waited for the next"
    assert got[:2] == [b"<head>", b"<title>"]
    assert got[2].endswith(b"</script>\n</head><body>")
    assert got[3:5] == [b"one", b"two"]
    names = [name for name, _ in starts[0][1]]
    assert "Content-Length" not in names
    assert "ETag" not in names


def test_streamed_page__places_the_head_itself__once(client: Client) -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def pieces() -> Iterator[bytes]:
            yield page_head(environ).encode()
            yield b"<head></head>"

        start_response("200 OK", HTML)
        return pieces()

    answer = Answered(AllotmentMiddleware(app, client))
    assert answer.text.count("window.allotmentUserExperiments=") == 1
    assert answer.text.endswith("<head></head>")


def test_streamed_page__fails_before_its_first_piece__page_of_the_error_is_personal(
    client: Client,
) -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def pieces() -> Iterator[bytes]:
            try:
                int("broken")
            except ValueError:
                start_response("500 Broken", HTML, sys.exc_info())
            yield b"<head></head>sorry"

        start_response("200 OK", [*HTML, ("Content-Length", "9")])
        return pieces()

    answer = Answered(AllotmentMiddleware(app, client))
    assert [status for status, _ in answer.starts] == ["200 OK", "500 Broken"]
    assert answer.header("Cache-Control") == "private"
    assert answer.text.endswith("</script>\n</head>sorry")


def test_streamed_page__closed_early__closes_the_application(client: Client) -> None:
    body = Streaming([b"<head>", b"</head>"])

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", HTML)
        return body

    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    answer = AllotmentMiddleware(app, client)(environ, lambda *_: lambda _: None)
    next(iter(answer))
    answer.close()  # type: ignore[attr-defined]
    assert body.closed


def test_generator_application__starts_late__works(client: Client) -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", HTML)
        yield PAGE

    answer = Answered(AllotmentMiddleware(app, client))
    assert "allotmentUserExperiments" in answer.text


def test_generator_application__empty_body__still_answers(client: Client) -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", HTML)
        yield from ()

    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    starts: list[object] = []
    wrapped = AllotmentMiddleware(app, client)
    assert b"".join(wrapped(environ, lambda *s: starts.append(s))) == b""  # type: ignore[arg-type]
    assert len(starts) == 1


def test_old_application__writes__is_injected(client: Client) -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        write = start_response("200 OK", HTML)
        write(b"<head></he")
        write(b"ad>one")
        return [b"two"]

    answer = Answered(AllotmentMiddleware(app, client))
    assert answer.text.startswith("<head><script>window.allotment")
    assert answer.text.endswith("</head>onetwo")
    assert len(answer.starts) == 1


def test_application_fails__error_reaches_the_server(client: Client) -> None:
    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        Answered(AllotmentMiddleware(app, client))


def test_event_from_a_view__reaches_the_intake(client: Client, intake: Intake) -> None:
    look = lambda e: e["allotment.visitor"].submit_interaction(WEB_BASE, WEB_SCHEMA, "search")  # noqa: E731
    Answered(AllotmentMiddleware(app_of(look=look), client))
    assert client.delivery.flush()
    assert [event["action"] for event in intake.events] == ["search"]


@pytest.mark.parametrize("name", ["allotment.js", "allotment.mjs", "clickThroughRate.mjs"])
def test_script__is_served_with_caching(client: Client, name: str) -> None:
    app = AllotmentMiddleware(app_of(), client)
    plain = Answered(app, f"/_allotment/{name}")
    assert plain.status == "200 OK"
    assert plain.header("Content-Type") == "text/javascript; charset=utf-8"
    assert plain.header("Cache-Control") == "public, max-age=300"
    assert len(plain.text) > 1000
    etag = plain.header("ETag")
    assert etag is not None
    versioned = Answered(app, f"/_allotment/{name}", QUERY_STRING=f"v={etag.strip(chr(34))}")
    assert versioned.header("Cache-Control") == "public, max-age=31536000, immutable"
    assert Answered(app, f"/_allotment/{name}", HTTP_IF_NONE_MATCH=etag).status[:3] == "304"
    assert not plain.cookies


@pytest.mark.parametrize("path", ["other.js", "../client.py", "", "allotment.js/x"])
def test_script__other_names__404(client: Client, path: str) -> None:
    answer = Answered(AllotmentMiddleware(app_of(), client), f"/_allotment/{path}")
    assert answer.status == "404 Not Found"


def test_script__post__405(client: Client) -> None:
    app = AllotmentMiddleware(app_of(), client)
    assert Answered(app, "/_allotment/allotment.js", REQUEST_METHOD="POST").status[:3] == "405"
