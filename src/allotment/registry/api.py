"""The public JSON, without login: what sites, networks and the intake read.

Nothing here changes anything, so no token guards it: other methods are refused as such.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.views.decorators.csrf import csrf_exempt

from allotment.registry import consumers, public_api, served, stream_query
from allotment.registry.environments import ENVIRONMENTS
from allotment.registry.models import ConfigurationVersion
from allotment.registry.served import Answer, Question

VERSION_HEADER = "X-Allotment-Config-Version"
AGE_HEADER = "X-Allotment-Config-Age"
STALE_HEADER = "X-Allotment-Config-Stale"
LEFT_OUT_HEADER = "X-Allotment-Left-Out"
LEFT_OUT_NAMES_HEADER = "X-Allotment-Left-Out-Names"
_EXPOSED = ("ETag", VERSION_HEADER, AGE_HEADER, STALE_HEADER, LEFT_OUT_HEADER)
_WEEK = 7 * 24 * 60 * 60
_MOST_OF_NAMES = 4096
_MOST_RENDERED = 64
_FORMATS = ("config", "analytics")
_AUTHORITIES = ("mediawiki", "varnish")
_Body = dict[str, Any] | list[Any]
_Wanted = tuple[Question, Callable[[Answer], _Body]]


class _BadRequestError(ValueError):
    """The request's parameters cannot be used."""


def _answered(request: HttpRequest, wanted: Callable[[], _Wanted]) -> HttpResponse:
    """The answer to a GET, HEAD or OPTIONS, with every header that the public API promises."""
    if request.method == "OPTIONS":
        response = HttpResponse(status=204)
        response["Access-Control-Allow-Methods"] = "GET, HEAD, OPTIONS"
        response["Access-Control-Allow-Headers"] = "If-None-Match, X-Experiment-Config-Poller"
        response["Access-Control-Max-Age"] = "86400"
    elif request.method in {"GET", "HEAD"}:
        response = _configuration(request, wanted)
    else:
        return HttpResponseNotAllowed(["GET", "HEAD", "OPTIONS"])
    response["Access-Control-Allow-Origin"] = "*"
    response["Access-Control-Expose-Headers"] = ", ".join((*_EXPOSED, LEFT_OUT_NAMES_HEADER))
    return response


def _configuration(request: HttpRequest, wanted: Callable[[], _Wanted]) -> HttpResponse:
    try:
        question, shape = wanted()
    except _BadRequestError as error:
        return _json({"error": {"code": "badvalue", "info": str(error)}}, status=400)
    except stream_query.QueryError as error:
        return _json({"error": {"code": error.code, "info": str(error)}}, status=400)
    now = timezone.now()
    answer = served.answer(question, now)
    meta = request.META
    consumers.book(now).note(
        meta.get("HTTP_USER_AGENT", ""), meta.get("REMOTE_ADDR", ""), answer.version, now
    )
    content, etag = _rendered(request, answer, shape)
    headers = {
        "ETag": etag,
        # A cache may answer for as long as consumers wait between two reads; and stale beats empty.
        "Cache-Control": f"public, max-age={_max_age()}, stale-if-error={_WEEK}",
        "Age": str(int(answer.age)),
        VERSION_HEADER: str(answer.version),
        AGE_HEADER: str(int(answer.age)),
        **({STALE_HEADER: answer.stale} if answer.stale else {}),
        **_left_out(answer),
    }
    response = HttpResponse(content, content_type=_JSON)
    conditional = get_conditional_response(request, etag=etag, response=response)
    found = response if conditional is None else _as_response(conditional)
    for name, value in headers.items():
        found[name] = value
    return found


