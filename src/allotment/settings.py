"""Typed settings: each one a field here, an environment variable, and a row in the reference.

A leaf module: it imports the standard library and its own leaves alone, `database_settings` and
`sign_in_settings`; only a process's entry point (`cli.py`, `up.py`, `registry/django_settings.py`,
`intake/app.py`, the demo) reads it. Other code is handed the values that it needs.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from allotment import database_settings, sign_in_settings
from allotment.database_settings import Database
from allotment.sign_in_settings import SignIn

_IPV6 = 6
_APPROVAL_FROM = ("never", "high", "medium", "low")
ANY_PREFIX = "*"
_PREFIX = re.compile(r"(/[a-z0-9._~-]+)+", re.ASCII)
_ADDRESS_FILE = "addresses.json"
_OF_COMMANDS = ("ALLOTMENT_TOKEN",)
"""Variables that are no settings of the lab but what one command is handed."""
_Parsed = TypeVar("_Parsed")
_ADDRESSES = ("ALLOTMENT_REGISTRY_URL", "ALLOTMENT_INTAKE_URL")


class SettingsError(ValueError):
    """A setting has a value that cannot be used; the message names the variable and the remedy."""


def _setting(default: str, text: str) -> str:
    """A settings field: its default as it would be written in the environment, and its meaning."""
    found: str = field(default=default, metadata={"help": text})
    return found


@dataclass(frozen=True, kw_only=True)
class _Raw:
    """Every setting as text, in the order in which the reference lists them."""

    data: str = _setting("./var", "Folder that holds everything; safe to delete.")
    host: str = _setting(
        "127.0.0.1", "IP address that the servers listen on; 0.0.0.0 or :: for all of the machine."
    )
    registry_port: str = _setting("8000", "Port of the registry's pages and API.")
    intake_port: str = _setting("8192", "Port of the event intake.")
    demo_port: str = _setting("8001", "Port of the demo wiki.")
    registry_url: str = _setting(
        "", "Where other parts reach the registry. Empty: http://<host>:<registry port>."
    )
    intake_url: str = _setting(
        "", "Where clients send events. Empty: http://<host>:<intake port>/v1/events."
    )
    intake_workers: str = _setting(
        "1", "How many processes the intake has; about one for each core that it may use."
    )
    event_prefixes: str = _setting(
        "*",
        "Paths below which the intake takes events too, such as /evt-103e, separated by ','. '*' "
        "is any one path element of letters, digits and -; empty: none.",
    )
    config_refresh_seconds: str = _setting(
        "5", "How often sites and the intake ask the registry for its configuration, in seconds."
    )
    sink_seconds: str = _setting(
        "5", "How long the sink gathers events before it commits them to the lake, in seconds."
    )
    sealed_days: str = _setting(
        "30", "How long the ids and user agents of rejected events are kept for a replay, in days."
    )
    duplicate_seconds: str = _setting(
        "900",
        "For how long the sink knows an event again by its stream and meta.id, and does not write "
        "it a second time, in seconds.",
    )
    duplicate_ids: str = _setting(
        "4000000",
        "How many events of each table it knows again at most, the latest: 16 bytes of memory "
        "each. Take twice what comes within that time.",
    )
    database_url: str = _setting(
        "",
        "The registry's database: postgresql://user@host:5432/name. Empty: SQLite, a file in the "
        "data folder.",
    )
    database_password_file: str = _setting(
        "", "File that holds the password of that database, in place of one in its URL."
    )
    schemas: str = _setting(
        "", "Schema repositories, separated by ':'. Empty: the repository that Allotment ships."
    )
    secret_key: str = _setting(
        "", "Key that signs sessions. Empty: one is made in the data folder at the first start."
    )
    allowed_hosts: str = _setting(
        "127.0.0.1,localhost,[::1]", "Host names that the registry answers to, separated by ','."
    )
    dev_login: str = _setting(
        "no", "Log in without a password, for local work only: 'yes' or 'no'."
    )
    approval_from: str = _setting(
        "never",
        "Lowest risk from which a second person must approve what is switched on: 'never', "
        "'high', 'medium' or 'low', which is everything.",
    )
    stream_defaults: str = _setting(
        "",
        "JSON object of settings that every stream is served with, unless it has its own; objects "
        'are merged key by key, and null takes one away: {"topic_prefixes": ["eqiad."]}.',
    )
    max_body_bytes: str = _setting(
        "4194304", "Largest request body that the intake accepts, in bytes after decompression."
    )
    local_login: str = _setting(
        "yes", "Whether accounts of the registry log in by password: 'yes' or 'no'."
    )
    default_role: str = _setting(
        "viewer",
        "Role of a new account: viewer, author, approver, operator or admin; none: whom no group "
        "gives a role may not come in by single sign-on.",
    )
    session_hours: str = _setting("24", "How long a log-in lasts at most, in hours.")
    session_idle_minutes: str = _setting(
        "480", "How long a log-in lasts without any page being asked for, in minutes."
    )
    trusted_proxies: str = _setting(
        "",
        "IP addresses of your own proxies before the registry, separated by ','; what they say in "
        "X-Forwarded-For is believed.",
    )
    hsts_seconds: str = _setting(
        "3600",
        "How long browsers are told to ask for nothing but https, in seconds, where the registry's "
        "URL begins with https.",
    )
    oidc_issuer: str = _setting(
        "", "Issuer of the OpenID Connect provider for single sign-on. Empty: none."
    )
    oidc_client_id: str = _setting("", "Id under which the provider knows the registry.")
    oidc_client_secret: str = _setting("", "Secret that the provider gave the registry.")
    oidc_client_secret_file: str = _setting(
        "", "File that holds that secret, in place of the variable."
    )
    oidc_scopes: str = _setting(
        "openid profile email", "Scopes that are asked for, separated by spaces."
    )
    oidc_algorithm: str = _setting(
        "RS256", "How the provider signs: RS256, RS384, RS512, ES256, ES384 or ES512."
    )
    oidc_groups_claim: str = _setting("groups", "Claim that lists the groups of a person.")
    oidc_roles: str = _setting(
        "",
        "Roles by group: group=role, separated by ',', or a JSON object. The highest counts, anew "
        "at each log-in. Empty: admins give roles in the registry.",
    )
    oidc_endpoints: str = _setting(
        "",
        "The provider's addresses, where it does not publish them: authorization=…, token=…, "
        "jwks=…, userinfo=…, end_session=…, separated by spaces.",
    )


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings, parsed. Paths below `data` are where each part keeps its files."""

    data: Path
    host: str
    registry_port: int
    intake_port: int
    demo_port: int
    registry_url: str
    intake_url: str
    intake_workers: int
    event_prefixes: tuple[str, ...]
    config_refresh_seconds: float
    sink_seconds: float
    sealed_days: int
    duplicate_seconds: int
    duplicate_ids: int
    database: Database
    schema_paths: tuple[Path, ...]
    secret_key: str
    allowed_hosts: tuple[str, ...]
    dev_login: bool
    approval_from: str
    stream_defaults: Mapping[str, Any] = field(default_factory=dict)
    max_body_bytes: int
    sign_in: SignIn

    @property
    def url_host(self) -> str:
        """The host as a URL on this machine names it."""
        return _url_host(self.host)

    @property
    def registry_dir(self) -> Path:
        """The registry's database and secrets."""
        return self.data / "registry"

    @property
    def journal_dir(self) -> Path:
        """Segment files between the intake and the lake."""
        return self.data / "journal"

    @property
    def intake_dir(self) -> Path:
        """What the workers of the intake count, one file a worker."""
        return self.data / "intake"

    @property
    def lake_dir(self) -> Path:
        """The catalog and the tables."""
        return self.data / "lake"

    @property
    def cache_dir(self) -> Path:
        """Last good copies of the configuration, one file a consumer."""
        return self.data / "cache"

    @property
    def masking_key(self) -> Path:
        """The key of the masks in rejected events."""
        return self.data / "masking.key"

    @property
    def log_dir(self) -> Path:
        """What each supervised process printed."""
        return self.data / "logs"


