"""The public JSON, without login: what sites and the intake read.

Nothing here changes anything, so no token guards it: other methods are refused as such.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.views.decorators.csrf import csrf_exempt

from allotment.registry import public_api, stream_query
from allotment.registry.models import ConfigurationVersion

VERSION_HEADER = "X-Allotment-Config-Version"
LEFT_OUT_HEADER = "X-Allotment-Left-Out"
_WEEK = 7 * 24 * 60 * 60
_FORMATS = ("config", "analytics")
_Body = dict[str, Any] | list[Any]


class _BadRequestError(ValueError):
    """The request's parameters cannot be used."""


def _answered(request: HttpRequest, make: Callable[[], tuple[_Body, list[str]]]) -> HttpResponse:
    """The answer to a GET, HEAD or OPTIONS, with every header that the public API promises."""
    if request.method == "OPTIONS":
        response = HttpResponse(status=204)
        response["Access-Control-Allow-Methods"] = "GET, HEAD, OPTIONS"
        response["Access-Control-Allow-Headers"] = "If-None-Match, X-Experiment-Config-Poller"
        response["Access-Control-Max-Age"] = "86400"
    elif request.method in {"GET", "HEAD"}:
        response = _configuration(request, make)
    else:
        return HttpResponseNotAllowed(["GET", "HEAD", "OPTIONS"])
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Expose-Headers"] = f"ETag, {VERSION_HEADER}, {LEFT_OUT_HEADER}"
    return response


def _configuration(
    request: HttpRequest, make: Callable[[], tuple[_Body, list[str]]]
) -> HttpResponse:
    # The version is read first: a change in between makes the body newer than its number says,
    # and the consumer then reads it once more; never older.
    version = ConfigurationVersion.current().number
    try:
        body, left_out = make()
    except _BadRequestError as error:
        return _json({"error": {"code": "badvalue", "info": str(error)}}, status=400)
    except stream_query.QueryError as error:
        return _json({"error": {"code": error.code, "info": str(error)}}, status=400)
    response = _json(body)
    etag = f'"{hashlib.sha256(response.content).hexdigest()[:32]}"'
    headers = {
        "ETag": etag,
        # A cache may answer for as long as consumers wait between two reads; and stale beats empty.
        "Cache-Control": f"public, max-age={_max_age()}, stale-if-error={_WEEK}",
        VERSION_HEADER: str(version),
        **({LEFT_OUT_HEADER: str(len(left_out))} if left_out else {}),
    }
    conditional = get_conditional_response(request, etag=etag, response=response)
    answer = response if conditional is None else _as_response(conditional)
    for name, value in headers.items():
        answer[name] = value
    return answer


def _as_response(found: HttpResponseBase) -> HttpResponse:
    """Django's conditional helper is typed as the base class; it gives back a whole response."""
    return found if isinstance(found, HttpResponse) else HttpResponse(status=found.status_code)


def _max_age() -> int:
    return max(1, math.floor(settings.ALLOTMENT.config_refresh_seconds / 2))


def _json(body: _Body, status: int = 200) -> HttpResponse:
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return HttpResponse(text, status=status, content_type="application/json; charset=utf-8")


@csrf_exempt
@login_not_required
def instruments(request: HttpRequest) -> HttpResponse:
    """`GET /api/v1/instruments`: active and future instruments."""

    def make() -> tuple[_Body, list[str]]:
        found = public_api.instruments(timezone.now())
        return found.documents, found.left_out

    return _answered(request, make)


@csrf_exempt
@login_not_required
def experiments(request: HttpRequest) -> HttpResponse:
    """`GET /api/v1/experiments`: active and future; `?format=analytics` adds those that ended."""

    def make() -> tuple[_Body, list[str]]:
        wanted = request.GET.get("format", "config")
        if wanted not in _FORMATS:
            raise _BadRequestError(f"format is {wanted!r}; give {' or '.join(_FORMATS)}")
        found = public_api.experiments(timezone.now(), analytics=wanted == "analytics")
        return found.documents, found.left_out

    return _answered(request, make)


@csrf_exempt
@login_not_required
def stream_configs(request: HttpRequest) -> HttpResponse:
    """`GET /w/api.php?action=streamconfigs`: every stream, with what is active merged in."""

    def make() -> tuple[_Body, list[str]]:
        asked = stream_query.parse(request.GET)
        found = public_api.streams(timezone.now(), site=asked.site)
        kept = {d["stream"]: d for d in found.documents if asked.passes(d)}
        return {"streams": kept}, found.left_out

    return _answered(request, make)


@csrf_exempt
@login_not_required
def healthz(request: HttpRequest) -> HttpResponse:
    """`GET /healthz`: 200 when the registry can read its database."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    ConfigurationVersion.current()
    response = _json({"status": "ok"})
    response["Cache-Control"] = "no-store"
    return response
