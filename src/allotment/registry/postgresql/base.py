"""The backend; Django looks for it in a module of this name.

The rules of the registry read what surrounds a change and then write it: is the name free, is the
range of the layer, is another admin left? In SQLite transactions begin as writers, one at a time,
so nothing changes in between. Here each transaction waits for its turn as it begins.
"""

from __future__ import annotations

from django.db.backends.postgresql import base

TURN = 0x416C6C6F
"""The advisory lock that every transaction holds: any number that nothing else in the database
locks."""


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose transactions take turns; what is read outside of one never waits."""

    def _set_autocommit(self, autocommit: bool) -> None:  # noqa: FBT001 - Django's signature
        super()._set_autocommit(autocommit)  # type: ignore[misc] # the stubs lack it
        if autocommit:
            return
        try:
            with self.wrap_database_errors, self.connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [TURN])
        except Exception:
            # Django takes it that the connection stays as it was.
            with self.wrap_database_errors:
                self.connection.rollback()
                self.connection.autocommit = True
            raise
