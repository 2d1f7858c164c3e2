"""Whether a button may be used, in templates: `{% may "edit" item as right %}`."""

from __future__ import annotations

from django import template
from django.contrib.auth.models import AnonymousUser

from allotment.registry import permissions
from allotment.registry.permissions import Decision, Owned

register = template.Library()


@register.simple_tag(takes_context=True)
def may(context: template.Context, action: str, item: Owned | None = None) -> Decision:
    """The decision for who reads the page; `sentence` stands beside what may not be used."""
    return permissions.may(context.get("user") or AnonymousUser(), action, item)
