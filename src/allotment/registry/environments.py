"""Environments: which streams and sites an item is served to. Pure."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

ENVIRONMENTS = ("development", "staging", "production")
DEFAULT = "production"
LABELS: dict[str, str | Promise] = {
    "development": gettext_lazy("Development"),
    "staging": gettext_lazy("Staging"),
    "production": gettext_lazy("Production"),
}


def is_served(
    asked: str,
    *,
    item: Collection[str],
    stream: Collection[str] = ENVIRONMENTS,
    site: Collection[str] = ENVIRONMENTS,
) -> bool:
    """Whether an item is served where somebody asks from one environment.

    Args:
        asked: the environment of the site or the intake that asks.
        item: the environments that the item is meant for.
        stream: those that its stream is in.
        site: those that the site is in; leave it out for a site that is not registered.
    """
    return asked in item and asked in stream and asked in site
