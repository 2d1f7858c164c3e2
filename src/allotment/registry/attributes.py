"""The contextual attributes that people can ask for, and the schema fields they fill.

The names are the published list of the web clients (34 in all); offered are those that a base
schema 1.3.0 has a field for. Left out: `agent_ua_string`, `mediawiki_is_production`,
`mediawiki_is_debug_mode` and the deprecated `page_wikidata_id`.
"""

from __future__ import annotations

from dataclasses import dataclass

WEB_TITLE = "analytics/product_metrics/web/base"
APP_TITLE = "analytics/product_metrics/app/base"
_BOTH = frozenset({WEB_TITLE, APP_TITLE})
_WEB = frozenset({WEB_TITLE})


@dataclass(frozen=True)
class Attribute:
    """One contextual attribute: its name in configurations, and what it is in plain words."""

    name: str
    label: str
    titles: frozenset[str]

    @property
    def path(self) -> tuple[str, str]:
        """The field of the event that it fills: `page_id` → (`page`, `id`)."""
        outer, _, inner = self.name.partition("_")
        return outer, inner


ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute("agent_client_platform", "Which client sent it", _BOTH),
    Attribute("agent_client_platform_family", "Phone or desktop pages", _BOTH),
    Attribute("page_id", "Page number", _BOTH),
    Attribute("page_title", "Page title", _BOTH),
    Attribute("page_namespace_id", "Kind of page, as a number", _BOTH),
    Attribute("page_namespace_name", "Kind of page, by name", _BOTH),
    Attribute("page_revision_id", "Revision of the page", _BOTH),
    Attribute("page_wikidata_qid", "Topic of the page in Wikidata", _BOTH),
    Attribute("page_content_language", "Language of the page", _BOTH),
    Attribute("page_is_redirect", "Is the page a redirect?", _WEB),
    Attribute("page_user_groups_allowed_to_move", "Who may move the page", _WEB),
    Attribute("page_user_groups_allowed_to_edit", "Who may edit the page", _WEB),
    Attribute("mediawiki_skin", "Skin", _WEB),
    Attribute("mediawiki_version", "Version of the wiki's software", _WEB),
    Attribute("mediawiki_database", "Site", _BOTH),
    Attribute("mediawiki_site_content_language", "Language of the site", _WEB),
    Attribute("mediawiki_site_content_language_variant", "Variant of the site's language", _WEB),
    Attribute("performer_is_logged_in", "Is the reader logged in?", _BOTH),
    Attribute("performer_id", "Number of the account", _BOTH),
    Attribute("performer_name", "Name of the account", _BOTH),
    Attribute("performer_session_id", "Session", _BOTH),
    Attribute("performer_pageview_id", "Page view", _BOTH),
    Attribute("performer_groups", "Rights of the account", _BOTH),
    Attribute("performer_is_bot", "Is it a bot?", _BOTH),
    Attribute("performer_is_temp", "Is it a temporary account?", _BOTH),
    Attribute("performer_language", "Language of the reader's pages", _WEB),
    Attribute("performer_language_variant", "Variant of the reader's language", _WEB),
    Attribute("performer_can_probably_edit_page", "May the reader edit the page?", _WEB),
    Attribute("performer_edit_count", "Number of edits", _WEB),
    Attribute("performer_edit_count_bucket", "Number of edits, in steps", _WEB),
    Attribute("performer_registration_dt", "When the account was made", _BOTH),
)

BY_NAME = {attribute.name: attribute for attribute in ATTRIBUTES}


def without_field(names: tuple[str, ...], schema_title: str) -> tuple[str, ...]:
    """The names that events of a base schema have no field for; none for other schemas."""
    if schema_title not in _BOTH:
        return ()
    return tuple(n for n in names if n not in BY_NAME or schema_title not in BY_NAME[n].titles)
