"""A small Django site, sync and async, for the middleware's tests."""

from collections.abc import AsyncIterator, Iterator

from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template import engines
from django.urls import path

from allotment.sdk.django import AllotmentMiddleware, client
from allotment.sdk.events import Context

NAME = "related-articles-card"
PAGE = "<html><head><title>x</title></head><body>text</body></html>"


def page(request: HttpRequest) -> HttpResponseBase:
    return HttpResponse(PAGE, headers={"Content-Length": str(len(PAGE)), "ETag": '"1"'})


async def async_page(request: HttpRequest) -> HttpResponseBase:
    group = request.allotment.get_experiment_bucket_value(NAME)  # type: ignore[attr-defined]
    return HttpResponse(PAGE.replace("text", str(group)))


def data(request: HttpRequest) -> HttpResponseBase:
    return JsonResponse({"a": 1}, headers={"Cache-Control": "public, max-age=60"})


def looked_at(request: HttpRequest) -> HttpResponseBase:
    identity = request.allotment.identity  # type: ignore[attr-defined]
    experiment = request.allotment.get_experiment(NAME)  # type: ignore[attr-defined]
    experiment.send("impression")
    group = experiment.assigned_group
    return JsonResponse({"group": group, "user": identity.user_id, "browser": identity.browser_id})


def placed(request: HttpRequest) -> HttpResponseBase:
    request.csp_nonce = "n0nce"  # type: ignore[attr-defined]
    template = engines["django"].from_string(
        "<html><head>{{ allotment_head }}</head><body>{{ allotment.site }}</body></html>"
    )
    return HttpResponse(template.render({}, request))


def streamed(request: HttpRequest) -> HttpResponseBase:
    def pieces() -> Iterator[str]:
        yield from ("<head><ti", "tle></he", "ad><body>", "one")

    return StreamingHttpResponse(pieces(), headers={"Content-Length": "31"})


async def async_streamed(request: HttpRequest) -> HttpResponseBase:
    async def pieces() -> AsyncIterator[str]:
        for piece in ("<head></he", "ad><body>", "one"):
            yield piece

    return StreamingHttpResponse(pieces())


def job(request: HttpRequest) -> HttpResponseBase:
    return JsonResponse({"site": client().site})


class Anonymous(AllotmentMiddleware):
    """A site whose users are told by a header, and whose pages have namespaces."""

    def user_id(self, request: HttpRequest) -> str | None:
        return request.headers.get("X-User")

    def context(self, request: HttpRequest) -> Context:
        return {"page": {"namespace_id": 4}}


urlpatterns = [
    path("page", page),
    path("async-page", async_page),
    path("data", data),
    path("looked-at", looked_at),
    path("placed", placed),
    path("streamed", streamed),
    path("async-streamed", async_streamed),
    path("job", job),
]
