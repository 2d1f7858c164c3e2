"""What concerns the whole lab, and who calls: the check, the audit log, oneself, one's tokens."""
# ruff: noqa: ARG001, FBT002 - every route takes the request; a query may be left out

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Schema
from pydantic import Field

from allotment.registry import audit, checking, nightly, people, permissions, tokens
from allotment.registry.gate import NotPermittedError
from allotment.registry.manage_api import answers, documents, paging, problems
from allotment.registry.manage_api.callers import caller_of, needs
from allotment.registry.manage_api.fields import Moment
from allotment.registry.manage_api.paging import SIZE, PageNumber, PageSize
from allotment.registry.manage_api.routing import router
from allotment.registry.manage_api.shapes import Body, Said
from allotment.registry.models import ApiToken, AuditEntry
from allotment.registry.permissions import Decision, Scope
from allotment.registry.roles import Role


class Myself(Schema):
    """Who calls: the role, the teams, and what the caller may do at all, to some item or none."""

    name: str
    role: str
    teams: list[str]
    scopes: list[str] | None
    may: list[str]


class SessionsEnded(Schema):
    """How many sessions ended."""

    ended: int


class NewToken(Body):
    """A token of one's own; its scopes are at most those of the token that is shown."""

    name: Annotated[str, Field(min_length=1, max_length=120)]
    scopes: Annotated[list[Literal["read", "write", "operate", "people"]], Field(min_length=1)]
    days: Annotated[int, Field(ge=1, le=365)] = 90


class TokenAnswer(Schema):
    """A token without its secret, which is kept nowhere."""

    identifier: str
    name: str
    account: str
    scopes: list[str]
    created: datetime
    expires: datetime
    last_used: datetime | None
    revoked: datetime | None


class TokenMade(Schema):
    """A new token; `text` is shown this once."""

    text: str
    token: TokenAnswer


class TokenPage(answers.ListPage):
    """Tokens, newest first."""

    items: list[TokenAnswer]


class AuditFilters(Schema):
    """Which entries of the audit log."""

    who: Annotated[str, Field(max_length=150)] = ""
    action: Annotated[str, Field(max_length=40)] = ""
    name: Annotated[str, Field(max_length=255)] = ""
    since: Moment | None = None
    until: Moment | None = None
    page: PageNumber = 1
    size: PageSize = SIZE


class AuditAnswer(Schema):
    """One thing that somebody did."""

    number: int
    when: datetime
    who: str
    action: str
    kind: str
    name: str
    before: str
    after: str
    reason: str
    request: str
    detail: dict[str, Any]
    previous: str
    hash: str


class AuditPage(answers.ListPage):
    """Entries of the audit log, newest first."""

    items: list[AuditAnswer]


@router.get(
    "/me",
    operation_id="get_me",
    summary="Read who calls",
    tags=["people"],
    response=Myself,
    auth=needs("see"),
)
def get_me(request: HttpRequest) -> HttpResponse:
    """The account, and what it may do with this token."""
    caller = caller_of(request)
    return documents.answer(
        {
            "name": caller.account.username,
            "role": str(Role(caller.account.role)),
            "teams": sorted(caller.account.team_names),
            "scopes": None if caller.scopes is None else sorted(caller.scopes),
            "may": [action for action in permissions.ACTIONS if caller.may(action)],
        }
    )


@router.post(
    "/me/sessions",
    operation_id="end_own_sessions",
    summary="Log out one's other browsers",
    tags=["people"],
    response=SessionsEnded,
    auth=needs("own"),
)
def end_own_sessions(request: HttpRequest) -> HttpResponse:
    """All of one's sessions end, but that of a browser that asks; tokens stay."""
    mine = caller_of(request).account
    ended = people.end_sessions(mine, keep=request.session.session_key)
    return documents.answer({"ended": ended})


@router.get(
    "/check",
    operation_id="check_lab",
    summary="Check everything that is served",
    tags=["check"],
    response=answers.Findings,
    auth=needs("see"),
)
def check_lab(request: HttpRequest) -> HttpResponse:
    """What the rules find in all streams and in the items that are served now or later, held
    against what the last daily check saw of the events that came."""
    now = timezone.now()
    seen = nightly.observations(settings.ALLOTMENT.registry_dir, now)
    _, found = checking.of_lab(now, observations=seen)
    return documents.answer({"findings": documents.findings(found)})


