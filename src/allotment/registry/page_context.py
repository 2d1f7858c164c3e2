"""What the frame of every page shows."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from allotment.registry.models import ConfigurationVersion

THEMES = {"auto": pgettext_lazy("colours", "Auto"), "light": _("Light"), "dark": _("Dark")}
THEME_COOKIE = "theme"
_SECTIONS = {
    "experiment": "directory",
    "instrument": "directory",
    "stream": "streams",
    "site": "sites",
    "layer": "sites",
    "exception": "sites",
    "holdout": "sites",
    "person": "people",
    "team": "people",
    "teams": "people",
    "tokens": "people",
    "audit": "people",
    "lab": "home",
}
"""By how the name of an address begins: which part of the navigation leads to it."""


def shell(request: HttpRequest) -> dict[str, Any]:
    """Theme, zone, configuration version, and which part of the site this is."""
    match = request.resolver_match
    theme = request.COOKIES.get(THEME_COOKIE, "auto")
    page_name = (match.url_name or "") if match else ""
    return {
        "theme": theme if theme in THEMES else "auto",
        "themes": list(THEMES.items()),
        "languages": settings.LANGUAGES,
        "language": translation.get_language() or settings.LANGUAGE_CODE,
        "zone": timezone.get_current_timezone_name(),
        "configuration": ConfigurationVersion.current(),
        "page_name": page_name,
        "section": _SECTIONS.get(page_name.partition("-")[0], page_name),
        "dev_login": settings.ALLOTMENT.dev_login,
        "intake_url": settings.ALLOTMENT.intake_url,
    }
