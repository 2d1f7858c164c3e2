"""The contextual attributes that people can ask for, and the schema fields they fill.

The names are the published list of the web clients (34 in all); offered are those that a base
schema 1.3.0 has a field for. Left out: `agent_ua_string`, `mediawiki_is_production`,
`mediawiki_is_debug_mode` and the deprecated `page_wikidata_id`.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext, gettext_noop

WEB_TITLE = "analytics/product_metrics/web/base"
APP_TITLE = "analytics/product_metrics/app/base"
_BOTH = frozenset({WEB_TITLE, APP_TITLE})
_WEB = frozenset({WEB_TITLE})


@dataclass(frozen=True)
class Attribute:
    """One contextual attribute: its name in configurations, and what it is in plain words.

    `label` is marked for translation; `words` are the label in the reader's language.
    """

    name: str
    label: str
    titles: frozenset[str]

    @property
    def words(self) -> str:
        """What it is, in the reader's language."""
        return gettext(self.label)

    @property
    def path(self) -> tuple[str, str]:
        """The field of the event that it fills: `page_id` → (`page`, `id`)."""
        outer, _, inner = self.name.partition("_")
        return outer, inner


ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute("agent_client_platform", gettext_noop("Which client sent it"), _BOTH),
    Attribute("agent_client_platform_family", gettext_noop("Phone or desktop pages"), _BOTH),
    Attribute("page_id", gettext_noop("Page number"), _BOTH),
    Attribute("page_title", gettext_noop("Page title"), _BOTH),
    Attribute("page_namespace_id", gettext_noop("Kind of page, as a number"), _BOTH),
    Attribute("page_namespace_name", gettext_noop("Kind of page, by name"), _BOTH),
    Attribute("page_revision_id", gettext_noop("Revision of the page"), _BOTH),
    Attribute("page_wikidata_qid", gettext_noop("Topic of the page in Wikidata"), _BOTH),
    Attribute("page_content_language", gettext_noop("Language of the page"), _BOTH),
    Attribute("page_is_redirect", gettext_noop("Is the page a redirect?"), _WEB),
    Attribute("page_user_groups_allowed_to_move", gettext_noop("Who may move the page"), _WEB),
    Attribute("page_user_groups_allowed_to_edit", gettext_noop("Who may edit the page"), _WEB),
    Attribute("mediawiki_skin", gettext_noop("Skin"), _WEB),
    Attribute("mediawiki_version", gettext_noop("Version of the wiki's software"), _WEB),
    Attribute("mediawiki_database", gettext_noop("Site"), _BOTH),
    Attribute("mediawiki_site_content_language", gettext_noop("Language of the site"), _WEB),
    Attribute(
        "mediawiki_site_content_language_variant",
        gettext_noop("Variant of the site's language"),
        _WEB,
    ),
    Attribute("performer_is_logged_in", gettext_noop("Is the reader logged in?"), _BOTH),
    Attribute("performer_id", gettext_noop("Number of the account"), _BOTH),
    Attribute("performer_name", gettext_noop("Name of the account"), _BOTH),
    Attribute("performer_session_id", gettext_noop("Session"), _BOTH),
    Attribute("performer_pageview_id", gettext_noop("Page view"), _BOTH),
    Attribute("performer_groups", gettext_noop("Rights of the account"), _BOTH),
    Attribute("performer_is_bot", gettext_noop("Is it a bot?"), _BOTH),
    Attribute("performer_is_temp", gettext_noop("Is it a temporary account?"), _BOTH),
    Attribute("performer_language", gettext_noop("Language of the reader's pages"), _WEB),
    Attribute("performer_language_variant", gettext_noop("Variant of the reader's language"), _WEB),
    Attribute(
        "performer_can_probably_edit_page", gettext_noop("May the reader edit the page?"), _WEB
    ),
    Attribute("performer_edit_count", gettext_noop("Number of edits"), _WEB),
    Attribute("performer_edit_count_bucket", gettext_noop("Number of edits, in steps"), _WEB),
    Attribute("performer_registration_dt", gettext_noop("When the account was made"), _BOTH),
)

BY_NAME = {attribute.name: attribute for attribute in ATTRIBUTES}


def choices() -> list[tuple[str, str]]:
    """Each attribute's name with its words, for a field that offers them."""
    return [(attribute.name, attribute.words) for attribute in ATTRIBUTES]


def without_field(names: tuple[str, ...], schema_title: str) -> tuple[str, ...]:
    """The names that events of a base schema have no field for; none for other schemas."""
    if schema_title not in _BOTH:
        return ()
    return tuple(n for n in names if n not in BY_NAME or schema_title not in BY_NAME[n].titles)
