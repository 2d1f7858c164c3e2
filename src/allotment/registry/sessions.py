"""The session engine: Django's sessions in the database, each with the account that it belongs to.

Django finds the engine by the name `SessionStore`.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore

from allotment.registry.models import AccountSession


class SessionStore(DatabaseStore):
    """Keeps sessions in `AccountSession`."""

    @classmethod
    def get_model_class(cls) -> type[AccountSession]:
        """The model of a row."""
        return AccountSession

    def create_model_instance(self, data: dict[str, Any]) -> AccountSession:
        """The row of a session, with its account beside it."""
        made = super().create_model_instance(data)
        account = data.get(SESSION_KEY)
        return AccountSession(
            session_key=made.session_key,
            session_data=made.session_data,
            expire_date=made.expire_date,
            account_id=int(account) if account else None,
        )
