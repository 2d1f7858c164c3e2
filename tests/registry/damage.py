"""Damage as it comes to a database: past every check."""

from __future__ import annotations

import pytest
from django.db import DataError, connection, transaction

from allotment.registry import served


def damage(*statements: str) -> None:
    """Run statements that no application would; what is served is shaped anew after them.

    The test is skipped where the database itself refuses such rows: PostgreSQL checks types, and
    would store neither a word as a date nor half a JSON text.
    """
    sqlite = connection.vendor == "sqlite"
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            if sqlite:
                cursor.execute("PRAGMA ignore_check_constraints = ON")
            for statement in statements:
                cursor.execute(statement)
            if sqlite:
                cursor.execute("PRAGMA ignore_check_constraints = OFF")
    except DataError as error:
        if sqlite:
            raise
        pytest.skip(f"PostgreSQL refuses to store that: {str(error).splitlines()[0]}")
    served.forget()
