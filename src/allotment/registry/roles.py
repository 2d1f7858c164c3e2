"""The roles. What each may do is one table: `permissions.ACTIONS`."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy


class Role(models.TextChoices):
    """What an account may do beyond reading; the order is that of pages and docs."""

    VIEWER = "viewer", gettext_lazy("Viewer")
    AUTHOR = "author", gettext_lazy("Author")
    APPROVER = "approver", gettext_lazy("Approver")
    OPERATOR = "operator", gettext_lazy("Operator")
    ADMIN = "admin", gettext_lazy("Admin")


MEANINGS: dict[Role, str] = {
    Role.VIEWER: "Reads every page and result. Changes nothing.",
    Role.AUTHOR: "Makes instruments and experiments; edits, starts and stops its own.",
    Role.APPROVER: "An author who also approves what others made, never its own.",
    Role.OPERATOR: "An author who also starts, stops and kills anything, and tends streams.",
    Role.ADMIN: "Edits everything, and manages people, teams and tokens.",
}
