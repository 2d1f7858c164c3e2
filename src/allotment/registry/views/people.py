"""People: accounts and their roles, teams, everybody's tokens. For admins."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from allotment.registry import gate, ownership, people, sso
from allotment.registry.forms.people import ROLE_HINTS, NewAccountForm, RoleForm, TeamForm
from allotment.registry.models import Account, ApiToken, Team
from allotment.registry.people import PeopleRefusedError
from allotment.registry.roles import Role

PAGE_SIZE = 50
_UNPROCESSABLE = 422


@require_safe
def listing(request: HttpRequest) -> HttpResponse:
    """Every account, searched by name."""
    gate.require(request, "people")
    asked = request.GET.get("q", "").strip()
    accounts = Account.objects.prefetch_related("teams").order_by("-is_active", "username")
    if asked:
        accounts = accounts.filter(Q(username__icontains=asked) | Q(teams__name__icontains=asked))
    page = Paginator(accounts.distinct(), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {"page": page, "asked": asked}
    return render(request, "registry/people.html", context)


@never_cache
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Make a local account; its one-time password is on the page that answers."""
    gate.require(request, "people")
    default = sso.sign_in().default_role
    initial = {"role": default if default in Role else Role.VIEWER}
    form = NewAccountForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        made, password = people.make_account(
            form.cleaned_data["username"], form.cleaned_data["role"]
        )
        context = {"account": made, "password": password, "made": True}
        return render(request, "registry/password_made.html", context)
    context = {"form": form, "hints": ROLE_HINTS, "local_login": sso.sign_in().local_login}
    status = 200 if request.method == "GET" else _UNPROCESSABLE
    return render(request, "registry/person_new.html", context, status=status)


@never_cache
@require_http_methods(["GET", "POST"])
def person(request: HttpRequest, name: str) -> HttpResponse:
    """One account: its role, its teams and what may be done to it."""
    gate.require(request, "people")
    account = _find(name)
    by_groups = account.is_from_provider and bool(sso.sign_in().roles)
    form = RoleForm(request.POST or None, initial={"role": account.role})
    if request.method == "POST" and form.is_valid():
        if by_groups:
            form.add_error("role", gettext("The groups at the provider decide it, at each log-in."))
        else:
            try:
                people.change_role(
                    account, form.cleaned_data["role"], reason=form.cleaned_data["reason"]
                )
            except PeopleRefusedError as error:
                form.add_error("role", str(error))
            else:
                messages.success(
                    request,
                    gettext("%(username)s is now %(cleaned_data_role)s.")
                    % {
                        "username": account.username,
                        "cleaned_data_role": Role(form.cleaned_data["role"]).inside,
                    },
                )
                return redirect("person", name=account.username)
    return _person_page(request, account, form)


def _person_page(
    request: HttpRequest, account: Account, form: RoleForm, refused: str = ""
) -> HttpResponse:
    now = timezone.now()
    context = {
        "account": account,
        "form": form,
        "hints": ROLE_HINTS,
        "by_groups": account.is_from_provider and bool(sso.sign_in().roles),
        "teams": account.teams.all(),
        "sessions": len(people.session_rows(account, None)),
        "tokens": [(token, token.is_valid(now)) for token in account.tokens.all()],
        "refused": refused,
    }
    status = _UNPROCESSABLE if refused or form.errors else 200
    return render(request, "registry/person.html", context, status=status)


@require_POST
def switch(request: HttpRequest, name: str) -> HttpResponse:
    """Switch an account off, or on again."""
    gate.require(request, "people")
    account = _find(name)
    on = request.POST.get("on") == "yes"
    try:
        people.switch(account, on=on, reason=request.POST.get("reason", "").strip()[:200])
    except PeopleRefusedError as error:
        form = RoleForm(initial={"role": account.role})
        return _person_page(request, account, form, str(error))
    text = (
        gettext("%(username)s is switched on. The person can log in again.")
        if on
        else gettext("%(username)s is switched off. Its sessions are ended.")
    )
    messages.success(request, text % {"username": account.username})
    return redirect("person", name=account.username)


