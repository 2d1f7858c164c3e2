"""What the check says is said in the reader's language: every sentence of every rule."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from django.utils import timezone, translation
from tests.contract.check.cases import CASES, Case
from tests.contract.check.scenes import found
from tests.registry.catalogs import CATALOGS, messages, said

from allotment.contract import texts
from allotment.contract.check import Finding
from allotment.contract.texts import Text
from allotment.registry.translated import told

WHEN = datetime(2026, 11, 22, 9, tzinfo=UTC)
CHECK = "contract/"


class Listening:
    """A language that says English, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def words(self, english: str) -> str:
        self.asked.add(english)
        return english

    def count(self, one: str, many: str, number: int) -> str:
        self.asked.add(one)
        return one if number == 1 else many

    def number(self, many: int) -> str:
        return str(many)

    def share(self, rate: float) -> str:
        return str(rate)

    def moment(self, when: datetime) -> str:
        return str(when)


def parts(finding: Finding) -> tuple[Text, ...]:
    return finding.headline, finding.what, finding.consequence, finding.remedy


def test_catalog__words_of_the_check__are_in_it() -> None:
    marked = [key for key, places in said().items() if any(p.startswith(CHECK) for p in places)]
    assert len(marked) > 400
    for path in CATALOGS:
        entries = messages.read(path).entries
        assert [key.text for key in marked if not entries[key].done] == []


@pytest.mark.parametrize("case", CASES, ids=[case.label for case in CASES])
def test_told__each_rule__german_and_made_of_words_that_are_marked(case: Case) -> None:
    marked = {key.text for key in said()}
    for finding in found(case.changes, rule=case.rule, **case.more):
        again = Finding.from_json(json.loads(json.dumps(finding.to_kept())))
        for text, kept in zip(parts(finding), parts(again), strict=True):
            listening = Listening()
            text.in_language(listening)
            assert listening.asked <= marked
            with translation.override("de"):
                german = told(text)
                assert told(kept) == german
            assert german != text
            assert "%(" not in german
            with translation.override("en"):
                assert told(text) == text


def test_told__values__as_the_language_writes_them() -> None:
    with translation.override("de"), timezone.override("Europe/Berlin"):
        assert told(texts.percent(0.125)) == "12,5%"
        assert told(texts.number(1_048_576)) == "1.048.576"
        assert told(texts.moment(WHEN)) == "22. Nov 2026, 10:00 CET (09:00 UTC)"
        for count, words in ((1, "höchstens 1 Tag."), (2, "höchstens 2 Tage.")):
            text = texts.counted(
                "Plan at most %(count)s day.", "Plan at most %(count)s days.", count
            )
            assert words in told(text)
    with translation.override("en"), timezone.override("Europe/Berlin"):
        assert told(texts.moment(WHEN)) == "22 Nov 2026, 09:00 UTC"


def test_told__no_language_chosen__english() -> None:
    with translation.override(None):
        assert told(texts.said("It would never run.")) == "It would never run."
