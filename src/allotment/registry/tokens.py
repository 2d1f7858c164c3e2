"""API tokens: made, recognized, revoked.

A token reads `alt_<identifier>_<secret>`. The identifier finds the row; the secret is 256 random
bits, of which SHA-256 alone is kept. No slow hash is needed: nobody guesses 256 bits.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from allotment.registry import audit
from allotment.registry.models import Account, ApiToken
from allotment.registry.permissions import Scope

LONGEST_LIFE = timedelta(days=366)
LAST_USED_EVERY = timedelta(minutes=5)
_SECRET_BYTES = 32
_TOKEN = re.compile(r"alt_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
_NO_DIGEST = "0" * 64


class TokenRefusedError(Exception):
    """The header opens nothing; the message says why and what to do, for who sent it."""


def make(
    account: Account, *, name: str, scopes: Sequence[str], expires: datetime
) -> tuple[ApiToken, str]:
    """A new token and its text, which cannot be read again.

    Raises:
        ValueError: no scope, an unknown one, or an end that has passed or is over a year away.
    """
    unknown = set(scopes) - set(Scope)
    if unknown or not scopes:
        raise ValueError(f"scopes are {', '.join(Scope)}; {', '.join(sorted(unknown)) or 'none'}")
    now = timezone.now()
    if not now < expires <= now + LONGEST_LIFE:
        raise ValueError("a token ends after now and within a year")
    identifier, secret = secrets.token_hex(6), secrets.token_urlsafe(_SECRET_BYTES)
    with transaction.atomic():
        token = ApiToken.objects.create(
            identifier=identifier,
            digest=_digest(secret),
            name=name,
            account=account,
            scopes=[scope.value for scope in Scope if scope in scopes],
            expires=expires,
        )
        audit.record(
            "make-token",
            kind="token",
            name=identifier,
            account=account.username,
            scopes=token.scopes,
            ends=expires.date().isoformat(),
        )
    return token, f"alt_{identifier}_{secret}"


def revoke(token: ApiToken, *, reason: str = "") -> None:
    """End a token now. One that has ended already stays as it is."""
    with transaction.atomic():
        ended = ApiToken.objects.filter(pk=token.pk, revoked=None).update(revoked=timezone.now())
        if ended:
            audit.record(
                "revoke-token",
                kind="token",
                name=token.identifier,
                reason=reason,
                account=token.account.username,
            )


def token_account(header: str) -> tuple[Account, frozenset[str]]:
    """Whose token an `Authorization` header shows, and the token's scopes.

    The account is marked with the token (`account.token_identifier`), for the audit log.

    Args:
        header: the header's whole value: `Bearer alt_…`.

    Raises:
        TokenRefusedError: it shows no token, or one that opens nothing.
    """
    scheme, _, text = header.strip().partition(" ")
    found = _TOKEN.fullmatch(text.strip())
    if scheme.casefold() != "bearer" or found is None:
        raise TokenRefusedError(
            "No token of this registry is shown. Send “Authorization: Bearer alt_…”; tokens are "
            "made on your account's page."
        )
    identifier, secret = found.groups()
    token = ApiToken.objects.select_related("account").filter(identifier=identifier).first()
    kept = _NO_DIGEST if token is None else token.digest
    if not hmac.compare_digest(_digest(secret), kept) or token is None:
        raise TokenRefusedError("This token is not known. Was it copied whole?")
    now = timezone.now()
    if token.revoked is not None:
        raise TokenRefusedError(f"This token was revoked on {token.revoked:%d %b %Y}. Make one.")
    if now >= token.expires:
        raise TokenRefusedError(f"This token ended on {token.expires:%d %b %Y}. Make a new one.")
    if not token.account.is_active:
        raise TokenRefusedError("The account of this token is switched off. Ask an admin.")
    _note_use(token, now)
    token.account.token_identifier = token.identifier
    return token.account, frozenset(token.scopes)


def _note_use(token: ApiToken, now: datetime) -> None:
    """Write down the use, at most once in five minutes: reading must not become writing."""
    if token.last_used is None or now - token.last_used >= LAST_USED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used=now)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("ascii")).hexdigest()
