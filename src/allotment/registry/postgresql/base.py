"""The backend; Django looks for it in a module of this name.

The rules of the registry read what surrounds a change and then write it: is the name free, is the
range of the layer, is another admin left? In SQLite transactions begin as writers, one at a time,
so nothing changes in between. Here each transaction waits for its turn as it begins.
"""

from __future__ import annotations

import select
import time
from typing import Final

from django.db.backends.postgresql import base

TURN = 0x416C6C6F
"""The advisory lock that every transaction holds: any number that nothing else in the database
locks."""
ASKED_EVERY: Final = 5.0
"""Seconds. So seldom is the server asked whether it still knows a connection that is silent."""


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose transactions take turns; what is read outside of one never waits."""

    _answered_at = float("-inf")

    def connect(self) -> None:
        """Open the connection."""
        super().connect()
        self._answered_at = time.monotonic()

    def is_usable(self) -> bool:
        """Whether the server still answers here, as Django asks once for each request.

        To ask it takes as long as the one question that many requests consist of. A server that
        has ended a connection has said so, and what it said waits to be read; only a network that
        loses connections without a word leaves nothing, so that it is asked now and then all the
        same, and always after an error.
        """
        now = time.monotonic()
        asked_lately = now - self._answered_at < ASKED_EVERY
        if asked_lately and not self.errors_occurred and self._is_silent():
            return True
        usable = bool(super().is_usable())
        if usable:
            self._answered_at = now
        return usable

    def _is_silent(self) -> bool:
        """Whether the connection is open and the server has sent nothing that nobody has read."""
        connection = self.connection
        if connection is None or connection.closed:
            return False
        waiting = select.poll()
        waiting.register(connection.fileno(), select.POLLIN)
        return not waiting.poll(0)

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
