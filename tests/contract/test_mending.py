"""Changes to a refused event, and masks lifted from it."""

from __future__ import annotations

from typing import Any

import pytest

from allotment.contract.addresses import ADDRESS
from allotment.contract.masking import Masker
from allotment.contract.mending import (
    Change,
    MendingError,
    changed,
    parse_change,
    parse_path,
    unmasked,
)

MASK = Masker(b"k").mask("s3cret")


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ('meta.stream="a"', ("meta", "stream"), "a"),
        ("/a.b/c~1d=1", ("a.b", "c/d"), 1),
        ('x={"a":"b=c"}', ("x",), {"a": "b=c"}),
        ("x=null", ("x",), None),
    ],
)
def test_parse_change__path_and_json__is_read(
    text: str,
    path: tuple[str, ...],
    value: Any,  # noqa: ANN401 -- any JSON value
) -> None:
    assert parse_change(text) == Change(path, value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", "sets nothing"),
        ("x=click", """a text needs its quotes: '"click"'"""),
        ("=1", "is no path"),
        ("a..b=1", "is no path"),
    ],
)
def test_parse_change__cannot_be_read__says_how(text: str, words: str) -> None:
    with pytest.raises(MendingError, match=words):
        parse_change(text)


def test_changed__set_and_removed__in_a_copy() -> None:
    event = {"a": {"b": 1}, "list": [1, 2], "old": 1}
    changes = [
        parse_change("a.b=2"),
        parse_change("new.deep=true"),
        parse_change("list.0=9"),
        Change(parse_path("old")),
        Change(parse_path("list.1")),
    ]
    assert changed(event, changes) == {"a": {"b": 2}, "new": {"deep": True}, "list": [9]}
    assert event == {"a": {"b": 1}, "list": [1, 2], "old": 1}
    assert str(changes[0]) == "set a.b=2"
    assert str(changes[3]) == "remove old"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (parse_change("a.b=1"), "a is no object"),
        (Change(("x",)), "no such field"),
        (Change(("x", "y")), "x is no object"),
        (parse_change("list.7=1"), "no such place"),
    ],
)
def test_changed__no_such_place__says_which(change: Change, words: str) -> None:
    with pytest.raises(MendingError, match=words):
        changed({"a": 1, "list": [1]}, [change])


def test_unmasked__masks__give_way_wherever_they_stand_now() -> None:
    kept = {"subject_id": MASK, "x": f"id={MASK}", "n/m": [MASK], "ip": ADDRESS}
    hidden = {"/subject_id": "5", "/x": '"id=s3cret"'}
    event = {"experiment": {"subject_id": MASK}, "x": f"id={MASK}", "ip": ADDRESS, "l": [ADDRESS]}
    assert unmasked(event, kept, hidden) == {
        "experiment": {"subject_id": 5},
        "x": "id=s3cret",
        "l": [],
    }


def test_unmasked__what_it_hides_has_gone__names_the_place() -> None:
    kept = {"experiment": {"subject_ids": [MASK]}}
    with pytest.raises(MendingError, match=r"experiment\.subject_ids\[0\] holds a mask"):
        unmasked(kept, kept, {})
