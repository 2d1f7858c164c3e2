"""What the frame of every page shows."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from allotment.registry.models import ConfigurationVersion

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "theme"


def shell(request: HttpRequest) -> dict[str, Any]:
    """Theme, zone, configuration version, and which part of the site this is."""
    match = request.resolver_match
    theme = request.COOKIES.get(THEME_COOKIE, "auto")
    return {
        "theme": theme if theme in THEMES else "auto",
        "themes": [(name, name.capitalize()) for name in THEMES],
        "zone": timezone.get_current_timezone_name(),
        "configuration": ConfigurationVersion.current(),
        "page_name": match.url_name if match else "",
        "dev_login": settings.ALLOTMENT.dev_login,
        "intake_url": settings.ALLOTMENT.intake_url,
    }
