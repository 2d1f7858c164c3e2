"""The roles, lowest first. Each role may do everything that the one before it may."""

from __future__ import annotations

from django.db import models


class Role(models.TextChoices):
    """What an account may do beyond what it owns; `permissions.ACTIONS` says what exactly."""

    VIEWER = "viewer", "Viewer"
    AUTHOR = "author", "Author"
    APPROVER = "approver", "Approver"
    OPERATOR = "operator", "Operator"
    ADMIN = "admin", "Admin"

    def includes(self, other: Role) -> bool:
        """Whether this role may do all that the other may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


MEANINGS: dict[Role, str] = {
    Role.VIEWER: "Reads every page and result. Changes nothing.",
    Role.AUTHOR: "Makes instruments and experiments, and edits, starts and stops its own.",
    Role.APPROVER: "Also says yes or no to what others made, never to its own.",
    Role.OPERATOR: "Also starts, stops and kills anything, and tends streams and their health.",
    Role.ADMIN: "Also edits everything, and manages people, teams and tokens.",
}