def _rendered(
    request: HttpRequest, answer: Answer, shape: Callable[[Answer], _Body]
) -> tuple[bytes, str]:
    """The body of an answer and its ETag, rendered once for each set of parameters.

    What is left out belongs to the tag: to a consumer, an item that a fault hides and one that was
    switched off are two answers, though the bodies are the same.
    """
    key = request.META.get("QUERY_STRING", "") if request.path.startswith("/w/") else ""
    found = answer.rendered.get(key)
    if found is None:
        content = _text(shape(answer)).encode()
        named = "\n".join(answer.left_out).encode()
        tag = hashlib.sha256(content + b"\0" + named if named else content).hexdigest()
        found = (content, f'"{tag[:32]}"')
        if len(answer.rendered) >= _MOST_RENDERED:
            answer.rendered.clear()
        answer.rendered[key] = found
    return found


def _left_out(answer: Answer) -> dict[str, str]:
    """How many items a fault keeps out, and which; `*` where they are too many to name."""
    if not answer.left_out:
        return {}
    names = ",".join(quote(name, safe="") for name in answer.left_out)
    return {
        LEFT_OUT_HEADER: str(len(answer.left_out)),
        LEFT_OUT_NAMES_HEADER: names if len(names) <= _MOST_OF_NAMES else "*",
    }


def _as_response(found: HttpResponseBase) -> HttpResponse:
    """Django's conditional helper is typed as the base class; it gives back a whole response."""
    return found if isinstance(found, HttpResponse) else HttpResponse(status=found.status_code)


def _max_age() -> int:
    return max(1, math.floor(settings.ALLOTMENT.config_refresh_seconds / 2))


_JSON = "application/json; charset=utf-8"


def _text(body: _Body) -> str:
    return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _json(body: _Body, status: int = 200) -> HttpResponse:
    return HttpResponse(_text(body), status=status, content_type=_JSON)


def _listed(answer: Answer) -> _Body:
    return list(answer.documents)


def _keyed(answer: Answer) -> _Body:
    return {
        document["name"]: {key: value for key, value in document.items() if key != "name"}
        for document in answer.documents
    }


def _given(request: HttpRequest, name: str, known: Sequence[str], otherwise: str) -> str:
    """A parameter that has one of a few values."""
    found = str(request.GET.get(name, otherwise))
    if found not in known and found != otherwise:
        raise _BadRequestError(f"{name} is {found!r}; give {' or '.join(known)}")
    return found


@csrf_exempt
@login_not_required
def instruments(request: HttpRequest) -> HttpResponse:
    """`GET /api/v1/instruments`: active and future instruments."""

    def wanted() -> _Wanted:
        environment = _given(request, "environment", ENVIRONMENTS, "")
        return Question("instruments", environment=environment), _listed

    return _answered(request, wanted)


@csrf_exempt
@login_not_required
def experiments(request: HttpRequest) -> HttpResponse:
    """`GET /api/v1/experiments`: active and future; `?format=analytics` adds those that ended,
    `?authority=` chooses who puts subjects into groups."""

    def wanted() -> _Wanted:
        question = Question(
            "experiments",
            form=_given(request, "format", _FORMATS, "config"),
            authority=_given(request, "authority", _AUTHORITIES, ""),
            environment=_given(request, "environment", ENVIRONMENTS, ""),
        )
        if question.authority == "varnish" and question.form != "config":
            raise _BadRequestError(f"format is {question.form!r}; authority varnish has config")
        return question, _keyed if question.authority == "varnish" else _listed

    return _answered(request, wanted)


@csrf_exempt
@login_not_required
def stream_configs(request: HttpRequest) -> HttpResponse:
    """`GET /w/api.php?action=streamconfigs`: every stream, with what is active merged in."""

    def wanted() -> _Wanted:
        asked = stream_query.parse(request.GET)
        environment = _given(request, "environment", ENVIRONMENTS, "")

        def shape(answer: Answer) -> _Body:
            found = public_api.shown_streams(answer.documents, asked.names, site=asked.site)
            return {"streams": {name: d for name, d in found.items() if asked.passes(d)}}

        return Question("streams", environment=environment), shape

    return _answered(request, wanted)


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
