"""Accounts and teams. For admins, but for the list of teams, which everybody may read."""
# ruff: noqa: ARG001 - every route takes the request

from __future__ import annotations

from typing import Annotated, Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Schema
from pydantic import Field

from allotment.registry import people, sso
from allotment.registry.forms.people import NewAccountForm
from allotment.registry.manage_api import answers, conditions, documents, paging, problems
from allotment.registry.manage_api.callers import needs
from allotment.registry.manage_api.conditions import IF_MATCH
from allotment.registry.manage_api.fields import Name, Reason
from allotment.registry.manage_api.paging import SIZE, PageNumber, PageSize
from allotment.registry.manage_api.routing import Why, router
from allotment.registry.manage_api.shapes import Body
from allotment.registry.models import Account, Team
from allotment.registry.roles import Role
from allotment.registry.rules import Refusal


class NewPerson(Body):
    """A local account."""

    name: Annotated[str, Field(min_length=1, max_length=150)]
    role: Role = Role.VIEWER


class NewRole(Body):
    """What an account may do."""

    role: Role
    reason: Reason = ""


class Switched(Body):
    """Whether an account may log in."""

    on: bool
    reason: Reason = ""


class Ended(Body):
    """Whether the tokens are revoked with the sessions."""

    tokens: bool = False


class PersonAnswer(Schema):
    """An account."""

    name: str
    role: Role
    active: bool
    single_sign_on: bool
    teams: list[str]


class PersonPage(answers.ListPage):
    """Accounts by name."""

    items: list[PersonAnswer]


class Password(Schema):
    """An account and its one-time password, which is shown this once."""

    password: str
    person: PersonAnswer


class TeamBody(Body):
    """A team. When its name changes, what it owns goes along."""

    name: Annotated[str, Field(min_length=1, max_length=120, pattern="^[^@,/][^,/]*$")]
    description: Annotated[str, Field(max_length=255)] = ""
    members: Annotated[list[Name], Field(max_length=1000)] = []


class TeamPage(answers.ListPage):
    """Teams by name."""

    items: list[TeamBody]


def _person(row: Account) -> dict[str, Any]:
    return {
        "name": row.username,
        "role": row.role,
        "active": row.is_active,
        "single_sign_on": row.is_from_provider,
        "teams": sorted(team.name for team in row.teams.all()),
    }


def _shown(row: Account) -> HttpResponse:
    return documents.answer(_person(Account.objects.get(pk=row.pk)))


def _one(name: str) -> Account:
    found = Account.objects.filter(username=name).first()
    if found is None:
        raise problems.not_known("account", name)
    return found


@router.get(
    "/people",
    operation_id="list_people",
    summary="List accounts",
    tags=["people"],
    response=PersonPage,
    auth=needs("people"),
)
def list_people(
    request: HttpRequest,
    q: Annotated[str, Field(max_length=150)] = "",
    page: PageNumber = 1,
    size: PageSize = SIZE,
) -> HttpResponse:
    """Every account, or those whose name holds a text."""
    rows = Account.objects.prefetch_related("teams").order_by("username")
    if q:
        rows = rows.filter(username__icontains=q)
    return documents.answer(paging.page(rows, rows.count(), page, size, _person))


@router.post(
    "/people",
    operation_id="create_person",
    summary="Make a local account",
    tags=["people"],
    response={201: Password},
    auth=needs("people"),
)
def create_person(request: HttpRequest, body: NewPerson) -> HttpResponse:
    """The answer holds its one-time password, which must be changed at the first log-in."""
    form = NewAccountForm({"username": body.name, "role": body.role.value})
    if not form.is_valid():
        refusals = [
            Refusal(
                "value-has-form", "name", "the name cannot be used", str(text), "Choose another."
            )
            for errors in form.errors.values()
            for text in errors
        ]
        raise problems.refused(refusals)
    account, password = people.make_account(form.cleaned_data["username"], body.role.value)
    return documents.answer({"password": password, "person": _person(account)}, status=201)


@router.get(
    "/people/{name}",
    operation_id="get_person",
    summary="Read an account",
    tags=["people"],
    response=PersonAnswer,
    auth=needs("people"),
)
def get_person(request: HttpRequest, name: str) -> HttpResponse:
    """An account: role, teams, whether it may log in."""
    return _shown(_one(name))


@router.post(
    "/people/{name}/role",
    operation_id="change_role",
    summary="Give an account another role",
    tags=["people"],
    response={200: PersonAnswer, 409: answers.Problem},
    auth=needs("people"),
)
def change_role(request: HttpRequest, name: str, body: NewRole) -> HttpResponse:
    """It counts from the next request on. The last admin stays one."""
    account = _one(name)
    if account.is_from_provider and sso.sign_in().roles:
        raise problems.ProblemError(409, "The groups at the provider decide it, at each log-in.")
    people.change_role(account, body.role.value, reason=body.reason)
    return _shown(account)


