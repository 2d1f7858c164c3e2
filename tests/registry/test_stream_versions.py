"""The versions of a stream: what each changed, and the way back through the rules of its form."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from tests.registry.page_reading import Page

from allotment.registry import lifecycle, stream_versions
from allotment.registry.document_diff import differences
from allotment.registry.models import Stream
from allotment.registry.rules import RuleRefusedError

WEB = "product_metrics.web_base"
PAGE = f"/streams/{WEB}/history"
CLIENT = {"producers": {"eventgate": {"use_edge_uniques": True}}}
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("streams")]


def change(**fields: object) -> Stream:
    stream = Stream.objects.get(name=WEB)
    for name, value in fields.items():
        setattr(stream, name, value)
    return lifecycle.save_stream(stream, expected=stream.revision, reason="So it shall be")


def test_differences__nested_objects_and_lists__one_line_each() -> None:
    before = {"name": "a", "list": ["x", "y"], "settings": {"p": {"q": 1, "r": 2}}, "cap": None}
    after = {"name": "b", "list": ["y", "z"], "settings": {"p": {"q": 1}, "s": True}, "cap": 0.1}
    lines = [(c.sign, c.label, c.was, c.now) for c in differences(before, after, {"name": "Name"})]
    assert lines == [
        ("~", "Name", "a", "b"),
        ("\u2212", "list", "x", ""),
        ("+", "list", "", "z"),
        ("\u2212", "settings.p.r", "2", ""),
        ("+", "settings.s", "", "true"),
        ("~", "cap", "", "0.1"),
    ]
    order = list(differences({"list": ["x", "y"]}, {"list": ["y", "x"]}))
    assert [(c.sign, c.was, c.now) for c in order] == [("~", '["x", "y"]', '["y", "x"]')]


def test_history__page__who_when_what_why_and_any_two_compared(visitor: Client) -> None:
    change(description="Other", attributes=["page_id"])
    change(settings=CLIENT)
    text = visitor.get(PAGE).content.decode()
    assert Page(text).faults() == []
    assert "“So it shall be”" in text
    assert "Settings.producers" in text
    assert text.index("Version 3") < text.index("Version 2") < text.index("Version 1")
    between = visitor.get(f"{PAGE}?from=3&to=1").content.decode()
    assert "From version 1 to version 3" in between
    assert "page_id" in between.split('id="compare"', maxsplit=1)[0]
    assert f'href="{PAGE}"' in visitor.get(f"/streams/{WEB}").content.decode()


def test_revert__earlier_version__new_version_with_its_settings(visitor: Client) -> None:
    change(description="Worse", attributes=["page_id"])
    done = visitor.post(f"/streams/{WEB}/revert", {"number": "1", "revision": "2"}, follow=True)
    assert "this is version 3" in done.content.decode()
    stream = Stream.objects.get(name=WEB)
    assert stream.attributes == ["mediawiki_database", "performer_is_logged_in"]
    newest = stream_versions.all_of(stream)[-1]
    assert (newest.number, newest.who, newest.reason) == (3, "ada", "Back to version 1")
    # Once more changes nothing.
    visitor.post(f"/streams/{WEB}/revert", {"number": "1", "revision": "3"})
    assert Stream.objects.get(name=WEB).revision == 3


def test_revert__loses_a_block__asked_whether_it_is_meant(visitor: Client) -> None:
    change(settings=CLIENT)
    asked = visitor.post(f"/streams/{WEB}/revert", {"number": "1", "revision": "2"})
    text = asked.content.decode()
    assert asked.status_code == 422
    assert "block-not-lost" in text
    assert "It is meant: back to version 1" in text
    assert Stream.objects.get(name=WEB).settings == CLIENT
    fields = {"number": "1", "revision": "2", "meant": "yes"}
    assert visitor.post(f"/streams/{WEB}/revert", fields).status_code == 302
    assert Stream.objects.get(name=WEB).settings == {}


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"number": "9", "revision": "2"}, "version-is-kept"),
        ({"number": "x", "revision": "2"}, "version-is-kept"),
        ({"number": "1", "revision": "1"}, "nobody-wrote-meanwhile"),
    ],
)
def test_revert__cannot_be_done__refused_and_nothing_changed(
    visitor: Client, fields: dict[str, str], rule: str
) -> None:
    change(description="Newer")
    refused = visitor.post(f"/streams/{WEB}/revert", fields)
    assert refused.status_code == 422
    assert rule in refused.content.decode()
    assert Stream.objects.get(name=WEB).description == "Newer"


def test_store__title_that_breaks_its_users__refused_by_the_rule_of_the_form() -> None:
    document = stream_versions.document_of(Stream.objects.get(name=WEB))
    with pytest.raises(RuleRefusedError) as caught:
        stream_versions.store(
            document | {"schema_title": "/analytics/wrong"}, Stream.objects.get(name=WEB)
        )
    assert {refusal.field for refusal in caught.value.refusals} == {"schema_title"}


def test_public_api__stream_with_a_review__link_is_not_shown(client: Client) -> None:
    link = "https://phabricator.example.org/T1-the-review"
    change(settings={"review_link": link, "risk_level": "low"})
    served = client.get("/w/api.php?action=streamconfigs&format=json").content.decode()
    assert link not in served
    stream = json.loads(served)["streams"][WEB]
    assert stream["review_link"] == "in the registry"
