"""What a change does to people, in sentences."""

from __future__ import annotations

import random
from typing import Any

import pytest

from allotment.allocation import draw, keyed_subject_id
from allotment.registry.effects import Seen, sentences
from allotment.registry.sites import SiteBook, SiteFacts

BOOK = SiteBook({name: SiteFacts(name=name, family="small") for name in ("itwiki", "ptwiki")})
SPAN = 1 << 24
NAME = "search-suggestions"


def plan(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any field
    return {
        "machine_name": "search-suggestions",
        "identifier_type": "edge-unique",
        "default_rate": "0",
        "sites": {"frwiki": "0.1"},
        "groups": [{"name": "control", "weight": 1}, {"name": "b", "weight": 1}],
        **changes,
    }


def enrolled(number: int, rate: float, weights: int = 2, seed: int = 7) -> list[int]:
    """Draws that the law enrolls at a rate."""
    dice = random.Random(seed)
    found: list[int] = []
    while len(found) < number:
        drawn = dice.randrange(SPAN)
        if (drawn * weights) & (SPAN - 1) < rate * SPAN:
            found.append(drawn)
    return found


def said(before: dict[str, Any], after: dict[str, Any], seen: Seen | None = None) -> list[str]:
    return sentences(before, after, book=BOOK, seen=seen, subjects="readers")


SEEN = Seen({"frwiki": enrolled(1900, 0.1), "dewiki": []}, plan(), plan())


def test_sentences__rate_raised__how_many_more_and_nobody_moves() -> None:
    assert said(plan(), plan(sites={"frwiki": "0.2"}), SEEN) == [
        "Traffic on frwiki 10% → 20%: about 1,900 more of yesterday's readers; nobody moves."
    ]


def test_sentences__raised_within_the_day__late_comers_do_not_count_twice() -> None:
    raised = plan(sites={"frwiki": "0.2"})
    seen = Seen({"frwiki": enrolled(2500, 0.2)}, plan(), raised)
    (found,) = said(plan(), raised, seen)
    halved = int(found.split("about ")[1].split(" more")[0].replace(",", ""))
    assert halved == pytest.approx(1250, rel=0.1)


def test_sentences__rate_lowered__how_many_leave() -> None:
    (found,) = said(plan(), plan(sites={"frwiki": "0.05"}), SEEN)
    assert found.startswith("Traffic on frwiki 10% → 5%: about 9")
    assert found.endswith("of yesterday's 1,900 readers leave; nobody moves to another group.")


def test_sentences__nobody_known__the_law_alone() -> None:
    assert said(plan(), plan(sites={"frwiki": "0.2"})) == [
        "Traffic on frwiki 10% → 20%: nobody moves: raising a rate never does."
    ]
    (found,) = said(plan(), plan(sites={"frwiki": "0.05"}))
    assert "about 50% of the readers in it leave; nobody moves to another group." in found


def test_sentences__ids_that_the_law_did_not_draw__not_counted() -> None:
    strange = Seen({"frwiki": list(range(0, SPAN, 10_000))}, plan(), plan())
    found, why = said(plan(), plan(sites={"frwiki": "0.2"}), strange)
    assert found.endswith("raising a rate never does.")
    assert why.startswith("Yesterday's readers cannot be counted: their ids do not say")
    assert said(plan(), plan(hypothesis="Other"), strange) == []


def test_sentences__everybody_takes_part_and_ids_are_keyed__the_groups_tell() -> None:
    everywhere = plan(sites={"frwiki": "1"})
    halves = {
        group: [
            int(keyed_subject_id(b"a secret of some length", f"{number}", NAME)[:6], 16)
            for number in range(500)
            if (draw(f"{number}", NAME, 2).slot == 1) == (group == "b")
        ]
        for group in ("control", "b")
    }
    drawn = {"frwiki": [*halves["control"], *halves["b"]]}
    keyed = Seen(drawn, everywhere, everywhere, halves)
    found, why = said(everywhere, plan(sites={"frwiki": "0.5"}), keyed)
    assert found == (
        "Traffic on frwiki 100% → 50%: about 50% of the readers in it leave;"
        " nobody moves to another group."
    )
    assert "as where a site hides ids under a key" in why
    plain = {
        group: [one for one in range(0, SPAN, 10_000) if (one >= SPAN // 2) == (group == "b")]
        for group in ("control", "b")
    }
    there = {"frwiki": [*plain["control"], *plain["b"]]}
    (counted,) = said(
        everywhere, plan(sites={"frwiki": "0.5"}), Seen(there, everywhere, everywhere, plain)
    )
    assert "of yesterday's 1,678 readers leave" in counted


def test_sentences__weights_changed__who_would_move_and_leave() -> None:
    three = [{"name": "control", "weight": 2}, {"name": "b", "weight": 1}]
    before, everybody = plan(sites={"frwiki": "1"}), enrolled(3000, 1)
    seen = Seen({"frwiki": everybody}, before, before)
    (found,) = said(before, plan(sites={"frwiki": "1"}, groups=three), seen)
    moved = sum(SPAN // 2 <= one < SPAN * 2 // 3 for one in everybody)
    assert f"of yesterday's 3,000 readers, {moved:,} would move" in found
    assert "and 0 would leave" in found
    (by_law,) = said(plan(), plan(groups=three))
    assert "about 17% of the readers in it would move" in by_law


@pytest.mark.parametrize("field", ["machine_name", "identifier_type"])
def test_sentences__what_is_hashed_changes__everybody_is_drawn_anew(field: str) -> None:
    (found,) = said(plan(), plan(**{field: "mw-user"}))
    assert found.startswith("Everybody is drawn anew")


def test_sentences__family_and_default__each_site_told() -> None:
    found = said(plan(), plan(sites={"frwiki": "0.1", "family:small": "1"}, default_rate="0.5"))
    assert [sentence.split(":")[0] for sentence in found] == [
        "Traffic on itwiki 0% → 100%",
        "Traffic on ptwiki 0% → 100%",
        "Traffic on all other sites 0% → 50%",
    ]


def test_sentences__nothing_about_people__none() -> None:
    assert said(plan(), plan(hypothesis="Other"), SEEN) == []
