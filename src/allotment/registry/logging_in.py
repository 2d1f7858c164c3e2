"""What is written down when somebody logs in or out: in the session, and in the audit log."""

from __future__ import annotations

import time

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.http import HttpRequest

from allotment.registry import audit, people
from allotment.registry.models import Account

WAYS = {
    "allotment.registry.backends.PasswordBackend": "password",
    "allotment.registry.backends.ProviderBackend": "single sign-on",
}


def connect() -> None:
    """Listen to Django's signals."""
    user_logged_in.connect(_logged_in, dispatch_uid="registry-logged-in")
    user_logged_out.connect(_logged_out, dispatch_uid="registry-logged-out")


def failed(name: str, *, why: str) -> None:
    """Note a failed log-in. A name that no account has is not kept: it may be a slip of the hand,
    and a password."""
    known = Account.objects.filter(username=name).exists()
    audit.record("log-in-failed", kind="account", name=name if known else "", who="nobody", by=why)


def _logged_in(*, request: HttpRequest, user: Account, **_: object) -> None:
    now = time.time()
    request.session[people.STARTED] = now
    request.session[people.SEEN] = now
    request.session[people.BROWSER] = people.browser_words(request.headers.get("User-Agent", ""))
    way = WAYS.get(getattr(user, "backend", ""), "no password")
    audit.record("log-in", kind="account", name=user.username, who=user.username, by=way)


def _logged_out(*, user: Account | None, **_: object) -> None:
    if user is not None:
        audit.record("log-out", kind="account", name=user.username, who=user.username)
