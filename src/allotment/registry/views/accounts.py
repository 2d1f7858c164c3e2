"""Logging in and out, the password, and the theme."""

from __future__ import annotations

import math

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login, logout, update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from allotment.registry import audit, logging_in, login_limit, people, sso
from allotment.registry.login_limit import Attempt
from allotment.registry.models import Account
from allotment.registry.page_context import THEME_COOKIE, THEMES
from allotment.registry.roles import Role

_YEAR = 365 * 24 * 60 * 60
LOCAL_ACCOUNT = "local"
PASSWORD_BACKEND = "allotment.registry.backends.PasswordBackend"  # noqa: S105 - a class's name
_TOO_MANY = 429
_UNPROCESSABLE = 422


def safe_next(request: HttpRequest) -> str:
    """Where the person wanted to go, if that is a page of this registry; empty otherwise."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    fits = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if fits else ""


@login_not_required
@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def log_in(request: HttpRequest) -> HttpResponse:
    """The log-in form, and the way to single sign-on."""
    if request.user.is_authenticated:
        return redirect(safe_next(request) or "home")
    form = AuthenticationForm(request, data=request.POST or None)
    form.error_messages["invalid_login"] = gettext(
        "No account has this name and password. Mind upper and lower case."
    )
    if request.method != "POST":
        return _log_in_page(request, form, 200)
    if not sso.sign_in().local_login:
        return _log_in_page(request, AuthenticationForm(request), 403)
    attempt = _attempt(request)
    wait = login_limit.seconds_to_wait(attempt)
    if wait:
        response = _log_in_page(request, AuthenticationForm(request), _TOO_MANY, wait=wait)
        response["Retry-After"] = str(wait)
        return response
    if not form.is_valid():
        logging_in.failed(attempt.name, why="password")
        return _log_in_page(request, form, _UNPROCESSABLE)
    login_limit.succeeded(attempt)
    login(request, form.get_user())
    response = redirect(safe_next(request) or "home")
    response.set_cookie(
        login_limit.BROWSER_COOKIE,
        login_limit.browser_cookie(attempt.name),
        max_age=login_limit.BROWSER_AGE,
        path=reverse("login"),
        samesite="Lax",
        httponly=True,
        secure=bool(settings.SESSION_COOKIE_SECURE),
    )
    return response


def _attempt(request: HttpRequest) -> Attempt:
    name = request.POST.get("username", "").strip()[:150]
    cookie = request.COOKIES.get(login_limit.BROWSER_COOKIE, "")
    address = login_limit.client_address(
        request.META.get("REMOTE_ADDR", ""),
        request.headers.get("X-Forwarded-For", ""),
        sso.sign_in().trusted_proxies,
    )
    return Attempt(name, address, login_limit.known_browser(cookie, name))


def _log_in_page(
    request: HttpRequest, form: AuthenticationForm, status: int, *, wait: int = 0
) -> HttpResponse:
    limits = sso.sign_in()
    context = {
        "form": form,
        "next": safe_next(request),
        "single_sign_on": limits.provider,
        "local_login": limits.local_login,
        "ended": request.method == "GET" and "ended" in request.GET,
        "wait_minutes": math.ceil(wait / 60),
    }
    return render(request, "registry/login.html", context, status=status)


@login_not_required
@require_POST
def log_in_locally(request: HttpRequest) -> HttpResponse:
    """Log in without a password; there only when the setting for local work says so."""
    if not settings.ALLOTMENT.dev_login:
        raise Http404
    account, made = Account.objects.get_or_create(
        username=LOCAL_ACCOUNT, defaults={"role": Role.ADMIN}
    )
    if made:
        account.set_unusable_password()
        account.save()
    if not account.is_active:
        raise Http404
    login(request, account, backend=PASSWORD_BACKEND)
    return redirect(safe_next(request) or "home")


@login_not_required
@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    """End the session, at the provider of single sign-on too where it began there."""
    id_token = request.session.get("oidc_id_token", "")
    logout(request)
    back = request.build_absolute_uri(reverse("login"))
    return redirect((id_token and sso.end_session_url(id_token, back)) or "login")


@never_cache
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def change_password(request: HttpRequest) -> HttpResponse:
    """Choose a new password; the way out for an account that must."""
    account = request.user
    if not isinstance(account, Account):
        raise Http404
    if not account.has_usable_password():
        return render(request, "registry/password_none.html")
    must = account.must_change_password
    form = PasswordChangeForm(account, data=request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            account.must_change_password = False
            form.save()
            update_session_auth_hash(request, account)
            people.end_sessions(account, keep=request.session.session_key)
            audit.record("change-password", kind="account", name=account.username)
        messages.success(request, gettext("Your password is changed."))
        return redirect("home")
    status = 200 if request.method == "GET" else _UNPROCESSABLE
    return render(request, "registry/password.html", {"form": form, "must": must}, status=status)


@login_not_required
@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Keep the choice of colors in a cookie, and go back to the page it was made on."""
    chosen = request.POST.get("theme", "auto")
    return _keep_choice(request, THEME_COOKIE, chosen if chosen in THEMES else "auto")


@login_not_required
@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Keep the choice of a language in a cookie, and go back to the page it was made on."""
    chosen = request.POST.get("language", "")
    known = chosen if chosen in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
    return _keep_choice(request, settings.LANGUAGE_COOKIE_NAME, known)


def _keep_choice(request: HttpRequest, cookie: str, value: str) -> HttpResponse:
    response = redirect(safe_next(request) or "home")
    response.set_cookie(
        cookie,
        value,
        max_age=_YEAR,
        samesite="Lax",
        httponly=True,
        secure=bool(settings.SESSION_COOKIE_SECURE),
    )
    return response
