"""Logging in and out, the password, and the theme."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout, update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from allotment.registry.models import Account
from allotment.registry.page_context import THEME_COOKIE, THEMES

_YEAR = 365 * 24 * 60 * 60
LOCAL_ACCOUNT = "local"


def _next(request: HttpRequest) -> str:
    """Where the person wanted to go, if that is a page of this registry."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    hosts = {request.get_host()}
    return wanted if url_has_allowed_host_and_scheme(wanted, allowed_hosts=hosts) else "home"


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def log_in(request: HttpRequest) -> HttpResponse:
    """The log-in form."""
    if request.user.is_authenticated:
        return redirect(_next(request))
    form = AuthenticationForm(request, data=request.POST or None)
    form.error_messages["invalid_login"] = (
        "No account has this name and password. Mind upper and lower case."
    )
    if request.method == "POST" and form.is_valid():
        login(request, form.get_user())
        return redirect(_next(request))
    status = 200 if request.method == "GET" else 422
    context = {"form": form, "next": request.POST.get("next") or request.GET.get("next", "")}
    return render(request, "registry/login.html", context, status=status)


@login_not_required
@require_POST
def log_in_locally(request: HttpRequest) -> HttpResponse:
    """Log in without a password; there only when the setting for local work says so."""
    if not settings.ALLOTMENT.dev_login:
        raise Http404
    account, made = Account.objects.get_or_create(
        username=LOCAL_ACCOUNT, defaults={"is_staff": True, "is_superuser": True}
    )
    if made:
        account.set_unusable_password()
        account.save()
    login(request, account)
    return redirect(_next(request))


@login_not_required
@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    logout(request)
    return redirect("login")


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def change_password(request: HttpRequest) -> HttpResponse:
    """Choose a new password; the way out for an account that must."""
    account = request.user
    if not isinstance(account, Account):
        raise Http404
    must = account.must_change_password
    form = PasswordChangeForm(account, data=request.POST or None)
    if request.method == "POST" and form.is_valid():
        account.must_change_password = False
        form.save()
        update_session_auth_hash(request, account)
        messages.success(request, "Your password is changed.")
        return redirect("home")
    status = 200 if request.method == "GET" else 422
    return render(request, "registry/password.html", {"form": form, "must": must}, status=status)


@login_not_required
@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Keep the choice of colours in a cookie, and go back to the page it was made on."""
    chosen = request.POST.get("theme", "auto")
    response = redirect(_next(request))
    response.set_cookie(
        THEME_COOKIE,
        chosen if chosen in THEMES else "auto",
        max_age=_YEAR,
        samesite="Lax",
        httponly=True,
        secure=bool(settings.SESSION_COOKIE_SECURE),
    )
    return response
