"""Forms as a browser posts them, and what the page says is wrong with them."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponseBase
from tests.registry.page_reading import Page

NEW = "/experiments/new"
EDIT = "/experiments/search-suggestions/edit"


def posted(**changes: object) -> dict[str, Any]:
    """A form that is filled in well; keywords change it, None leaves a field out."""
    fields = {
        "name": "Search suggestions",
        "machine_name": "search-suggestions",
        "owners": "Search team, Web team",
        "identifier_type": "edge-unique",
        "groups-TOTAL_FORMS": "2",
        "groups-INITIAL_FORMS": "0",
        "groups-0-name": "control",
        "groups-0-description": "Titles only",
        "groups-0-weight": "1",
        "groups-1-name": "described",
        "groups-1-description": "",
        "groups-1-weight": "2",
        "sites-TOTAL_FORMS": "2",
        "sites-INITIAL_FORMS": "0",
        "sites-0-site": "frwiki",
        "sites-0-rate": "12.5",
        "sites-1-site": "",
        "sites-1-rate": "",
        "default_rate": "0",
        "stream": "product_metrics.web_base",
        "attributes": ["page_id", "performer_is_logged_in"],
        "environments": ["production"],
        "risk_level": "low",
        "acknowledged": "on",
        "start": "",
        "end": "2035-01-31T09:00",
        "save": "yes",
    } | changes
    return {name: value for name, value in fields.items() if value is not None}


def errors(response: HttpResponseBase) -> dict[str, str]:
    """The text under each field that is wrong, by the field's id."""
    assert response.status_code == 422
    page = Page(response.content.decode())  # type: ignore[attr-defined]
    assert page.faults() == []
    return {
        e.attributes["id"].removesuffix("_error"): e.text.strip()
        for e in page.elements
        if e.attributes.get("id", "").endswith("_error")
    }