def variable_name(setting: str) -> str:
    """The environment variable of a setting: `data` → `ALLOTMENT_DATA`."""
    return f"ALLOTMENT_{setting.upper()}"


def described() -> list[tuple[str, str, str]]:
    """(variable, default, meaning) of every setting, in order. The reference is proven by it."""
    return [(variable_name(f.name), str(f.default), f.metadata["help"]) for f in fields(_Raw)]


def from_environ(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from environment variables.

    Raises:
        SettingsError: a variable has a value that cannot be used, or is not known.
    """
    given = os.environ if environ is None else environ
    known = {variable_name(f.name): f.name for f in fields(_Raw)}
    unknown = sorted(
        k for k in given if k.startswith("ALLOTMENT_") and k not in {*known, *_OF_COMMANDS}
    )
    if unknown:
        raise SettingsError(
            f"{unknown[0]} is not a setting of Allotment; known are {', '.join(sorted(known))}"
        )
    raw = _Raw(**{name: given[variable] for variable, name in known.items() if variable in given})
    _check_host(raw.host)
    dev_login = _yes("dev_login", raw.dev_login)
    if dev_login and not ipaddress.ip_address(raw.host).is_loopback:
        raise SettingsError(
            f"{variable_name('dev_login')} is 'yes' and {variable_name('host')} is {raw.host}: "
            "anybody who reaches this machine could come in without a password; listen on "
            "127.0.0.1, or log in with one"
        )
    registry_port = _port("registry_port", raw.registry_port)
    intake_port = _port("intake_port", raw.intake_port)
    return Settings(
        data=Path(raw.data).absolute(),
        host=raw.host,
        registry_port=registry_port,
        intake_port=intake_port,
        demo_port=_port("demo_port", raw.demo_port),
        registry_url=(raw.registry_url or f"http://{_url_host(raw.host)}:{registry_port}").rstrip(
            "/"
        ),
        intake_url=raw.intake_url or f"http://{_url_host(raw.host)}:{intake_port}/v1/events",
        intake_workers=_number("intake_workers", raw.intake_workers, 1, 64),
        event_prefixes=_prefixes("event_prefixes", raw.event_prefixes),
        config_refresh_seconds=_seconds("config_refresh_seconds", raw.config_refresh_seconds),
        sink_seconds=_seconds("sink_seconds", raw.sink_seconds),
        sealed_days=_number("sealed_days", raw.sealed_days, 0, 36_500),
        duplicate_seconds=_number("duplicate_seconds", raw.duplicate_seconds, 1, 30 * 86_400),
        duplicate_ids=_number("duplicate_ids", raw.duplicate_ids, 1_000, 200_000_000),
        database=_leaf(database_settings.parse, raw),
        schema_paths=tuple(Path(part) for part in raw.schemas.split(":") if part),
        secret_key=raw.secret_key,
        allowed_hosts=tuple(h.strip() for h in raw.allowed_hosts.split(",") if h.strip()),
        dev_login=dev_login,
        approval_from=_one_of("approval_from", raw.approval_from, _APPROVAL_FROM),
        stream_defaults=_object("stream_defaults", raw.stream_defaults),
        max_body_bytes=_number("max_body_bytes", raw.max_body_bytes, 1, 1 << 30),
        sign_in=_leaf(sign_in_settings.parse, raw),
    )


def _leaf(parse: Callable[[Mapping[str, str]], _Parsed], raw: _Raw) -> _Parsed:
    try:
        return parse(vars(raw))
    except ValueError as error:
        name, sentence = error.args
        raise SettingsError(f"{variable_name(name)} {sentence}") from error


def to_environ(settings: Settings) -> dict[str, str]:
    """The variables that make another process read the same settings."""
    return {
        "ALLOTMENT_DATA": str(settings.data),
        "ALLOTMENT_HOST": settings.host,
        "ALLOTMENT_REGISTRY_PORT": str(settings.registry_port),
        "ALLOTMENT_INTAKE_PORT": str(settings.intake_port),
        "ALLOTMENT_DEMO_PORT": str(settings.demo_port),
        "ALLOTMENT_REGISTRY_URL": settings.registry_url,
        "ALLOTMENT_INTAKE_URL": settings.intake_url,
        "ALLOTMENT_INTAKE_WORKERS": str(settings.intake_workers),
        "ALLOTMENT_EVENT_PREFIXES": ",".join(settings.event_prefixes),
        "ALLOTMENT_CONFIG_REFRESH_SECONDS": str(settings.config_refresh_seconds),
        "ALLOTMENT_SINK_SECONDS": str(settings.sink_seconds),
        "ALLOTMENT_SEALED_DAYS": str(settings.sealed_days),
        "ALLOTMENT_DUPLICATE_SECONDS": str(settings.duplicate_seconds),
        "ALLOTMENT_DUPLICATE_IDS": str(settings.duplicate_ids),
        "ALLOTMENT_DATABASE_URL": settings.database.url,
        "ALLOTMENT_DATABASE_PASSWORD_FILE": settings.database.password_file,
        "ALLOTMENT_SCHEMAS": ":".join(str(p) for p in settings.schema_paths),
        "ALLOTMENT_SECRET_KEY": settings.secret_key,
        "ALLOTMENT_ALLOWED_HOSTS": ",".join(settings.allowed_hosts),
        "ALLOTMENT_DEV_LOGIN": "yes" if settings.dev_login else "no",
        "ALLOTMENT_APPROVAL_FROM": settings.approval_from,
        "ALLOTMENT_STREAM_DEFAULTS": json.dumps(dict(settings.stream_defaults))
        if settings.stream_defaults
        else "",
        "ALLOTMENT_MAX_BODY_BYTES": str(settings.max_body_bytes),
        **_sign_in_environ(settings.sign_in),
    }


def _sign_in_environ(found: SignIn) -> dict[str, str]:
    return {
        "ALLOTMENT_LOCAL_LOGIN": "yes" if found.local_login else "no",
        "ALLOTMENT_DEFAULT_ROLE": found.default_role,
        "ALLOTMENT_SESSION_HOURS": str(found.session_hours),
        "ALLOTMENT_SESSION_IDLE_MINUTES": str(found.session_idle_minutes),
        "ALLOTMENT_TRUSTED_PROXIES": ",".join(found.trusted_proxies),
        "ALLOTMENT_HSTS_SECONDS": str(found.hsts_seconds),
        "ALLOTMENT_OIDC_ISSUER": found.issuer,
        "ALLOTMENT_OIDC_CLIENT_ID": found.client_id,
        "ALLOTMENT_OIDC_CLIENT_SECRET": "" if found.client_secret_file else found.client_secret,
        "ALLOTMENT_OIDC_CLIENT_SECRET_FILE": found.client_secret_file,
        "ALLOTMENT_OIDC_SCOPES": found.scopes,
        "ALLOTMENT_OIDC_ALGORITHM": found.algorithm,
        "ALLOTMENT_OIDC_GROUPS_CLAIM": found.groups_claim,
        "ALLOTMENT_OIDC_ROLES": json.dumps(dict(found.roles)) if found.roles else "",
        "ALLOTMENT_OIDC_ENDPOINTS": " ".join(f"{n}={url}" for n, url in found.endpoints),
    }


def note_addresses(settings: Settings) -> None:
    """Write where this data folder's lab answers, for commands that are given the folder alone."""
    noted = {k: v for k, v in to_environ(settings).items() if k in _ADDRESSES}
    (settings.data / _ADDRESS_FILE).write_text(json.dumps(noted, indent=1))


def noted_addresses(data: Path) -> dict[str, str]:
    """What `note_addresses` wrote last; nothing where no lab has run on the folder."""
    try:
        found: dict[str, str] = json.loads((data / _ADDRESS_FILE).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return {k: v for k, v in found.items() if k in _ADDRESSES}


def _check_host(host: str) -> None:
    try:
        ipaddress.ip_address(host)
    except ValueError as error:
        raise SettingsError(
            f"{variable_name('host')} is {host!r}; give an IP address such as 127.0.0.1 or ::1"
        ) from error


def _url_host(host: str) -> str:
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        return "[::1]" if address.version == _IPV6 else "127.0.0.1"
    return f"[{host}]" if address.version == _IPV6 else host


def _number(name: str, text: str, low: int, high: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise SettingsError(
            f"{variable_name(name)} is {text!r}; give a whole number from {low} to {high}"
        )
    return value


def _prefixes(name: str, text: str) -> tuple[str, ...]:
    given = tuple(part.strip().rstrip("/").lower() for part in text.split(",") if part.strip())
    for prefix in given:
        if prefix != ANY_PREFIX and not _PREFIX.fullmatch(prefix):
            raise SettingsError(
                f"{variable_name(name)} names {prefix!r}; give paths such as /evt-103e, or "
                f"{ANY_PREFIX!r} for any one path element"
            )
    return given


def _port(name: str, text: str) -> int:
    return _number(name, text, 1, 65535)


_LONGEST_SECONDS = 86_400.0


def _seconds(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value <= _LONGEST_SECONDS:
        raise SettingsError(
            f"{variable_name(name)} is {text!r}; give seconds, more than 0 and at most 86400"
        )
    return value


def _one_of(name: str, text: str, known: tuple[str, ...]) -> str:
    if text.lower() not in known:
        listed = ", ".join(repr(word) for word in known)
        raise SettingsError(f"{variable_name(name)} is {text!r}; give one of {listed}")
    return text.lower()


def _object(name: str, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SettingsError(
            f'{variable_name(name)} is {text!r}; give a JSON object such as {{"sample": null}}'
        )
    return found


def _yes(name: str, text: str) -> bool:
    if text.lower() not in {"yes", "no"}:
        raise SettingsError(f"{variable_name(name)} is {text!r}; give 'yes' or 'no'")
    return text.lower() == "yes"