@router.get(
    "/audit",
    operation_id="list_audit",
    summary="Read the audit log",
    tags=["audit"],
    response=AuditPage,
    auth=needs("audit"),
)
def list_audit(request: HttpRequest, filters: Query[AuditFilters]) -> HttpResponse:
    """Who did what, newest first; it cannot be changed from here or from anywhere."""
    rows = AuditEntry.objects.order_by("-number")
    if filters.who:
        rows = rows.filter(who__iexact=filters.who)
    if filters.action:
        rows = rows.filter(action=filters.action)
    if filters.name:
        rows = rows.filter(name__icontains=filters.name)
    if filters.since is not None:
        rows = rows.filter(when__gte=filters.since)
    if filters.until is not None:
        rows = rows.filter(when__lte=filters.until)
    found = paging.page(
        rows,
        rows.count(),
        filters.page,
        filters.size,
        lambda entry: json.loads(audit.as_json(entry)),
    )
    return documents.answer(found)


@router.get(
    "/tokens",
    operation_id="list_tokens",
    summary="List tokens",
    tags=["people"],
    response=TokenPage,
    auth=needs("own"),
)
def list_tokens(
    request: HttpRequest,
    everybody: Annotated[bool, Field(description="Of all accounts; for admins.")] = False,
    page: PageNumber = 1,
    size: PageSize = SIZE,
) -> HttpResponse:
    """One's own tokens, or everybody's."""
    caller = caller_of(request)
    rows = ApiToken.objects.select_related("account").order_by("-created", "-pk")
    if everybody:
        caller.require("tokens")
    else:
        rows = rows.filter(account=caller.account.pk)
    return documents.answer(paging.page(rows, rows.count(), page, size, _token))


@router.post(
    "/tokens",
    operation_id="create_token",
    summary="Make a token",
    tags=["people"],
    response={201: TokenMade},
    auth=needs("own"),
)
def create_token(request: HttpRequest, body: NewToken) -> HttpResponse:
    """A token of one's own. It never gets a scope that the token which is shown lacks."""
    caller = caller_of(request)
    if not caller.covers(body.scopes):
        lacking = ", ".join(sorted(set(body.scopes) - (caller.scopes or frozenset())))
        raise NotPermittedError(
            Decision(
                allowed=False,
                reason=f"The token that is shown lacks {lacking}, and cannot give it away.",
                remedy="Ask for fewer scopes, or make the token on your account's page.",
            )
        )
    token, text = tokens.make(
        caller.account,
        name=body.name,
        scopes=[Scope(scope) for scope in body.scopes],
        expires=timezone.now() + timedelta(days=body.days),
    )
    return documents.answer({"text": text, "token": _token(token)}, status=201)


@router.post(
    "/tokens/{identifier}/revoke",
    operation_id="revoke_token",
    summary="Revoke a token",
    tags=["people"],
    response=TokenAnswer,
    auth=needs("own"),
)
def revoke_token(request: HttpRequest, identifier: str, body: Said) -> HttpResponse:
    """It opens nothing from now on. One's own; for admins anybody's."""
    caller = caller_of(request)
    token = ApiToken.objects.select_related("account").filter(identifier=identifier).first()
    if token is None or (token.account.pk != caller.account.pk and not caller.may("tokens")):
        # The same answer in both cases: whether it exists is nobody else's matter.
        raise problems.not_known("token", identifier)
    tokens.revoke(token, reason=body.reason)
    token.refresh_from_db()
    return documents.answer(_token(token))


def _token(row: ApiToken) -> dict[str, Any]:
    return {
        "identifier": row.identifier,
        "name": row.name,
        "account": row.account.username,
        "scopes": row.scopes,
        "created": documents.stamp(row.created),
        "expires": documents.stamp(row.expires),
        "last_used": documents.stamp(row.last_used),
        "revoked": documents.stamp(row.revoked),
    }
