"""The table of permissions at the door of a page: let in, or say why not."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from allotment.registry import permissions
from allotment.registry.permissions import Decision, Owned


class NotPermittedError(PermissionDenied):
    """A person may not do this; the decision says why and how to get the right."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        super().__init__(decision.sentence)


def require(request: HttpRequest, action: str, item: Owned | None = None) -> None:
    """Pass when who asks may do the action.

    Raises:
        NotPermittedError: otherwise; it becomes a page that says why.
    """
    decision = permissions.may(request.user, action, item)
    if not decision:
        raise NotPermittedError(decision)
