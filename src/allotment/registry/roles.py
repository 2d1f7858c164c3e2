"""The roles. What each may do is one table: `permissions.ACTIONS`."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext, gettext_lazy, gettext_noop


class Role(models.TextChoices):
    """What an account may do beyond reading; the order is that of pages and docs."""

    VIEWER = "viewer", gettext_lazy("Viewer")
    AUTHOR = "author", gettext_lazy("Author")
    APPROVER = "approver", gettext_lazy("Approver")
    OPERATOR = "operator", gettext_lazy("Operator")
    ADMIN = "admin", gettext_lazy("Admin")

    @property
    def inside(self) -> str:
        """The role's word inside a sentence, where English has no capital."""
        return gettext(_INSIDE[self.value])

    @property
    def meaning(self) -> str:
        """What it may, in the reader's language."""
        return gettext(MEANINGS[self])


_INSIDE = {
    "viewer": gettext_noop("viewer"),
    "author": gettext_noop("author"),
    "approver": gettext_noop("approver"),
    "operator": gettext_noop("operator"),
    "admin": gettext_noop("admin"),
}


MEANINGS: dict[Role, str] = {
    Role.VIEWER: gettext_noop("Reads every page and result. Changes nothing."),
    Role.AUTHOR: gettext_noop(
        "Makes instruments and experiments; edits, starts and stops their own."
    ),
    Role.APPROVER: gettext_noop("An author who also approves what others made, never their own."),
    Role.OPERATOR: gettext_noop(
        "An author who also starts, stops and kills anything, and tends streams."
    ),
    Role.ADMIN: gettext_noop("Edits everything, and manages people, teams and tokens."),
}
