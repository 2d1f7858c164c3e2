"""The number by which every consumer can tell which configuration it holds."""

from __future__ import annotations

from typing import Final

from django.db import connection, models

_STAMP: Final = "SELECT number, changed FROM registry_configurationversion WHERE id = 1"


class ConfigurationVersion(models.Model):
    """One row: an integer that rises with every change that the public API can show."""

    number = models.PositiveBigIntegerField(default=1)
    changed = models.DateTimeField(auto_now=True)

    ROW = 1

    def __str__(self) -> str:
        return f"configuration {self.number}"

    @classmethod
    def current(cls) -> ConfigurationVersion:
        """The row; configuration 1 where nothing has been written yet."""
        return cls.objects.filter(pk=cls.ROW).first() or cls(pk=cls.ROW, number=1)

    @classmethod
    def stamp(cls) -> tuple[int, object]:
        """The number and when it rose, as the database writes that: to be compared alone.

        It is asked before every answer to a consumer, and to have the query made anew each time
        takes longer than to ask it.
        """
        with connection.cursor() as cursor:
            cursor.execute(_STAMP)
            number, changed = cursor.fetchone() or (1, None)
        return int(number), changed

    @classmethod
    def rise(cls) -> int:
        """Count one change. Must run inside the transaction that makes the change."""
        row, _ = cls.objects.select_for_update().get_or_create(pk=cls.ROW)
        row.number += 1
        row.save()
        return row.number
