"""Django middleware: enrolls each request's visitor and tells the page. Needs Django 4.2 or newer.

In the settings:

    ALLOTMENT_CLIENT = {"registry_url": "http://…", "intake_url": "http://…", "site": "mywiki"}
    MIDDLEWARE = [
        …,
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "allotment.sdk.django.AllotmentMiddleware",
        …,
    ]

`ALLOTMENT_CLIENT` holds the arguments of `Client`, or a `Client`.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, ClassVar, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import SafeString, mark_safe

from allotment.sdk import browser_files, page, web
from allotment.sdk.client import Client
from allotment.sdk.events import Context
from allotment.sdk.visitor import Visitor

SETTING = "ALLOTMENT_CLIENT"
_HELD = "_allotment"
_lock = threading.Lock()
_made: list[Client] = []


def client() -> Client:
    """The site's client, for code without a request too (commands, jobs).

    Raises:
        ImproperlyConfigured: `ALLOTMENT_CLIENT` is missing, or not what a client can be made of.
    """
    found = getattr(settings, SETTING, None)
    if isinstance(found, Client):
        return found
    if not isinstance(found, Mapping):
        raise ImproperlyConfigured(
            f"{SETTING} is {found!r}; give a dictionary with registry_url, intake_url and site"
        )
    with _lock:
        if not _made:
            try:
                _made.append(Client(**found))
            except (TypeError, ValueError) as error:
                raise ImproperlyConfigured(f"{SETTING}: {error}") from error
        return _made[0]


def page_head(request: HttpRequest) -> SafeString:
    """Script elements for the page's head, for a template that places them itself.

    Raises:
        AttributeError: the request did not come through the middleware.
    """
    held: _Held = getattr(request, _HELD)
    held.head_done = True
    nonce = getattr(request, "csp_nonce", None)
    site = held.client
    # What is made here escapes itself; see `page.script_json`.
    return mark_safe(  # noqa: S308
        page.head_html(
            held.visitor, site.browser_intake_url, site.site, str(nonce) if nonce else None
        )
    )


def template_context(request: HttpRequest) -> dict[str, object]:
    """A context processor: `allotment` is the visitor, `{{ allotment_head }}` the page's head."""
    return {
        "allotment": getattr(request, "allotment", None),
        "allotment_head": functools.partial(page_head, request),
    }


class AllotmentMiddleware:
    """Does for Django what `allotment.sdk.AllotmentMiddleware` does for WSGI.

    `request.allotment` is the request's `Visitor`, made when it is first looked at. It stands below
    what compresses (`GZipMiddleware`) and what logs in (`AuthenticationMiddleware`). A site that
    knows its users otherwise, or fills contextual attributes, derives a class of its own.
    """

    sync_capable: ClassVar[bool] = True
    async_capable: ClassVar[bool] = True
    inject = True
    """Put the head into pages by itself."""
    trust_edge = False
    """Take groups from the request's `X-Experiment-Enrollments`; only where an edge in front of the
    site takes that header away from whoever else sends it."""

    def __init__(
        self,
        get_response: Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]],
    ) -> None:
        self.get_response = get_response
        self.client = client()
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    # What a site may say otherwise.

    def user_id(self, request: HttpRequest) -> str | None:
        """The id of the account that a request belongs to; None for an anonymous reader."""
        user = getattr(request, "user", None)
        return str(user.pk) if user is not None and user.is_authenticated else None

    async def auser_id(self, request: HttpRequest) -> str | None:
        """The same under ASGI. A site whose `user_id` asks no database calls that here."""
        auser = getattr(request, "auser", None)
        if auser is None:
            return None
        user = await auser()
        return str(user.pk) if user.is_authenticated else None

    def context(self, request: HttpRequest) -> Context:  # noqa: ARG002 - for sites
        """Contextual attributes of a request, such as `{"page": {"id": 7}}`."""
        return {}

    # A request on its way.

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._acall(request)
        served = _script(request)
        if served is not None:
            return served
        held = self._hold(request, lambda: self.user_id(request))
        return self._finished(request, held, cast("HttpResponseBase", self.get_response(request)))

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        served = _script(request)
        if served is not None:
            return served
        user_id = await self.auser_id(request)
        held = self._hold(request, lambda: user_id)
        answer = await cast("Awaitable[HttpResponseBase]", self.get_response(request))
        return self._finished(request, held, answer)

    def _hold(self, request: HttpRequest, user_id: Callable[[], str | None]) -> _Held:
        ids = web.cookie_ids(request.META.get("HTTP_COOKIE", ""), secure=request.is_secure())

        def make() -> Visitor:
            return self.client.visitor(
                user_id=user_id(),
                browser_id=ids.browser_id,
                session_id=ids.session_id,
                overrides=web.overrides_in(request.META.get("QUERY_STRING", "")),
                context=self.context(request),
                edge=web.edge_groups(request.headers.items()) if self.trust_edge else None,
            )

        held = _Held(self.client, ids, make)
        setattr(request, _HELD, held)
        request.allotment = SimpleLazyObject(lambda: held.visitor)  # type: ignore[attr-defined]
        return held

    def _finished(
        self, request: HttpRequest, held: _Held, answer: HttpResponseBase
    ) -> HttpResponseBase:
        is_page = web.takes_head(list(answer.items()))
        if is_page and self.inject and not held.head_done and request.method != "HEAD":
            _inject(answer, page_head(request).encode())
        if is_page or held.was_evaluated:
            _make_personal(answer, held.ids)
        return answer


