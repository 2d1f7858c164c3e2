"""Sessions that know whose they are, so that a person can see and end them."""

from __future__ import annotations

from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models


class AccountSession(AbstractBaseSession):
    """One browser that is logged in, or about to be."""

    account_id = models.BigIntegerField(null=True, blank=True, db_index=True)

    @classmethod
    def get_session_store_class(cls) -> type[SessionStore]:
        """The store that writes these rows."""
        from allotment.registry import sessions  # noqa: PLC0415 - the store imports this model

        return sessions.SessionStore


class LoginFailure(models.Model):
    """How many log-ins failed lately under one key; the key tells no name and no address."""

    key = models.CharField(max_length=64, unique=True)
    count = models.PositiveIntegerField(default=0)
    until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.count} until {self.until}"
