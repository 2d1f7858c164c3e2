"""What happens to every request, around the pages."""

from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone

from allotment.registry.models import Account

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ZONE_COOKIE = "tz"
_Next = Callable[[HttpRequest], HttpResponse]


class SecurityHeadersMiddleware:
    """Says what a page may load and do: files of this host, nothing written into the page."""

    def __init__(self, get_response: _Next) -> None:
        self._next = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self._next(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.headers.setdefault(
            "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"
        )
        return response


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

    _OPEN = frozenset({"password", "logout", "theme"})

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
