"""The settings of logging in, parsed: sessions, local accounts and single sign-on.

A leaf module of `settings.py`, which holds their names, defaults and meanings; the standard library
alone.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

ROLES = ("viewer", "author", "approver", "operator", "admin")
NO_ROLE = "none"
ENDPOINTS = ("authorization", "token", "userinfo", "jwks", "end_session")
_NEEDED_ENDPOINTS = frozenset({"authorization", "token", "jwks"})
ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """How people log in. The client secret is left out of the text form, and so out of logs.

    `default_role` is `none` where an account that no group gives a role may not come in.
    """

    default_role: str
    local_login: bool
    session_hours: float
    session_idle_minutes: float
    trusted_proxies: tuple[str, ...]
    hsts_seconds: int
    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    client_secret_file: str
    scopes: str
    algorithm: str
    groups_claim: str
    roles: tuple[tuple[str, str], ...]
    endpoints: tuple[tuple[str, str], ...]

    @property
    def provider(self) -> bool:
        """Whether single sign-on is set up."""
        return bool(self.issuer)

    def role_for(self, groups: object) -> str | None:
        """The highest role that any of a person's groups gives; None where none gives one."""
        named = {groups} if isinstance(groups, str) else set()
        if isinstance(groups, list | tuple):
            named = {group for group in groups if isinstance(group, str)}
        given = [role for group, role in self.roles if group in named]
        return max(given, key=ROLES.index, default=None)


def parse(raw: Mapping[str, str]) -> SignIn:
    """The settings of logging in from their texts, by the names that `settings.py` gives them.

    Raises:
        ValueError: a text cannot be used; its arguments are the setting's name and the sentence.
    """
    found = SignIn(
        default_role=_one_of("default_role", raw["default_role"], (NO_ROLE, *ROLES)),
        local_login=_one_of("local_login", raw["local_login"].lower(), ("yes", "no")) == "yes",
        session_hours=_number("session_hours", raw["session_hours"], 24 * 366),
        session_idle_minutes=_number(
            "session_idle_minutes", raw["session_idle_minutes"], 366 * 24 * 60
        ),
        trusted_proxies=tuple(_addresses("trusted_proxies", raw["trusted_proxies"])),
        hsts_seconds=int(_number("hsts_seconds", raw["hsts_seconds"], 63_072_000, least=0)),
        issuer=_url("oidc_issuer", raw["oidc_issuer"]),
        client_id=raw["oidc_client_id"],
        client_secret=_secret(raw["oidc_client_secret"], raw["oidc_client_secret_file"]),
        client_secret_file=raw["oidc_client_secret_file"],
        scopes=raw["oidc_scopes"],
        algorithm=_one_of("oidc_algorithm", raw["oidc_algorithm"], ALGORITHMS),
        groups_claim=raw["oidc_groups_claim"],
        roles=tuple(_pairs("oidc_roles", raw["oidc_roles"])),
        endpoints=tuple(_endpoints(raw["oidc_endpoints"])),
    )
    if found.provider and not found.client_id:
        raise ValueError("oidc_client_id", "is empty; give the id that the provider knows us by")
    if found.provider and "openid" not in found.scopes.split():
        raise ValueError("oidc_scopes", f"is {found.scopes!r}; 'openid' must be among them")
    if not found.provider and not found.local_login:
        raise ValueError(
            "local_login", "is 'no' and there is no single sign-on: nobody could log in"
        )
    return found


def _one_of(name: str, text: str, known: tuple[str, ...]) -> str:
    if text not in known:
        raise ValueError(name, f"is {text!r}; give one of {', '.join(known)}")
    return text


def _number(name: str, text: str, most: float, *, least: float | None = None) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    low = 0.0 if least is None else least
    if not low <= value <= most or (least is None and value == 0):
        above = "more than 0" if least is None else f"at least {least:g}"
        raise ValueError(name, f"is {text!r}; give a number, {above} and at most {most:g}")
    return value


def _addresses(name: str, text: str) -> list[str]:
    found = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        try:
            found.append(str(ipaddress.ip_address(part)))
        except ValueError as error:
            raise ValueError(
                name, f"holds {part!r}; give IP addresses, with ',' between"
            ) from error
    return found


def _url(name: str, text: str) -> str:
    """An https address, or http on this machine; its end is left as the provider writes it."""
    if not text:
        return ""
    parts = urlsplit(text)
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise ValueError(name, f"is {text!r}; give an address that begins with https://")
    return text


def _secret(text: str, file: str) -> str:
    if text or not file:
        return text
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ValueError(
            "oidc_client_secret_file", f"names {file!r}, which cannot be read: {error.strerror}"
        ) from error


def _pairs(name: str, text: str) -> list[tuple[str, str]]:
    """`admins=admin,staff=author`, or the same as a JSON object where groups hold commas."""
    if text.lstrip().startswith("{"):
        try:
            listed = [(str(group), str(role)) for group, role in json.loads(text).items()]
        except ValueError as error:
            raise ValueError(name, f"is no JSON object: {error}") from error
    else:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        listed = [
            (group.strip(), role.strip()) for group, _, role in (p.rpartition("=") for p in parts)
        ]
    for group, role in listed:
        if not group or role not in ROLES:
            raise ValueError(
                name,
                f"gives the group {group!r} the role {role!r}; "
                f"write group=role, with a role of {', '.join(ROLES)}",
            )
    return listed


def _endpoints(text: str) -> list[tuple[str, str]]:
    """`token=https://… jwks=https://…`, with spaces between."""
    found = []
    for part in text.split():
        name, _, url = part.partition("=")
        if name not in ENDPOINTS:
            raise ValueError("oidc_endpoints", f"names {name!r}; known are {', '.join(ENDPOINTS)}")
        found.append((name, _url("oidc_endpoints", url)))
    if found and (lacking := _NEEDED_ENDPOINTS - {name for name, _ in found}):
        raise ValueError("oidc_endpoints", f"lacks {', '.join(sorted(lacking))}")
    return found
