"""Who calls the management API: a program by its token, or a page of this registry by its session.

The first question, whether the role and the token's scopes allow the action at all, is answered
before a request's body is read. Where an item is concerned, `Caller.require` asks again with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.http import HttpRequest
from ninja.security.base import AuthBase
from ninja.utils import check_csrf

from allotment.registry import audit, middleware, permissions
from allotment.registry.gate import NotPermittedError
from allotment.registry.manage_api import problems, rate
from allotment.registry.models import Account
from allotment.registry.permissions import Owned
from allotment.registry.tokens import token_account


@dataclass(frozen=True)
class Caller:
    """An account that calls, and the scopes of the token that it shows; None for a session."""

    account: Account
    scopes: frozenset[str] | None

    def require(self, action: str, item: Owned | None = None) -> None:
        """Pass when the caller may do the action.

        Raises:
            NotPermittedError: otherwise.
        """
        decision = permissions.may(self.account, action, item, scopes=self.scopes)
        if not decision:
            raise NotPermittedError(decision)

    def may(self, action: str, item: Owned | None = None) -> bool:
        """Whether the caller may do the action."""
        return bool(permissions.may(self.account, action, item, scopes=self.scopes))

    def covers(self, scopes: Collection[str]) -> bool:
        """Whether the caller holds every one of these scopes."""
        return self.scopes is None or set(scopes) <= self.scopes

    def acting(self) -> AbstractContextManager[None]:
        """Name the caller in the audit log."""
        return audit.acting_by_token(self.account.username, self.account.token_identifier)


class _Door(AuthBase):
    """Lets in who may do an action at all."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.action = action

    def __call__(self, request: HttpRequest) -> Caller | None:
        """The caller; None where this door is not the one that was knocked at."""
        caller = self.caller(request)
        if caller is not None:
            caller.require(self.action)
            request.user = caller.account
        return caller

    def caller(self, request: HttpRequest) -> Caller | None:
        """Who asks."""
        raise NotImplementedError


class TokenAuth(_Door):
    """`Authorization: Bearer alt_…`."""

    openapi_type = "http"
    openapi_scheme = "bearer"
    openapi_description = "An API token, made on an account's page. Its scopes limit its role."

    def caller(self, request: HttpRequest) -> Caller | None:
        """Whose token is shown.

        Raises:
            TokenRefusedError: it opens nothing.
            ProblemError: it asks too often.
        """
        header = request.headers.get("Authorization", "")
        if not header:
            return None
        account, scopes = token_account(header)
        rate.limit(account.token_identifier)
        return Caller(account, scopes)


class SessionAuth(_Door):
    """The cookie of a browser that is logged in, for pages of this registry."""

    openapi_type = "apiKey"
    openapi_in = "cookie"
    openapi_name = "allotment_session"
    openapi_description = "The session of a page; writes need the header X-CSRFToken too."

    def caller(self, request: HttpRequest) -> Caller | None:
        """Whose session it is."""
        account = request.user
        if not isinstance(account, Account) or not account.is_active:
            raise problems.unauthorized("No token and no session is shown.")
        if middleware.session_is_over(request, time.time()) or account.must_change_password:
            raise problems.unauthorized("The session is over, or waits for a new password.")
        if check_csrf(request) is not None:
            raise problems.ProblemError(
                403,
                "The request does not carry the token of a page of this registry.",
                remedy="Send the header X-CSRFToken, or an API token instead of a session.",
            )
        return Caller(account, None)


def needs(action: str) -> list[_Door]:
    """The doors of an operation: who may not do the action goes no further."""
    return [TokenAuth(action), SessionAuth(action)]


def caller_of(request: HttpRequest) -> Caller:
    """Who was let in."""
    found: Caller = request.auth  # type: ignore[attr-defined] # set by the door
    return found


def named_in_audit(operation: Callable[..., Any]) -> Callable[..., Any]:
    """Let what an operation writes down name the caller and the token."""

    @wraps(operation)
    def run(request: HttpRequest, *args: Any, **given: Any) -> Any:  # noqa: ANN401 - any answer
        with caller_of(request).acting():
            return operation(request, *args, **given)

    return run
