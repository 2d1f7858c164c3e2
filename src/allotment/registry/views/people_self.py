"""One's own account: what one may do, the sessions that are open, and API tokens."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from allotment.registry import gate, people, permissions, tokens
from allotment.registry.forms.people import SCOPE_HINTS, TokenForm
from allotment.registry.models import Account, ApiToken
from allotment.registry.roles import Role

_UNPROCESSABLE = 422


def _myself(request: HttpRequest) -> Account:
    gate.require(request, "own")
    if not isinstance(request.user, Account):
        raise Http404
    return request.user


@never_cache
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """Who one is here."""
    myself = _myself(request)
    role = Role(myself.role)
    now = timezone.now()
    context = {
        "account": myself,
        "role": role,
        "meaning": role.meaning,
        "teams": sorted(myself.team_names, key=str.casefold),
        "has_password": myself.has_usable_password(),
        "sessions": people.session_rows(myself, request.session.session_key),
        "tokens": [(token, token.is_valid(now)) for token in myself.tokens.all()],
        "rights": [
            (gettext(row.words), role in row.own, role in row.others)
            for name, row in permissions.ACTIONS.items()
            if name not in {"see", "own"}
        ],
    }
    return render(request, "registry/account.html", context)


@require_POST
def end_sessions(request: HttpRequest) -> HttpResponse:
    """Log out another browser, or all others."""
    myself = _myself(request)
    only = request.POST.get("session", "")
    ended = people.end_sessions(myself, keep=request.session.session_key, only=only)
    text = ngettext(
        "%(ended)s other session is ended.", "%(ended)s other sessions are ended.", ended
    )
    messages.success(request, text % {"ended": ended})
    return redirect("account")


@never_cache
@require_http_methods(["GET", "POST"])
def new_token(request: HttpRequest) -> HttpResponse:
    """Make a token; its text is on the page that answers, and nowhere after."""
    myself = _myself(request)
    form = TokenForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        token, text = tokens.make(
            myself,
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            expires=form.expires(),
        )
        return render(request, "registry/token_made.html", {"token": token, "text": text})
    context = {"form": form, "hints": SCOPE_HINTS}
    status = 200 if request.method == "GET" else _UNPROCESSABLE
    return render(request, "registry/token_new.html", context, status=status)


@require_POST
def revoke_token(request: HttpRequest, identifier: str) -> HttpResponse:
    """End a token: one's own, or anybody's for who may."""
    myself = _myself(request)
    token = ApiToken.objects.select_related("account").filter(identifier=identifier).first()
    if token is None or (token.account != myself and not permissions.may(myself, "tokens")):
        # The same answer in both cases: whether it exists is nobody else's matter.
        raise Http404("there is no such token of yours")
    tokens.revoke(token)
    messages.success(
        request,
        gettext("The token “%(name)s” is revoked. It opens nothing any more.")
        % {"name": token.name},
    )
    return redirect("account" if token.account == myself else "tokens")
