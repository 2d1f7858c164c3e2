"""Conditions on attributes: what holds, what does not, and what cannot be read."""

import pytest

from allotment.allocation import meets, read_targeting
from allotment.allocation.targeting import TargetingError


@pytest.mark.parametrize(
    ("operator", "operand", "holds", "fails"),
    [
        ("equals", "a", ["a"], ["A", "a ", 1, True, ["a"]]),
        ("equals", 1, [1, 1.0], ["1", True, 2, [1]]),
        ("equals", True, [True], [1, "true", False]),
        ("equals", 9007199254740993, [9007199254740992, 9007199254740993], [9007199254740994]),
        ("not_equals", "a", ["b", 1, True, []], ["a"]),
        ("not_equals", 1, ["1", True, 2], [1, 1.0]),
        ("greater_than", 5, [5.5, 6, 10**400], [5, "6", True, None, float("nan"), -(10**400)]),
        ("less_than", 5, [4, -1, 0.5], [5, "4", False]),
        ("greater_than_or_equals", 5, [5, 5.0, 6], [4.999, "5"]),
        ("less_than_or_equals", 5, [5, 4], [5.001, "5"]),
        ("in", ["a", 1], ["a", 1, 1.0], ["b", "1", True, ["a"]]),
        ("in", [], [], ["a", 1]),
        ("not_in", ["a", 1], ["b", "1", True], ["a", 1.0]),
        ("contains", "a", [["b", "a"]], [["A"], [], "a", "abc", ["1"]]),
        ("does_not_contain", "a", [["b"], []], [["a"], "b"]),
        ("contains_all", ["a", "b"], [["b", "c", "a"]], [["a"], "ab", []]),
        ("contains_all", [], [[], ["a"]], ["a", 1]),
        ("contains_any", ["a", "b"], [["b"], ["x", "a"]], [["c"], [], "a"]),
    ],
)
def test_meets__one_condition__holds_without_converting_anything(
    operator: str, operand: object, holds: list[object], fails: list[object]
) -> None:
    conditions = read_targeting({"page_x": {operator: operand}})
    assert [value for value in holds if not meets(conditions, {"page_x": value})] == []
    assert [value for value in [*fails, None] if meets(conditions, {"page_x": value})] == []
    assert not meets(conditions, {"page_y": holds})


def test_meets__several_conditions__all_must_hold() -> None:
    conditions = read_targeting(
        {"page_id": {"greater_than": 1, "less_than": 5}, "mediawiki_skin": {"in": ["minerva"]}}
    )
    assert meets(conditions, {"page_id": 3, "mediawiki_skin": "minerva"})
    assert not meets(conditions, {"page_id": 5, "mediawiki_skin": "minerva"})
    assert not meets(conditions, {"page_id": 3, "mediawiki_skin": "vector"})
    assert not meets(conditions, {"page_id": 3})


@pytest.mark.parametrize("none", [None, {}])
def test_meets__no_conditions__everybody(none: object) -> None:
    assert meets(read_targeting(none), {})


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([], "must be a JSON object"),
        ({"page_id": 7}, "'targeting' of page_id is 7"),
        ({"page_id": {"is": 7}}, "has the operator 'is'; give one of contains, "),
        ({"page_id": {"equals": [7]}}, r"equals has \[7\]; give texts"),
        ({"page_id": {"equals": None}}, "equals has None"),
        ({"page_id": {"in": 7}}, "in has 7; give a list"),
        ({"page_id": {"in": [{}]}}, "in has {}; give texts"),
        ({"page_id": {"less_than": "7"}}, "less_than has '7'; give a number"),
        ({"page_id": {"less_than": True}}, "less_than has True; give a number"),
    ],
)
def test_read_targeting__cannot_be_used__says_where(found: object, words: str) -> None:
    with pytest.raises(TargetingError, match=words):
        read_targeting(found)
