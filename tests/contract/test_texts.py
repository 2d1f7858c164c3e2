"""What is said to people: English as it is, and told again in another language."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime

import pytest

from allotment.contract.check.findings import listed
from allotment.contract.texts import (
    NOTHING,
    Text,
    again,
    counted,
    enumerated,
    moment,
    number,
    percent,
    said,
    sentences,
)

WHEN = datetime(2026, 11, 22, 9, tzinfo=UTC)


class Shouted:
    """A language whose words are loud, and whose counts are all many but none."""

    def words(self, english: str) -> str:
        return english.replace("has", "HAS").replace("more", "MORE").replace(" and ", " AND ")

    def count(self, one: str, many: str, number: int) -> str:
        return (many if number == 0 else one).upper().replace("%(COUNT)S", "%(count)s")

    def number(self, many: int) -> str:
        return f"<{many}>"

    def share(self, rate: float) -> str:
        return f"{rate}/1"

    def moment(self, when: datetime) -> str:
        return f"{when:%H:%M}"


TEXTS = (
    (said("100% of it"), "100% of it", "100% of it"),
    (said("%(name)s has 5%%.", name="has"), "has has 5%.", "has HAS 5%."),
    (counted("%(count)s has", "%(count)s have", 1), "1 has", "1 HAS"),
    (counted("%(count)s has", "%(count)s have", 0), "0 have", "0 HAVE"),
    (number(1_048_576), "1,048,576", "<1048576>"),
    (percent(0.125), "12.5%", "0.125/1"),
    (moment(WHEN), "22 Nov 2026, 09:00 UTC", "09:00"),
    (enumerated(["a", "has"]), "a, has", "a, has"),
    (
        sentences(NOTHING, said("It has %(rate)s.", rate=percent(0.5)), said("It has.")),
        "It has 50%. It has.",
        "It HAS 0.5/1. It HAS.",
    ),
    (listed(["a", said("has it"), "has"]), "a, has it and has", "a, HAS it AND has"),
    (listed([said("has")], "or"), "has", "HAS"),
    (listed(list("abcdefghij"), "nor"), "a, b, c, d, e, f, g, h nor 2 more", None),
    (listed([]), "", ""),
)


@pytest.mark.parametrize(("text", "english", "shouted"), TEXTS, ids=lambda value: repr(value)[:40])
def test_text__each_way_of_making__said_in_either_language(
    text: Text, english: str, shouted: str | None
) -> None:
    assert text == english
    told = text.in_language(Shouted())
    assert told == shouted or (shouted is None and told.endswith("2 MORE"))


@pytest.mark.parametrize("text", [text for text, *_ in TEXTS], ids=repr)
def test_text__kept_as_json_or_copied__the_same_in_either_language(text: Text) -> None:
    kept = json.loads(json.dumps(text.kept()))
    for other in (again(kept), copy.deepcopy(text), pickle.loads(pickle.dumps(text))):
        assert isinstance(other, Text)
        assert other == text
        assert other.in_language(Shouted()) == text.in_language(Shouted())


def test_again__plain_string__english_for_good() -> None:
    assert again("100% has %(it)s").in_language(Shouted()) == "100% HAS %(it)s"


@pytest.mark.parametrize(
    "kept", [{"words": "%(name)s", "values": {"other": "a"}}, {"values": {}}, {"words": "a"}]
)
def test_again__damaged__refused(kept: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        again(kept)


def test_said__without_values__made_once() -> None:
    assert said("It has.") is said("It has.")
