"""Single sign-on: to the provider, and back."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from mozilla_django_oidc.views import (
    OIDCAuthenticationCallbackView,
    OIDCAuthenticationRequestView,
)

from allotment.registry import logging_in, sso
from allotment.registry.sso import ProviderUnavailableError, SignInRefusedError

# The answers to a renewal that mean: the person is no longer logged in there (Core 1.0, 3.1.2.6).
_MUST_ASK = frozenset({"login_required", "interaction_required", "account_selection_required"})


def _only_where_set_up() -> None:
    if not sso.sign_in().provider:
        raise Http404


def _refused(request: HttpRequest, error: SignInRefusedError) -> HttpResponse:
    context = {"headline": error.headline, "what": error.what, "remedy": error.remedy}
    return render(request, "registry/sign_on_refused.html", context, status=error.status)


@method_decorator([login_not_required, never_cache], name="dispatch")
class Begin(OIDCAuthenticationRequestView):  # type: ignore[misc] # has no types
    """Send the browser to the provider; with `silent`, only if it need not ask the person."""

    get_settings = staticmethod(sso.library_setting)

    def __init__(self, **given: Any) -> None:  # noqa: ANN401 - as Django has it
        # Not the library's, which asks for the provider's addresses while the view is made.
        super(OIDCAuthenticationRequestView, self).__init__(**given)

    def get(self, request: HttpRequest) -> HttpResponse:
        """`GET /login/sso`."""
        _only_where_set_up()
        try:
            self.OIDC_OP_AUTH_ENDPOINT = self.get_settings("OIDC_OP_AUTHORIZATION_ENDPOINT")
        except ProviderUnavailableError:
            return _refused(request, _unavailable())
        self.OIDC_RP_CLIENT_ID = self.get_settings("OIDC_RP_CLIENT_ID")
        found: HttpResponse = super().get(request)
        return found

    def get_extra_params(self, request: HttpRequest) -> dict[str, str]:
        """What is asked of the provider besides."""
        return {"prompt": "none"} if "silent" in request.GET else {}


@method_decorator([login_not_required, never_cache], name="dispatch")
class Return(OIDCAuthenticationCallbackView):  # type: ignore[misc] # has no types
    """The browser comes back with a code, or with what went wrong."""

    get_settings = staticmethod(sso.library_setting)

    def get(self, request: HttpRequest) -> HttpResponse:
        """`GET /login/sso/return`."""
        _only_where_set_up()
        wrong = request.GET.get("error", "")
        if wrong and not self._is_ours(request):
            # Anybody can send a browser here; only an answer to our own question ends a session.
            return self._fail(request, _unknown_state())
        wanted = request.session.get("oidc_login_next") or ""
        try:
            found: HttpResponse = super().get(request)
        except SignInRefusedError as error:
            return self._fail(request, error)
        except ProviderUnavailableError:
            return self._fail(request, _unavailable())
        except SuspiciousOperation:
            return self._fail(request, _unknown_state())
        if wrong in _MUST_ASK:
            return redirect(f"{reverse('login')}?{urlencode({'ended': '1', 'next': wanted})}")
        if wrong:
            return self._fail(request, _denied())
        if not request.user.is_authenticated:
            return self._fail(request, _unknown_state())
        return found

    @property
    def failure_url(self) -> str:
        """The log-in page."""
        return reverse("login")

    def _is_ours(self, request: HttpRequest) -> bool:
        return request.GET.get("state") in request.session.get("oidc_states", {})

    @staticmethod
    def _fail(request: HttpRequest, error: SignInRefusedError) -> HttpResponse:
        logging_in.failed("", why=f"single sign-on: {error.headline}")
        return _refused(request, error)


def _unavailable() -> SignInRefusedError:
    return SignInRefusedError(
        gettext("The provider of single sign-on does not answer"),
        gettext("The registry could not learn from it where to send you."),
        gettext("Try again in a minute. If it goes on, tell an admin; the log says more."),
        status=502,
    )


def _unknown_state() -> SignInRefusedError:
    return SignInRefusedError(
        gettext("This log-in was not begun here"),
        gettext(
            "The provider's answer does not belong to a log-in that this browser began, or it was "
            "used before."
        ),
        gettext("Begin again at the log-in page. Cookies must be allowed."),
        status=400,
    )


def _denied() -> SignInRefusedError:
    return SignInRefusedError(
        gettext("The provider did not let you in"),
        gettext("It ended the log-in, or you did."),
        gettext("Begin again at the log-in page, or ask whoever runs the provider."),
    )
