"""Contextual attributes, and which client libraries fill which.

The names are those of the published clients: `a_b_c` is the field `b_c` of the event's object `a`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from allotment.contract.texts import NOTHING, Text, said

WEB_TITLE: Final = "analytics/product_metrics/web/base"
APP_TITLE: Final = "analytics/product_metrics/app/base"
DEFAULT_SCHEMAS: Final[Mapping[str, str]] = {
    WEB_TITLE: f"/{WEB_TITLE}/1.3.0",
    APP_TITLE: f"/{APP_TITLE}/1.3.0",
}
"""The version of a title that our clients name where the configuration names none."""

_LONGEST_TITLE = 255


@dataclass(frozen=True, slots=True)
class Attribute:
    """What a contextual attribute holds: a JSON type, its longest text, and for whom it is there.

    `longest` is in characters, None where there is no text or no bound is known. `only_for` says
    in words for whom alone clients have a value.
    """

    name: str
    kind: str
    longest: int | None = None
    only_for: Text = NOTHING

    @property
    def path(self) -> tuple[str, str]:
        """The field that it fills: `page_id` → (`page`, `id`)."""
        outer, _, inner = self.name.partition("_")
        return outer, inner


_ACCOUNTS = said("people who are logged in")
_APP = "app"
_WEB_LIST = (
    Attribute("agent_client_platform", "string", 13),
    Attribute("agent_client_platform_family", "string", 15),
    Attribute("agent_ua_string", "string", 255),
    Attribute("page_id", "integer"),
    Attribute("page_title", "string", _LONGEST_TITLE),
    Attribute("page_namespace_id", "integer"),
    Attribute("page_namespace_name", "string"),
    Attribute("page_revision_id", "integer"),
    Attribute("page_wikidata_id", "string"),
    Attribute("page_wikidata_qid", "string"),
    Attribute("page_content_language", "string"),
    Attribute("page_is_redirect", "boolean"),
    Attribute("page_user_groups_allowed_to_move", "array"),
    Attribute("page_user_groups_allowed_to_edit", "array"),
    Attribute("mediawiki_skin", "string"),
    Attribute("mediawiki_version", "string"),
    Attribute("mediawiki_is_production", "boolean"),
    Attribute("mediawiki_is_debug_mode", "boolean"),
    Attribute("mediawiki_database", "string", 63),
    Attribute("mediawiki_site_content_language", "string"),
    Attribute("mediawiki_site_content_language_variant", "string"),
    Attribute("performer_is_logged_in", "boolean"),
    Attribute("performer_id", "integer", only_for=_ACCOUNTS),
    Attribute("performer_name", "string", 255, only_for=_ACCOUNTS),
    Attribute("performer_session_id", "string", 20),
    Attribute("performer_pageview_id", "string", 20),
    Attribute("performer_groups", "array"),
    Attribute("performer_is_bot", "boolean"),
    Attribute("performer_is_temp", "boolean"),
    Attribute("performer_language", "string"),
    Attribute("performer_language_variant", "string"),
    Attribute("performer_can_probably_edit_page", "boolean"),
    Attribute("performer_edit_count", "integer", only_for=_ACCOUNTS),
    Attribute("performer_edit_count_bucket", "string", 13, only_for=_ACCOUNTS),
    Attribute("performer_registration_dt", "string", 32, only_for=_ACCOUNTS),
)
_APP_LIST = (
    Attribute("agent_app_install_id", "string", 36),
    Attribute("agent_app_flavor", "string"),
    Attribute("agent_app_theme", "string"),
    Attribute("agent_app_version", "integer"),
    Attribute("agent_app_version_name", "string"),
    Attribute("agent_device_family", "string"),
    Attribute("agent_device_language", "string"),
    Attribute("agent_release_status", "string"),
    Attribute("performer_language_groups", "string", 255),
    Attribute("performer_language_primary", "string"),
)
ATTRIBUTES: Final[Mapping[str, Attribute]] = {a.name: a for a in (*_WEB_LIST, *_APP_LIST)}

RENAMED: Final[Mapping[str, str]] = {
    "page_namespace": "page_namespace_id",
    "page_groups_allowed_to_move": "page_user_groups_allowed_to_move",
    "page_groups_allowed_to_edit": "page_user_groups_allowed_to_edit",
    "page_wikidata_id": "page_wikidata_qid",
}
"""Former and mistaken names, and what is filled today."""


@dataclass(frozen=True, slots=True)
class Platform:
    """One client library.

    `own` are the attributes that it fills by itself, `from_site` those that it passes on where the
    site knows them. `membership` is the record that its events carry (`experiments` or
    `experiment`). It sends events of the titles that contain none of `not_for`, and, where
    `only_for` is set, of those that contain it.
    """

    name: Text
    own: frozenset[str]
    from_site: frozenset[str] = frozenset()
    membership: str = "experiments"
    only_for: str = ""
    not_for: str = field(default="/app/")

    def fills(self, attribute: str) -> bool:
        """Whether its events can have a value for the attribute."""
        return attribute in self.own or attribute in self.from_site

    def serves(self, schema_title: str) -> bool:
        """Whether it sends events of a title."""
        title = f"/{schema_title}/"
        return self.only_for in title and not (self.not_for and self.not_for in title)


_WEB_NAMES = frozenset(a.name for a in _WEB_LIST)
_PHP_LACKS = {"page_user_groups_allowed_to_move", "page_user_groups_allowed_to_edit"}
_NOT_IN_APPS = {
    *_PHP_LACKS,
    *("agent_ua_string", "mediawiki_skin", "mediawiki_version", "mediawiki_is_debug_mode"),
    *("mediawiki_site_content_language", "mediawiki_site_content_language_variant"),
    *("page_is_redirect", "page_wikidata_id", "performer_language", "performer_language_variant"),
    *("performer_can_probably_edit_page", "performer_edit_count", "performer_edit_count_bucket"),
}
JAVASCRIPT: Final = Platform(
    said("Allotment's browser client"),
    own=frozenset(
        {
            *("agent_client_platform", "agent_client_platform_family", "agent_ua_string"),
            *("mediawiki_database", "performer_pageview_id", "performer_session_id"),
        }
    ),
    from_site=_WEB_NAMES,
)
PYTHON: Final = Platform(
    said("Allotment's Python client"),
    own=frozenset({"mediawiki_database", "performer_is_logged_in", "performer_pageview_id"}),
    from_site=_WEB_NAMES,
)
MEDIAWIKI_JS: Final = Platform(said("MediaWiki's browser client"), own=_WEB_NAMES)
MEDIAWIKI_PHP: Final = Platform(said("MediaWiki's PHP client"), own=_WEB_NAMES - _PHP_LACKS)
APPS: Final = Platform(
    said("the app clients"),
    own=(_WEB_NAMES - _NOT_IN_APPS) | {a.name for a in _APP_LIST},
    only_for="/app/",
    not_for="",
)
PLATFORMS: Final = (JAVASCRIPT, PYTHON, MEDIAWIKI_JS, MEDIAWIKI_PHP, APPS)
"""The clients that a lab can have; pass fewer where some are not in use."""
