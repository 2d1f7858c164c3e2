"""How an account is proven: by a password kept here, or by the provider of single sign-on.

The library checks state, nonce, PKCE and signature. Added here, since it leaves them out: issuer,
audience and expiry of the identity token, the subject of the user information, and that an account
which was switched off stays out.
"""

from __future__ import annotations

import logging
import re
from typing import Any

import jwt
import requests
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import SuspiciousOperation
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext
from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from allotment.registry import audit, sso
from allotment.registry.models import Account
from allotment.registry.sso import SignInRefusedError
from allotment.sign_in_settings import NO_ROLE

_LEEWAY_SECONDS = 60
_LOG = logging.getLogger(__name__)


class PasswordBackend(ModelBackend):
    """A password of this registry, where such log-ins are allowed."""

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **more: Any,  # noqa: ANN401 - as Django has it
    ) -> Account | None:
        """The account of a name and password, or None."""
        if not sso.sign_in().local_login:
            return None
        found = super().authenticate(request, username, password, **more)
        return found if isinstance(found, Account) else None


class ProviderBackend(OIDCAuthenticationBackend):  # type: ignore[misc] # has no types
    """What the provider of single sign-on vouches for."""

    get_settings = staticmethod(sso.library_setting)

    def __init__(self) -> None:
        # Not the library's: it would ask for the provider's addresses at each request of anybody
        # who logged in by it, and so let nobody in any more while the provider is away.
        self.UserModel = Account
        self.OIDC_RP_IDP_SIGN_KEY = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the library has it
        if name.startswith("OIDC_"):
            return sso.library_setting(name)
        raise AttributeError(name)

    def authenticate(self, request: HttpRequest | None, **given: Any) -> Account | None:  # noqa: ANN401
        """The account of who comes back from the provider; None for any other way to log in.

        Raises:
            SignInRefusedError: the provider's answer lets nobody in.
        """
        if request is None or given.get("nonce") is None or not sso.sign_in().provider:
            return None
        try:
            return super().authenticate(request, **given)  # type: ignore[no-any-return]
        except requests.RequestException as error:
            _LOG.warning("single sign-on: the provider failed: %s", type(error).__name__)
            raise SignInRefusedError(
                gettext("The provider did not answer"),
                gettext(
                    "The registry asked the provider of single sign-on who you are and got no "
                    "answer that it could use."
                ),
                gettext("Try again in a minute. If it goes on, tell an admin; the log says more."),
                status=502,
            ) from error

    def get_user(self, user_id: int) -> Account | None:
        """The account of a session, unless it was switched off."""
        return Account.objects.filter(pk=user_id, is_active=True).first()

    def verify_token(self, token: str, **given: Any) -> dict[str, Any]:  # noqa: ANN401
        """The claims of a token whose signature, nonce, issuer, audience and times are right."""
        try:
            claims: dict[str, Any] = super().verify_token(token, **given)
        except (SuspiciousOperation, jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            _LOG.warning("single sign-on: refused a token: %s", error)
            raise _not_proven() from error
        wanted = sso.sign_in()
        audience = claims.get("aud")
        listed = audience if isinstance(audience, list) else [audience]
        if claims.get("iss") != wanted.issuer or wanted.client_id not in listed:
            _LOG.warning("single sign-on: refused a token of another issuer or for another client")
            raise _not_proven()
        if len(listed) > 1 and claims.get("azp") != wanted.client_id:
            _LOG.warning("single sign-on: refused a token that another client asked for")
            raise _not_proven()
        return claims

    def retrieve_matching_jwk(self, token: str) -> jwt.PyJWK:
        """The provider's key that a token says it is signed with; without saying, its only one.

        OpenID Connect Core 1.0, section 10.1. The library wants the key named in every token.
        """
        answer = requests.get(self.OIDC_OP_JWKS_ENDPOINT, timeout=sso.TIMEOUT_SECONDS)
        answer.raise_for_status()
        header = jwt.get_unverified_header(token)
        fitting = [
            key
            for key in answer.json()["keys"]
            if key.get("use", "sig") == "sig"
            and key.get("alg", self.OIDC_RP_SIGN_ALGO) == self.OIDC_RP_SIGN_ALGO
            and ("kid" not in header or key.get("kid") == header["kid"])
        ]
        if not fitting or (len(fitting) > 1 and "kid" not in header):
            raise SuspiciousOperation("none of the provider's keys fits the token")
        return jwt.PyJWK(fitting[0], algorithm=self.OIDC_RP_SIGN_ALGO)

    def _verify_jws(self, payload: str, key: Any) -> dict[str, Any]:  # noqa: ANN401
        """The library's, with leeway for clocks that differ, and the times of a token required."""
        if jwt.get_unverified_header(payload).get("alg") != self.OIDC_RP_SIGN_ALGO:
            raise SuspiciousOperation("the token is signed by another algorithm")
        found: dict[str, Any] = jwt.decode(
            payload,
            key,
            algorithms=[self.OIDC_RP_SIGN_ALGO],
            leeway=_LEEWAY_SECONDS,
            options={"verify_aud": False, "require": ["iss", "sub", "aud", "exp", "iat"]},
        )
        return found

    def get_userinfo(
        self, access_token: str, id_token: str, payload: dict[str, Any]
    ) -> dict[str, Any]:
        """The identity token's claims, with what the provider says besides."""
        if not sso.provider().userinfo:
            return payload
        found = super().get_userinfo(access_token, id_token, payload)
        if not isinstance(found, dict) or found.get("sub") != payload["sub"]:
            _LOG.warning("single sign-on: refused user information about somebody else")
            raise _not_proven()
        return {**payload, **found}

    @transaction.atomic
    def get_or_create_user(
        self, access_token: str, id_token: str, payload: dict[str, Any]
    ) -> Account:
        """The account of a subject, made where there is none, with the role of its groups now."""
        claims = self.get_userinfo(access_token, id_token, payload)
        wanted = sso.sign_in()
        subject = str(payload["sub"])[:255]
        account = Account.objects.filter(issuer=wanted.issuer, subject=subject).first()
        if account is not None and not account.is_active:
            raise SignInRefusedError(
                gettext("Your account is switched off"),
                gettext("An admin has switched off the account %(username)s.")
                % {"username": account.username},
                gettext("Ask an admin of this registry."),
            )
        role = wanted.role_for(claims.get(wanted.groups_claim))
        if role is None:
            keeps = account is not None and not wanted.roles
            role = account.role if account is not None and keeps else wanted.default_role
        if role == NO_ROLE:
            raise SignInRefusedError(
                gettext("You may not come in"),
                gettext(
                    "The provider knows you, but none of your groups has a role in this registry."
                ),
                gettext(
                    "Ask an admin to give one of your groups a role, or to take you into such a "
                    "group."
                ),
            )
        if account is None:
            return _make(claims, subject, role)
        if account.role != role:
            audit.record(
                "change-role",
                kind="account",
                name=account.username,
                before=account.role,
                after=role,
                who="single sign-on",
                reason="Groups at the provider",
            )
            account.role = role
            account.save(update_fields=["role"])
        return account


def _make(claims: dict[str, Any], subject: str, role: str) -> Account:
    account = Account(
        username=_free_name(claims),
        email=str(claims.get("email") or "")[:254],
        role=role,
        issuer=sso.sign_in().issuer,
        subject=subject,
    )
    account.set_unusable_password()
    account.save()
    audit.record(
        "make-account",
        kind="account",
        name=account.username,
        after=role,
        who="single sign-on",
        reason="First log-in",
    )
    return account


def _free_name(claims: dict[str, Any]) -> str:
    """A name that no account has.

    A local account of the same name is somebody else until an admin says otherwise: whoever may
    choose a name at the provider must not come into it.
    """
    wanted = str(claims.get("preferred_username") or claims.get("email") or claims["sub"])
    stem = re.sub(r"[^\w.+-]", "-", wanted.partition("@")[0])[:100].strip("-") or "person"
    name, number = stem, 1
    while Account.objects.filter(username__iexact=name).exists():
        number += 1
        name = f"{stem}-{number}"
    return name


def _not_proven() -> SignInRefusedError:
    return SignInRefusedError(
        gettext("The provider's answer was not accepted"),
        gettext("It is not signed as it should be, has run out, or was made for somebody else."),
        gettext("Log in once more. If it goes on, tell an admin; the log says which check failed."),
    )