@router.post(
    "/people/{name}/switch",
    operation_id="switch_person",
    summary="Switch an account off or on",
    tags=["people"],
    response={200: PersonAnswer, 409: answers.Problem},
    auth=needs("people"),
)
def switch_person(request: HttpRequest, name: str, body: Switched) -> HttpResponse:
    """Off ends its sessions and stops its tokens at once. The last admin stays on."""
    account = _one(name)
    people.switch(account, on=body.on, reason=body.reason)
    return _shown(account)


@router.post(
    "/people/{name}/password",
    operation_id="reset_password",
    summary="Give an account a one-time password",
    tags=["people"],
    response={200: Password, 409: answers.Problem},
    auth=needs("people"),
)
def reset_password(request: HttpRequest, name: str) -> HttpResponse:
    """It must be changed at the next log-in; the account's sessions end."""
    account = _one(name)
    password = people.reset_password(account)
    return documents.answer({"password": password, "person": _person(account)})


@router.post(
    "/people/{name}/sessions",
    operation_id="end_sessions",
    summary="Log an account out everywhere",
    tags=["people"],
    response=PersonAnswer,
    auth=needs("people"),
)
def end_sessions(request: HttpRequest, name: str, body: Ended) -> HttpResponse:
    """Its sessions end; its tokens too where that is asked for."""
    account = _one(name)
    people.end_sessions(account, keep=None)
    if body.tokens:
        people.revoke_all(account, reason="Revoked by an admin")
    return _shown(account)


def team_document(row: Team) -> dict[str, Any]:
    """A team as it is written."""
    members = sorted(account.username for account in row.members.all())
    return {"name": row.name, "description": row.description, "members": members}


def _one_team(name: str) -> Team:
    found = Team.objects.filter(name=name).first()
    if found is None:
        raise problems.not_known("team", name)
    return found


@router.get(
    "/teams",
    operation_id="list_teams",
    summary="List teams",
    tags=["teams"],
    response=TeamPage,
    auth=needs("see"),
)
def list_teams(request: HttpRequest, page: PageNumber = 1, size: PageSize = SIZE) -> HttpResponse:
    """Every team and who is in it."""
    rows = Team.objects.prefetch_related("members").order_by("name")
    return documents.answer(paging.page(rows, rows.count(), page, size, team_document))


@router.post(
    "/teams",
    operation_id="create_team",
    summary="Make a team",
    tags=["teams"],
    response={201: TeamBody},
    auth=needs("teams"),
)
def create_team(request: HttpRequest, body: TeamBody, reason: Why = "") -> HttpResponse:
    """A new team."""
    return _save_team(None, body, reason, 201)


@router.get(
    "/teams/{name}",
    operation_id="get_team",
    summary="Read a team",
    tags=["teams"],
    response=TeamBody,
    auth=needs("see"),
)
def get_team(request: HttpRequest, name: str) -> HttpResponse:
    """A team and who is in it."""
    found = team_document(_one_team(name))
    return documents.answer(found, etag=conditions.tag_of(found))


@router.put(
    "/teams/{name}",
    operation_id="replace_team",
    summary="Replace a team",
    tags=["teams"],
    response=TeamBody,
    auth=needs("teams"),
    openapi_extra=IF_MATCH,
)
def replace_team(request: HttpRequest, name: str, body: TeamBody, reason: Why = "") -> HttpResponse:
    """Another name, description, or other members."""
    with transaction.atomic():
        row = _one_team(name)
        conditions.matches(request, team_document(row))
        return _save_team(row, body, reason, 200)


@router.delete(
    "/teams/{name}",
    operation_id="remove_team",
    summary="Take a team away",
    tags=["teams"],
    response={204: None},
    auth=needs("teams"),
    openapi_extra=IF_MATCH,
)
def remove_team(request: HttpRequest, name: str) -> HttpResponse:
    """A team that owns nothing."""
    with transaction.atomic():
        row = _one_team(name)
        conditions.matches(request, team_document(row))
        people.remove_team(row)
    return HttpResponse(status=204)


def _save_team(row: Team | None, body: TeamBody, reason: str, status: int) -> HttpResponse:
    saved = store_team(row, body, reason)
    found = team_document(Team.objects.get(pk=saved.pk))
    return documents.answer(found, status=status, etag=conditions.tag_of(found))


def store_team(row: Team | None, body: TeamBody, reason: str) -> Team:
    """Make a team, or change one.

    Raises:
        ProblemError: its name is taken, or nobody has the name of a member.
    """
    taken = Team.objects.filter(name__iexact=body.name)
    if (taken.exclude(pk=row.pk) if row else taken).exists():
        refusal = Refusal(
            "name-is-free",
            "name",
            "the name is taken",
            f"A team has the name “{body.name}” already.",
            "Choose another.",
        )
        raise problems.refused([refusal])
    members = list(Account.objects.filter(username__in=body.members))
    unknown = sorted(set(body.members) - {account.username for account in members})
    if unknown:
        refusal = Refusal(
            "value-has-form",
            "members",
            f"nobody is called {unknown[0]}",
            f"No account is called {', '.join(unknown)}.",
            "Give names of accounts, without “@”.",
        )
        raise problems.refused([refusal])
    return people.save_team(
        row, name=body.name, description=body.description, members=members, reason=reason
    )
