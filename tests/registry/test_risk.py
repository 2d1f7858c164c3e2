"""The risk that what is sent makes: the published combinations, and what they did not see."""

from __future__ import annotations

import pytest

from allotment.registry import risk


@pytest.mark.parametrize(
    ("attributes", "tier"),
    [
        ((), "low"),
        (("agent_ua_string",), "low"),
        (("page_id", "page_title", "mediawiki_skin"), "low"),
        (("performer_id", "performer_name"), "low"),
        (("agent_ua_string", "performer_id"), "medium"),
        (("agent_ua_string", "performer_name"), "medium"),
        (("agent_ua_string", "agent_app_install_id"), "medium"),
        (("page_id", "performer_name"), "medium"),
        (("page_title", "performer_id"), "medium"),
        (("page_id", "agent_app_install_id"), "medium"),
        (("agent_ua_string", "performer_id", "page_title"), "high"),
        (("agent_ua_string", "page_title"), "low"),
    ],
)
def test_assess__attributes__the_published_combinations(
    attributes: tuple[str, ...], tier: str
) -> None:
    assert risk.assess(attributes).tier == tier


def test_assess__stream_that_keeps_user_agents__counts_as_asking_for_them() -> None:
    found = risk.assess(("performer_id", "page_id"), keeps_user_agent=True)
    assert found.tier == "high"
    assert "the stream's user agent" in found.sentence


@pytest.mark.parametrize(
    ("fields", "tier"),
    [
        (("user_id", "page_title"), "medium"),
        (("actor.name", "page.id", "browser.user_agent"), "medium"),
        (("actor.name", "target_page_id", "browser.user_agent"), "high"),
        (("actor.name", "source.page_id", "browser.user_agent"), "high"),
        (("app_install_id", "page_title"), "medium"),
        # Filled by the intake or by an attribute that is asked for, so of themselves they tell
        # nothing.
        (("http.request_headers.user-agent", "performer.id", "page.title"), "low"),
        (("username_count", "pages_identified"), "low"),
    ],
)
def test_assess__fields_of_a_custom_schema__are_looked_at(
    fields: tuple[str, ...], tier: str
) -> None:
    assert risk.assess((), fields=fields).tier == tier


def test_is_lower__tiers__in_their_order() -> None:
    assert risk.is_lower("low", "medium")
    assert not risk.is_lower("high", "medium")
    assert not risk.is_lower("medium", "medium")
    assert not risk.is_lower("pending", "high")
