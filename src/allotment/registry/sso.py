"""Single sign-on by OpenID Connect: the provider, and what we know of it.

The library asks for its settings by name; `library_setting` answers from Allotment's settings and
from what the provider publishes about itself, at first use and never while a module is imported.
What was published last is kept on disk, so that a restart does not depend on the provider.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests
from django.conf import settings
from mozilla_django_oidc.utils import import_from_settings

from allotment.sign_in_settings import SignIn

TIMEOUT_SECONDS = 10
RENEW_SECONDS = 15 * 60
_FRESH_SECONDS = 60 * 60
_FILE = "openid-provider.json"
_DISCOVERY = "/.well-known/openid-configuration"
_LOG = logging.getLogger(__name__)


class ProviderUnavailableError(Exception):
    """The provider does not say where its addresses are, and never has."""


class SignInRefusedError(Exception):
    """Single sign-on let nobody in: a headline, what is wrong and a remedy, for the person."""

    def __init__(self, headline: str, what: str, remedy: str, *, status: int = 403) -> None:
        self.headline, self.what, self.remedy, self.status = headline, what, remedy, status
        super().__init__(f"{headline}: {what}")


@dataclass(frozen=True)
class Provider:
    """Where a provider answers."""

    issuer: str
    authorization: str
    token: str
    jwks: str
    userinfo: str = ""
    end_session: str = ""


class _Known:
    """The provider as this process knows it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.provider: Provider | None = None
        self.until = 0.0


_KNOWN = _Known()


def sign_in() -> SignIn:
    """The settings of logging in."""
    found: SignIn = settings.ALLOTMENT.sign_in
    return found


def provider() -> Provider:
    """The provider's addresses: as set, or as it publishes them, asked for once an hour.

    Raises:
        ProviderUnavailableError: it does not answer and never has, or what it says cannot be right.
    """
    wanted = sign_in()
    if wanted.endpoints:
        return Provider(issuer=wanted.issuer, **dict(wanted.endpoints))
    with _KNOWN.lock:
        known = _KNOWN.provider
        if known is not None and known.issuer == wanted.issuer and time.monotonic() < _KNOWN.until:
            return known
        _KNOWN.provider = _ask(wanted.issuer)
        _KNOWN.until = time.monotonic() + _FRESH_SECONDS
        return _KNOWN.provider


def known_provider() -> Provider | None:
    """The provider without asking anybody: as set, as this process knows it, or as on disk."""
    wanted = sign_in()
    if not wanted.provider:
        return None
    if wanted.endpoints:
        return provider()
    known = _KNOWN.provider
    if known is None or known.issuer != wanted.issuer:
        known = _read(wanted.issuer)
        _KNOWN.provider = known
    return known


def _ask(issuer: str) -> Provider:
    try:
        answer = requests.get(issuer.rstrip("/") + _DISCOVERY, timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        found = _parse(issuer, answer.json())
    except (requests.RequestException, ValueError) as error:
        kept = _read(issuer)
        if kept is None:
            raise ProviderUnavailableError(f"{issuer} says nothing usable: {error}") from error
        _LOG.warning("%s does not say where it answers; using what it said before", issuer)
        return kept
    path = _path()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(found), indent=1))
    return found


def _parse(issuer: str, document: dict[str, Any]) -> Provider:
    """What a provider publishes (OpenID Connect Discovery 1.0, section 3).

    Raises:
        ValueError: it is another issuer's, lacks an address, or names one that is not encrypted.
    """
    if document.get("issuer") != issuer:
        raise ValueError(f"it calls itself {document.get('issuer')!r}")
    names = {
        "authorization": "authorization_endpoint",
        "token": "token_endpoint",
        "jwks": "jwks_uri",
        "userinfo": "userinfo_endpoint",
        "end_session": "end_session_endpoint",
    }
    found = {field: str(document.get(name) or "") for field, name in names.items()}
    for field, url in found.items():
        if not url and field in {"authorization", "token", "jwks"}:
            raise ValueError(f"it names no {names[field]}")
        if url and urlsplit(url).scheme != "https" and urlsplit(issuer).scheme == "https":
            raise ValueError(f"its {names[field]} is not https")
    return Provider(issuer=issuer, **found)


def _read(issuer: str) -> Provider | None:
    try:
        found = Provider(**json.loads(_path().read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.issuer == issuer else None


def _path() -> Path:
    folder: Path = settings.ALLOTMENT.registry_dir
    return folder / _FILE


_FIXED: dict[str, Any] = {
    "OIDC_USE_PKCE": True,
    "OIDC_USE_NONCE": True,
    "OIDC_ALLOW_UNSECURED_JWT": False,
    "OIDC_STORE_ID_TOKEN": True,
    "OIDC_STORE_ACCESS_TOKEN": False,
    "OIDC_TIMEOUT": TIMEOUT_SECONDS,
    "OIDC_RENEW_ID_TOKEN_EXPIRY_SECONDS": RENEW_SECONDS,
    "OIDC_AUTHENTICATION_CALLBACK_URL": "sso-return",
}
_FROM_PROVIDER = {
    "OIDC_OP_AUTHORIZATION_ENDPOINT": "authorization",
    "OIDC_OP_TOKEN_ENDPOINT": "token",
    "OIDC_OP_USER_ENDPOINT": "userinfo",
    "OIDC_OP_JWKS_ENDPOINT": "jwks",
}
_FROM_SETTINGS = {
    "OIDC_RP_CLIENT_ID": "client_id",
    "OIDC_RP_CLIENT_SECRET": "client_secret",
    "OIDC_RP_SIGN_ALGO": "algorithm",
    "OIDC_RP_SCOPES": "scopes",
}


def library_setting(name: str, *default: Any) -> Any:  # noqa: ANN401 - as the library has it
    """A setting of mozilla-django-oidc.

    Raises:
        ProviderUnavailableError: it is one of the provider's addresses, and these are not known.
    """
    if name in _FIXED:
        return _FIXED[name]
    if name in _FROM_SETTINGS:
        return getattr(sign_in(), _FROM_SETTINGS[name])
    if name in _FROM_PROVIDER:
        return getattr(provider(), _FROM_PROVIDER[name])
    return import_from_settings(name, *default)


def end_session_url(id_token: str, back: str) -> str:
    """Where a browser logs out at the provider too; empty where it cannot.

    OpenID Connect RP-Initiated Logout 1.0, section 2.
    """
    known = known_provider()
    if known is None or not known.end_session:
        return ""
    asked = {"client_id": sign_in().client_id, "post_logout_redirect_uri": back}
    if id_token:
        asked["id_token_hint"] = id_token
    separator = "&" if urlsplit(known.end_session).query else "?"
    return f"{known.end_session}{separator}{urlencode(asked)}"


def form_origins() -> tuple[str, ...]:
    """The origins that the log-out form may be led on to; nothing where there is no provider."""
    known = known_provider()
    if known is None or not known.end_session:
        return ()
    parts = urlsplit(known.end_session)
    return (f"{parts.scheme}://{parts.netloc}",)
