"""JSON that comes back as it was written: its keys in their order, its numbers in their form."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

if TYPE_CHECKING:
    _Field = models.JSONField[Any, Any]
else:
    _Field = models.JSONField


class KeptJSONField(_Field):
    """A JSON field that no query looks into.

    SQLite keeps the text anyway. PostgreSQL's `jsonb` would sort keys, so that the sites of an old
    plan came back in another order; its `json` keeps the text.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        """The column's type."""
        return "json" if connection.vendor == "postgresql" else super().db_type(connection)

    def get_db_prep_value(
        self,
        value: object,
        connection: BaseDatabaseWrapper,
        prepared: bool = False,  # noqa: FBT001, FBT002 - Django's signature
    ) -> object:
        """What the database is handed."""
        if value is None or connection.vendor != "postgresql":
            return super().get_db_prep_value(value, connection, prepared)
        from psycopg.types.json import Json  # noqa: PLC0415 - only there where it is used

        return Json(value, dumps=partial(json.dumps, cls=self.encoder))

    def from_db_value(
        self,
        value: Any,  # noqa: ANN401 - anything that JSON can hold
        expression: Any,  # noqa: ANN401 - Django's
        connection: BaseDatabaseWrapper,
    ) -> object:
        """What the database gave: psycopg has parsed it."""
        if connection.vendor == "postgresql":
            return value
        return super().from_db_value(value, expression, connection)
