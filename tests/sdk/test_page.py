import itertools
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sdk.stand_ins import WEB_BASE

from allotment.sdk import Client
from allotment.sdk.page import HeadInjector, head_html, page_variables, script_json

PAGE = b"<!doctype html><html><head><title>x</title></HEAD><body></head></body></html>"
INJECTED = b"<!doctype html><html><head><title>x</title>+</HEAD><body></head></body></html>"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_injector__pieces_of_any_size__puts_it_before_the_first_end(size: int) -> None:
    injector = HeadInjector(b"+")
    pieces = [injector.feed(PAGE[at : at + size]) for at in range(0, len(PAGE), size)]
    assert b"".join([*pieces, injector.finish()]) == INJECTED


@given(text=st.text(alphabet="</head>H x", max_size=60), cuts=st.lists(st.integers(0, 60)))
def test_injector__any_page_in_any_pieces__equals_the_whole(text: str, cuts: list[int]) -> None:
    data = text.encode()
    at = data.lower().find(b"</head>")
    expected = data if at < 0 else data[:at] + b"+" + data[at:]
    edges = [0, *sorted(cuts), len(data)]
    injector = HeadInjector(b"+")
    pieces = [injector.feed(data[a:b]) for a, b in itertools.pairwise(edges)]
    assert b"".join([*pieces, injector.finish()]) == expected


@given(st.recursive(st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_script_json__anything__reads_back_and_stays_inside(value: object) -> None:
    text = script_json(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028\u2029") & set(text)


def test_injector__no_end_of_tag_in_sight__holds_nothing_back() -> None:
    injector = HeadInjector(b"+")
    assert injector.feed(b"<p>one</p>") == b"<p>one</p>"
    assert injector.feed(b"two</he") == b"two"
    assert injector.feed(b"y") == b"</hey"
    assert injector.feed(b"<") == b""
    assert injector.finish() == b"<"


def test_script_json__hostile_texts__cannot_leave_the_script() -> None:
    hostile = {"a": "</script><script>alert(1)</script>", "b": "<!--", "c": "\u2028\u2029&"}
    text = script_json(hostile)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == hostile


def test_head_html__hostile_override__cannot_leave_the_script(client: Client) -> None:
    hostile = "</script><script>alert(1)</script>"
    visitor = client.visitor(overrides={hostile: hostile}, context={"page": {"title": hostile}})
    head = head_html(visitor, "http://x/?a='\"<", "demowiki", nonce='"><script>')
    assert len(re.findall("<script", head)) == 2
    assert len(re.findall("</script", head)) == 2
    assert '"><script>' not in head


def test_page_variables__visitor__hold_what_the_browser_needs(client: Client) -> None:
    visitor = client.visitor(browser_id="b" * 32, user_id="4", session_id="0" * 20)
    found = page_variables(visitor, "http://intake/v1/events", "demowiki")
    assert found["allotmentUserExperiments"] == visitor.membership.to_page()
    config = found["allotmentConfig"]
    assert config["intakeUrl"] == "http://intake/v1/events"
    assert config["site"] == "demowiki"
    assert config["streams"]["demo-article-clicks"]["sample"] == {"unit": "session", "rate": 1}
    assert "destination_event_service" not in config["streams"][WEB_BASE]
    assert config["experiments"]["related-articles-card"]["stream_name"] == WEB_BASE
    assert config["context"] == {
        "performer": {"is_logged_in": True},
        "mediawiki": {"database": "demowiki"},
    }


def test_page_variables__anonymous_ids__stay_on_the_server(client: Client) -> None:
    visitor = client.visitor(browser_id="b" * 32, session_id="5" * 20)
    text = head_html(visitor, "http://intake", "demowiki")
    assert "b" * 32 not in text
    assert "5" * 20 not in text
