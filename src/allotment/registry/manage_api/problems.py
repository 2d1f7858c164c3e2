"""One shape for every error: RFC 9457 problems, with the rules that refused where rules did."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from allotment.registry.gate import NotPermittedError
from allotment.registry.people import PeopleRefusedError
from allotment.registry.rules import Refusal, RuleRefusedError
from allotment.registry.tokens import TokenRefusedError

MEDIA_TYPE = "application/problem+json"
STALE_RULE = "nobody-wrote-meanwhile"
_LOG = logging.getLogger(__name__)
_TITLES: dict[int, str] = {
    400: "The request cannot be read",
    401: "Nobody is logged in",
    403: "This is not allowed",
    404: "There is no such thing",
    405: "The method is not offered here",
    409: "The things as they stand do not allow it",
    412: "Somebody else wrote meanwhile",
    422: "Refused",
    428: "The version is missing",
    429: "Too many requests",
    500: "The registry has a fault",
}


def title(status: int) -> str:
    """What a status says in general."""
    return _TITLES.get(status) or HTTPStatus(status).phrase


class ProblemError(Exception):
    """An answer other than success; the handlers make a problem of it."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        remedy: str = "",
        refusals: Sequence[Refusal] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.detail = detail
        self.remedy = remedy
        self.refusals = tuple(refusals)
        self.headers = dict(headers or {})
        super().__init__(detail)

    def response(self) -> HttpResponse:
        """The problem as an answer."""
        body: dict[str, Any] = {
            "type": f"urn:allotment:problem:{self.status}",
            "title": title(self.status),
            "status": self.status,
            "detail": self.detail,
            "remedy": self.remedy,
            "refusals": [as_json(refusal) for refusal in self.refusals],
        }
        return HttpResponse(
            json.dumps(body, ensure_ascii=False).encode(),
            status=self.status,
            content_type=MEDIA_TYPE,
            headers=self.headers,
        )


def as_json(refusal: Refusal) -> dict[str, str]:
    """A rule's no as plain values."""
    return {
        "rule": refusal.rule,
        "field": refusal.field,
        "headline": refusal.headline,
        "what": refusal.what,
        "remedy": refusal.remedy,
    }


def refused(refusals: Sequence[Refusal]) -> ProblemError:
    """What rules refused; a write that began from an old version has a status of its own."""
    stale = any(refusal.rule == STALE_RULE for refusal in refusals)
    first = refusals[0]
    return ProblemError(
        HTTPStatus.PRECONDITION_FAILED if stale else HTTPStatus.UNPROCESSABLE_ENTITY,
        first.what,
        remedy=first.remedy,
        refusals=refusals,
    )


def not_known(word: str, name: str) -> ProblemError:
    """There is no such thing."""
    return ProblemError(404, f"No {word} is called “{name}”.", remedy="Look at the list of them.")


def value_refusals(errors: Iterable[Mapping[str, Any]]) -> list[Refusal]:
    """What is wrong with the values of a request, one refusal for each place."""
    found = []
    for error in errors:
        # The first parts say where in the request; `body` and the body's own name help nobody.
        path = [str(part) for part in error.get("loc", ())]
        place = ".".join(part for part in path if part not in {"body", "query", "path"})
        rule = "key-is-known" if error.get("type") == "extra_forbidden" else "value-has-form"
        message = str(error.get("msg", "It cannot be used"))
        found.append(
            Refusal(
                rule,
                place,
                f"{place or 'the request'} cannot be used",
                f"{place or 'The request'}: {message}.",
                "Look at the reference of the management API for what may stand there.",
            )
        )
    return found


def set_handlers(api: NinjaAPI) -> None:
    """Let every error of an API become a problem."""

    @api.exception_handler(ProblemError)
    def problem(_: HttpRequest, error: ProblemError) -> HttpResponse:
        return error.response()

    @api.exception_handler(RuleRefusedError)
    def rules(_: HttpRequest, error: RuleRefusedError) -> HttpResponse:
        return refused(error.refusals).response()

    @api.exception_handler(NotPermittedError)
    def forbidden(_: HttpRequest, error: NotPermittedError) -> HttpResponse:
        decision = error.decision
        return ProblemError(403, decision.reason, remedy=decision.remedy).response()

    @api.exception_handler(TokenRefusedError)
    def unknown_token(_: HttpRequest, error: TokenRefusedError) -> HttpResponse:
        return unauthorized(str(error)).response()

    @api.exception_handler(PeopleRefusedError)
    def people(_: HttpRequest, error: PeopleRefusedError) -> HttpResponse:
        return ProblemError(409, str(error)).response()

    @api.exception_handler(ValidationError)
    def values(_: HttpRequest, error: ValidationError) -> HttpResponse:
        return refused(value_refusals(error.errors)).response()

    @api.exception_handler(Http404)
    def missing(_: HttpRequest, error: Http404) -> HttpResponse:
        return ProblemError(404, str(error) or "There is no such thing.").response()

    @api.exception_handler(HttpError)
    def other(_: HttpRequest, error: HttpError) -> HttpResponse:
        # What the reader of bodies found out comes wrapped.
        cause = error.__cause__
        found = cause if isinstance(cause, ProblemError) else None
        return (found or ProblemError(error.status_code, error.message)).response()

    @api.exception_handler(Exception)
    def fault(request: HttpRequest, error: Exception) -> HttpResponse:
        _LOG.error("%s %s failed", request.method, request.path, exc_info=error)
        return ProblemError(
            500,
            "Something went wrong that is not your fault; nothing was changed.",
            remedy="Tell an admin the value of X-Request-Id; the log says more.",
        ).response()


def unauthorized(detail: str) -> ProblemError:
    """Who asks is not known."""
    return ProblemError(
        401,
        detail,
        remedy="Send “Authorization: Bearer alt_…”; tokens are made on your account's page.",
        headers={"WWW-Authenticate": 'Bearer realm="allotment"'},
    )
