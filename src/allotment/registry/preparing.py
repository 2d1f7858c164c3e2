"""Making the tables of the database, and saying in plain words why that cannot be done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.db import DatabaseError, OperationalError, ProgrammingError, connection
from django.db.migrations.exceptions import MigrationSchemaMissing

from allotment.settings import Settings, SettingsError, variable_name

_OLDEST = 14
_MIGRATING = 0x416C6C6D
"""Another lock than that of writers: each step of a migration is a transaction of its own."""


def migrate(settings: Settings) -> None:
    """Bring the tables to the form that this version needs.

    Several registries that start at once on one PostgreSQL wait for each other.

    Raises:
        SettingsError: PostgreSQL does not answer, or lets us make no tables.
    """
    database = settings.database
    if not database.is_postgresql:
        call_command("migrate", interactive=False, verbosity=0)
        return
    variable = variable_name("database_url")
    try:
        with _alone():
            call_command("migrate", interactive=False, verbosity=0)
    except OperationalError as error:
        raise SettingsError(
            f"{variable}: the {database.place} does not answer: {_sentence(error)}. Start the "
            "server, make the database and the account, or mend the URL; "
            "docs/how-to/run-on-postgresql.md shows how"
        ) from error
    except (ProgrammingError, MigrationSchemaMissing) as error:
        if "permission denied" not in str(error):
            raise
        raise SettingsError(
            f"{variable}: the {database.place} refuses to make tables: {_sentence(error)}. Make "
            f"the account its owner: ALTER DATABASE {database.name} OWNER TO {database.user}"
        ) from error


@contextmanager
def _alone() -> Iterator[None]:
    with connection.cursor() as cursor:
        number = int(getattr(connection, "pg_version", 0)) // 10_000
        if number < _OLDEST:
            raise SettingsError(
                f"{variable_name('database_url')}: the server is PostgreSQL {number}; Allotment "
                f"needs {_OLDEST} or newer"
            )
        cursor.execute("SET lock_timeout = 0; SELECT pg_advisory_lock(%s)", [_MIGRATING])
    try:
        yield
    finally:
        # Also what was set goes with the connection.
        connection.close()


def _sentence(error: DatabaseError) -> str:
    """The first line of what the driver says; the others repeat it or show the statement."""
    return str(error).strip().splitlines()[0].removeprefix("connection failed: ").rstrip(".")
