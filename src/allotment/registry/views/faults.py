"""What a person sees when a page cannot be shown."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import loader
from django.utils.translation import gettext

from allotment.registry.gate import NotPermittedError


def _fault(
    request: HttpRequest, status: int, headline: str, what: str, remedy: str
) -> HttpResponse:
    context = {"headline": headline, "what": what, "remedy": remedy}
    return render(request, "registry/fault.html", context, status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: the request was malformed."""
    del exception
    return _fault(
        request,
        400,
        gettext("This request could not be read"),
        gettext("The browser sent something that the registry does not understand."),
        gettext("Go back, load the page again and send it once more."),
    )


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: not allowed, with the reason and how to get the right where these are known."""
    if isinstance(exception, NotPermittedError):
        decision = exception.decision
        return _fault(
            request, 403, gettext("You may not do this"), decision.reason, decision.remedy
        )
    return _fault(
        request,
        403,
        gettext("You may not do this"),
        gettext("Your account does not have the right."),
        gettext("Ask an administrator of this registry."),
    )


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: no such page."""
    del exception
    return _fault(
        request,
        404,
        gettext("There is nothing here"),
        gettext("No page, instrument or experiment has this address."),
        gettext("Look for it in the directory."),
    )


def server_error(request: HttpRequest) -> HttpResponse:
    """500: something broke. Drawn without the frame, whose database may be what broke."""
    del request
    return HttpResponse(loader.render_to_string("registry/broken.html"), status=500)


@login_not_required
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: a form came without proof that this browser was given it."""
    del reason
    return _fault(
        request,
        403,
        gettext("The form was too old, or not from this registry"),
        gettext("Its token does not belong to your session; nothing was changed."),
        gettext(
            "Go back, load the page again and send the form once more. Cookies must be allowed."
        ),
    )
