"""The registry's database: SQLite in the data folder, or PostgreSQL at a URL.

A leaf module of `settings.py`, which holds the names, defaults and meanings of the settings; the
standard library alone. Nothing here connects, and no message holds the URL: it may hold a password.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

_SCHEMES = ("postgresql", "postgres")
_OPTIONS = (
    "application_name",
    "channel_binding",
    "client_encoding",
    "connect_timeout",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "load_balance_hosts",
    "options",
    "passfile",
    "require_auth",
    "service",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "target_session_attrs",
    "tcp_user_timeout",
)
_DEFAULT_OPTIONS = {
    "application_name": "allotment",
    # A server that is gone is an error soon, so that the last good answers are served meanwhile.
    "connect_timeout": "5",
    # As long as a writer waits for another one in SQLite.
    "options": "-c lock_timeout=20s",
}
_KEEP_CONNECTION_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class Database:
    """Where the registry's database is. `url` is empty for SQLite; it is left out of the text form.

    `host` is a name, an address or the folder of a socket; empty: as libpq finds it. `port` 0 is
    the server's usual one.
    """

    url: str = field(default="", repr=False)
    password_file: str = ""
    host: str = ""
    port: int = 0
    name: str = ""
    user: str = ""
    options: tuple[tuple[str, str], ...] = ()

    @property
    def is_postgresql(self) -> bool:
        """Whether it is PostgreSQL."""
        return bool(self.url)

    @property
    def place(self) -> str:
        """Where it is, for messages: never the password."""
        who = f" as {self.user}" if self.user else ""
        port = f":{self.port}" if self.port else ""
        where = f"{self.host}{port}" if self.host else "the local socket"
        return f"PostgreSQL database {self.name!r} at {where}{who}"

    def password(self) -> str:
        """The password: of the file where one is named, else of the URL; empty where libpq finds it
        elsewhere.

        Raises:
            ValueError: the file cannot be read; its arguments are the setting and the sentence.
        """
        if not self.password_file:
            return unquote(urlsplit(self.url).password or "")
        try:
            return Path(self.password_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ValueError(
                "database_password_file",
                f"names {self.password_file!r}, which cannot be read: {why}",
            ) from error

    def for_django(self, sqlite: Path) -> dict[str, Any]:
        """What Django's `DATABASES` holds; `sqlite` is the file where there is no URL.

        Raises:
            ValueError: as `password`.
        """
        if not self.is_postgresql:
            return {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(sqlite),
                # To open the file takes longer than to answer that nothing has changed.
                "CONN_MAX_AGE": _KEEP_CONNECTION_SECONDS,
                "OPTIONS": {
                    # Writers queue at the start of a transaction; readers never wait for them.
                    "transaction_mode": "IMMEDIATE",
                    "timeout": 20,
                    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
                },
            }
        return {
            "ENGINE": "allotment.registry.postgresql",
            "NAME": self.name,
            "USER": self.user,
            "PASSWORD": self.password(),
            "HOST": self.host,
            "PORT": str(self.port) if self.port else "",
            "CONN_MAX_AGE": _KEEP_CONNECTION_SECONDS,
            # A connection that the server has ended is opened anew, and nobody sees an error.
            "CONN_HEALTH_CHECKS": True,
            "OPTIONS": {**_DEFAULT_OPTIONS, **dict(self.options)},
        }


def parse(raw: Mapping[str, str]) -> Database:
    """The database from the texts of its settings, by the names that `settings.py` gives them.

    Raises:
        ValueError: a text cannot be used; its arguments are the setting's name and the sentence.
    """
    url, file = raw["database_url"].strip(), raw["database_password_file"]
    if not url:
        if file:
            raise ValueError(
                "database_password_file",
                "is set and ALLOTMENT_DATABASE_URL is not; SQLite has no password",
            )
        return Database()
    scheme, separator, _ = url.partition("://")
    if scheme not in _SCHEMES or not separator:
        shown = repr(scheme) if separator and scheme.isalnum() else "something else"
        raise ValueError(
            "database_url",
            f"begins with {shown}; write postgresql://user@host:5432/name, or leave it empty for "
            "SQLite",
        )
    try:
        parts = urlsplit(url)
        host, port = _host(parts), parts.port or 0
    except ValueError:
        raise ValueError(
            "database_url",
            "has a host or port that cannot be read; write postgresql://user@host:5432/name, and "
            "signs such as / : @ in user or password as %2F %3A %40",
        ) from None  # the cause would show the URL
    if parts.password and file:
        raise ValueError(
            "database_password_file",
            "is set and ALLOTMENT_DATABASE_URL holds a password too; drop one",
        )
    name = unquote(parts.path.removeprefix("/"))
    if not name or "/" in name:
        raise ValueError(
            "database_url", "names no database; write postgresql://user@host:5432/name"
        )
    if parts.fragment:
        raise ValueError("database_url", "holds a '#'; in user or password write it as %23")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Database(
        url=url,
        password_file=file,
        host=options.pop("host", "") or host,
        port=port,
        name=name,
        user=unquote(parts.username or ""),
        options=tuple(_known(options)),
    )


def _host(parts: SplitResult) -> str:
    """As it is written: `hostname` would give the folder of a socket in lower case."""
    written = parts.netloc.rpartition("@")[2]
    if written.startswith("["):
        return parts.hostname or ""
    return unquote(written.partition(":")[0])


def _known(options: Mapping[str, str]) -> list[tuple[str, str]]:
    for name in options:
        if name not in _OPTIONS:
            raise ValueError(
                "database_url",
                f"has the option {name!r}; known are host, {', '.join(_OPTIONS)}",
            )
    return sorted(options.items())