@never_cache
@require_POST
def reset_password(request: HttpRequest, name: str) -> HttpResponse:
    """Give a one-time password, shown on the page that answers."""
    gate.require(request, "people")
    account = _find(name)
    try:
        password = people.reset_password(account)
    except PeopleRefusedError as error:
        form = RoleForm(initial={"role": account.role})
        return _person_page(request, account, form, str(error))
    context = {"account": account, "password": password, "made": False}
    return render(request, "registry/password_made.html", context)


@require_POST
def end_sessions(request: HttpRequest, name: str) -> HttpResponse:
    """Log a person out everywhere, and revoke the tokens too where that is asked for."""
    gate.require(request, "people")
    account = _find(name)
    keep = request.session.session_key if account == request.user else None
    people.end_sessions(account, keep=keep)
    if request.POST.get("tokens") == "yes":
        people.revoke_all(account, reason="Revoked by an admin")
    messages.success(
        request, gettext("%(username)s is logged out everywhere.") % {"username": account.username}
    )
    return redirect("person", name=account.username)


def _find(name: str) -> Account:
    account = Account.objects.filter(username=name).first()
    if account is None:
        raise Http404(f"no account is called {name}")
    return account


@require_safe
def teams(request: HttpRequest) -> HttpResponse:
    """Every team and who is in it; everybody may look."""
    gate.require(request, "see")
    found = Team.objects.annotate(size=Count("members")).prefetch_related("members")
    return render(request, "registry/teams.html", {"teams": found})


@require_http_methods(["GET", "POST"])
def new_team(request: HttpRequest) -> HttpResponse:
    """Make a team."""
    gate.require(request, "teams")
    return _team_page(request, None)


@require_http_methods(["GET", "POST"])
def team(request: HttpRequest, key: int) -> HttpResponse:
    """Rename a team, or change who is in it."""
    gate.require(request, "teams")
    return _team_page(request, _find_team(key))


def _team_page(request: HttpRequest, stored: Team | None, refused: str = "") -> HttpResponse:
    initial = (
        {}
        if stored is None
        else {
            "name": stored.name,
            "description": stored.description,
            "members": stored.members.all(),
        }
    )
    posted = request.POST if request.method == "POST" and not refused else None
    form = TeamForm(posted, team=stored, initial=initial)
    if posted is not None and form.is_valid():
        try:
            saved = people.save_team(
                stored,
                name=form.cleaned_data["name"],
                description=form.cleaned_data["description"],
                members=list(form.cleaned_data["members"]),
            )
        except PeopleRefusedError as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, gettext("%(name)s is saved.") % {"name": saved.name})
            return redirect("teams")
    context = {
        "form": form,
        "team": stored,
        "refused": refused,
        "owned": ownership.owned_by(stored.name) if stored else [],
    }
    status = _UNPROCESSABLE if form.errors or refused else 200
    return render(request, "registry/team.html", context, status=status)


@require_POST
def remove_team(request: HttpRequest, key: int) -> HttpResponse:
    """Take away a team that owns nothing."""
    gate.require(request, "teams")
    stored = _find_team(key)
    try:
        people.remove_team(stored)
    except PeopleRefusedError as error:
        return _team_page(request, stored, str(error))
    messages.success(request, gettext("%(name)s is removed.") % {"name": stored.name})
    return redirect("teams")


def _find_team(key: int) -> Team:
    stored = Team.objects.filter(pk=key).first()
    if stored is None:
        raise Http404("there is no such team")
    return stored


@require_safe
def all_tokens(request: HttpRequest) -> HttpResponse:
    """Everybody's tokens."""
    gate.require(request, "tokens")
    now = timezone.now()
    found = ApiToken.objects.select_related("account")
    page = Paginator(found, PAGE_SIZE).get_page(request.GET.get("page"))
    rows = [(token, token.is_valid(now)) for token in page.object_list]
    return render(request, "registry/tokens.html", {"rows": rows, "page": page})
