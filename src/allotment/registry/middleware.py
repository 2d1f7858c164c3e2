"""What happens to every request, around the pages."""

from __future__ import annotations

import re
import secrets
import time
import zoneinfo
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, logout
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.locale import LocaleMiddleware
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone, translation

from allotment.registry import audit, people, sso
from allotment.registry.models import Account

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action {form_targets}; base-uri 'none'; frame-ancestors 'none'"
)
REQUEST_ID_HEADER = "X-Request-Id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,64}", re.ASCII)
_SEEN_EVERY_SECONDS = 60
PROVIDER_BACKEND = "allotment.registry.backends.ProviderBackend"
ZONE_COOKIE = "tz"
_Next = Callable[[HttpRequest], HttpResponse]


class SecurityHeadersMiddleware:
    """Says what a page may load and do: files of this host, nothing written into the page."""

    def __init__(self, get_response: _Next) -> None:
        self._next = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._next(request)
        response.headers.setdefault("Content-Security-Policy", content_security_policy())
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"
        )
        return response


def content_security_policy() -> str:
    """The policy of this registry's pages.

    A browser holds a form to it through every redirect, and logging out leads on to the provider.
    """
    return CONTENT_SECURITY_POLICY.format(form_targets=" ".join(("'self'", *sso.form_origins())))


class RequestIdMiddleware:
    """Gives each request an id, the one that a proxy gave it where there is one, for the audit log.

    Who acts is asked only when something is written down: to ask makes an answer vary by cookie.
    """

    def __init__(self, get_response: _Next) -> None:
        self._next = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(REQUEST_ID_HEADER, "")
        made = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        with audit.acting(lambda: _who(request), request=made):
            response = self._next(request)
        response.headers.setdefault(REQUEST_ID_HEADER, made)
        return response


def _who(request: HttpRequest) -> str:
    user = getattr(request, "user", None)
    return user.username if isinstance(user, Account) else "nobody"


class SessionLimitsMiddleware:
    """Ends a log-in that is too old or was left alone too long, and one that the provider ended."""

    def __init__(self, get_response: _Next) -> None:
        self._next = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._next(request)

    def process_view(
        self, request: HttpRequest, view: object, _args: object, _kwargs: object
    ) -> HttpResponse | None:
        """Let the page pass, or send the person to log in or to the provider and back."""
        if not getattr(view, "login_required", True) or not request.user.is_authenticated:
            return None
        now = time.time()
        request.session.setdefault(people.STARTED, now)
        seen = request.session.setdefault(people.SEEN, now)
        if session_is_over(request, now):
            logout(request)
            asked = {"next": request.get_full_path(), "ended": "1"}
            return _elsewhere(request, f"{reverse('login')}?{urlencode(asked)}")
        if now - seen >= _SEEN_EVERY_SECONDS:
            request.session[people.SEEN] = now
        return self._renewed(request, now)

    def _renewed(self, request: HttpRequest, now: float) -> HttpResponse | None:
        """Ask the provider, without a question to the person, whether the log-in still stands."""
        if (
            request.method != "GET"
            or request.session.get(BACKEND_SESSION_KEY) != PROVIDER_BACKEND
            or now < request.session.get("oidc_id_token_expiration", 0)
        ):
            return None
        asked = {"next": request.get_full_path(), "silent": "1"}
        return _elsewhere(request, f"{reverse('sso-begin')}?{urlencode(asked)}")


def session_is_over(request: HttpRequest, now: float) -> bool:
    """Whether a log-in is too old or was left alone too long."""
    limits = sso.sign_in()
    started: float = request.session.get(people.STARTED, now)
    seen: float = request.session.get(people.SEEN, now)
    return (
        now - started > limits.session_hours * 3600 or now - seen > limits.session_idle_minutes * 60
    )


def _elsewhere(request: HttpRequest, address: str) -> HttpResponse:
    """A redirect; where a script asks for part of a page, it is told to load the whole anew."""
    if request.headers.get("HX-Request"):
        response = HttpResponse(status=204)
        response["HX-Refresh"] = "true"
        return response
    return redirect(address)


class LoginMiddleware(LoginRequiredMiddleware):
    """Asks for a login except where a page says otherwise.

    Django's own looks at the user first, which makes even public answers vary by cookie.
    """

    def process_view(
        self,
        request: HttpRequest,
        view_func: Callable[..., HttpResponseBase],
        view_args: tuple[Any, ...],
        view_kwargs: dict[str, Any],
    ) -> HttpResponseBase | None:
        """Let public pages pass, everybody else only when logged in."""
        if not getattr(view_func, "login_required", True):
            return None
        return super().process_view(request, view_func, view_args, view_kwargs)


class PasswordChangeMiddleware:
    """Sends a person whose password another one set to the page that changes it."""

    _OPEN = frozenset({"password", "logout", "theme", "language"})

    def __init__(self, get_response: _Next) -> None:
        self._next = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._next(request)

    def process_view(
        self, request: HttpRequest, view: object, _args: object, _kwargs: object
    ) -> HttpResponse | None:
        """Let the page pass unless the person must change the password first."""
        if not getattr(view, "login_required", True):
            return None
        user = request.user
        if not isinstance(user, Account) or not user.must_change_password:
            return None
        match = request.resolver_match
        if match is not None and match.url_name in self._OPEN:
            return None
        return redirect("password")


class LanguageMiddleware(LocaleMiddleware):
    """Speaks the reader's language on pages: the one chosen, else the browser's, where we have it.

    What programs read is in English, and is the same for everybody.
    """

    _PROGRAMS = ("/api/", "/w/", "/healthz", "/static/")

    def process_request(self, request: HttpRequest) -> None:
        """Take the language for the answer."""
        if request.path_info.startswith(self._PROGRAMS):
            translation.activate(settings.LANGUAGE_CODE)
        else:
            super().process_request(request)

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Say which language the answer is in, and that it hangs on what was asked for."""
        if request.path_info.startswith(self._PROGRAMS):
            return response
        return super().process_response(request, response)


class TimeZoneMiddleware:
    """Shows and reads times in the reader's zone, where a cookie names one."""

    def __init__(self, get_response: _Next) -> None:
        self._next = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = request.COOKIES.get(ZONE_COOKIE, "")
        zone = zoneinfo.ZoneInfo(name) if name in _zones() else None
        with timezone.override(zone) if zone else timezone.override("UTC"):
            return self._next(request)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    """The names of all zones; finding them reads the disk."""
    return frozenset(zoneinfo.available_timezones())