class _Held:
    """What the middleware knows of one request."""

    def __init__(self, site: Client, ids: web.CookieIds, make: Callable[[], Visitor]) -> None:
        self.client = site
        self.ids = ids
        self.head_done = False
        self._make = make

    @functools.cached_property
    def visitor(self) -> Visitor:
        return self._make()

    @property
    def was_evaluated(self) -> bool:
        return "visitor" in self.__dict__ and self.visitor.was_evaluated


def _script(request: HttpRequest) -> HttpResponse | None:
    served = browser_files.serve(
        request.method or "GET",
        request.path_info,
        request.META.get("QUERY_STRING", ""),
        {"if-none-match": request.META.get("HTTP_IF_NONE_MATCH", "")},
    )
    if served is None:
        return None
    answer = HttpResponse(served.body, status=served.status, headers=dict(served.headers))
    if not served.body and not any(name == "Content-Type" for name, _ in served.headers):
        del answer["Content-Type"]  # Django's own, which a 304 has not
    return answer


def _inject(answer: HttpResponseBase, head: bytes) -> None:
    injector = page.HeadInjector(head)
    if isinstance(answer, StreamingHttpResponse):
        pieces: Any = answer.streaming_content
        answer.streaming_content = (
            _streamed_async(pieces, injector) if answer.is_async else _streamed(pieces, injector)
        )
        del answer["Content-Length"]
    elif isinstance(answer, HttpResponse):
        answer.content = injector.feed(answer.content) + injector.finish()
        if answer.has_header("Content-Length"):
            answer["Content-Length"] = str(len(answer.content))


def _streamed(pieces: Iterator[bytes], injector: page.HeadInjector) -> Iterator[bytes]:
    for piece in pieces:
        yield injector.feed(piece)
    yield injector.finish()


async def _streamed_async(
    pieces: AsyncIterator[bytes], injector: page.HeadInjector
) -> AsyncIterator[bytes]:
    async for piece in pieces:
        yield injector.feed(piece)
    yield injector.finish()


def _make_personal(answer: HttpResponseBase, ids: web.CookieIds) -> None:
    headers = dict(web.personal(list(answer.items()), ()))
    for name in ("ETag", "Last-Modified"):
        del answer[name]
    for name in ("Cache-Control", "Vary"):
        answer[name] = headers[name]
    for cookie in ids.set_cookies:
        answer.cookies.load(cookie)


def _forget(*, setting: str, **_: object) -> None:
    """Tests change settings."""
    if setting == SETTING:
        with _lock:
            old, _made[:] = list(_made), []
        for one in old:
            one.close(seconds=0)


setting_changed.connect(_forget, dispatch_uid="allotment.sdk.django")
