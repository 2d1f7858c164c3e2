"""Conditions: read as people type them, judged by attribute, operator and value, and served."""

from __future__ import annotations

import json

import pytest

from allotment.allocation import targeting as law
from allotment.registry import targeting
from allotment.registry.attributes import BY_NAME
from allotment.registry.targeting import Condition


@pytest.mark.parametrize(
    ("attribute", "operator", "text", "operand"),
    [
        ("mediawiki_skin", "equals", " vector-2022 ", "vector-2022"),
        ("mediawiki_skin", "in", "vector, minerva,", ("vector", "minerva")),
        ("performer_edit_count", "greater_than", "100", 100),
        ("performer_edit_count", "less_than", "0.5", 0.5),
        ("performer_edit_count", "in", "1, 2", (1, 2)),
        ("performer_is_logged_in", "equals", "Yes", True),
        ("performer_is_logged_in", "not_equals", "false", False),
        ("performer_groups", "contains_any", "sysop, bureaucrat", ("sysop", "bureaucrat")),
        ("performer_groups", "contains", "sysop", "sysop"),
    ],
)
def test_read_operand__as_typed__has_the_attributes_kind_and_comes_back(
    attribute: str, operator: str, text: str, operand: targeting.Operand
) -> None:
    read = targeting.read_operand(attribute, operator, text)
    assert read == operand
    assert type(read) is type(operand)
    condition = Condition(attribute, operator, read)
    assert targeting.problem(condition) is None
    again = targeting.read_operand(attribute, operator, targeting.operand_text(read))
    assert again == operand


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (Condition("page_color", "equals", "red"), "no contextual attribute"),
        (Condition("mediawiki_skin", "is", "vector"), "no comparison"),
        (Condition("mediawiki_skin", "greater_than", 1), "greater_than does not fit"),
        (Condition("performer_groups", "equals", "sysop"), "equals does not fit"),
        (Condition("performer_edit_count", "equals", "many"), "'many' is none"),
        (Condition("performer_edit_count", "equals", True), "True is none"),
        (Condition("performer_is_bot", "equals", 1), "1 is none"),
        (Condition("mediawiki_skin", "in", "vector"), "several values"),
        (Condition("mediawiki_skin", "equals", ("vector",)), "one value"),
        (Condition("mediawiki_skin", "in", ()), "is empty"),
        (Condition("mediawiki_skin", "equals", ""), "is empty"),
    ],
)
def test_problem__condition_that_cannot_be_met__says_what_and_what_to_do(
    condition: Condition, text: str
) -> None:
    problem = targeting.problem(condition)
    assert problem is not None
    assert text in problem


def test_document__conditions__come_back_from_json() -> None:
    conditions = (
        Condition("mediawiki_skin", "in", ("vector", "minerva")),
        Condition("performer_edit_count", "greater_than", 5),
        Condition("performer_edit_count", "less_than", 100),
        Condition("performer_is_logged_in", "equals", True),
    )
    document = targeting.to_document(conditions)
    assert document == {
        "mediawiki_skin": {"in": ["vector", "minerva"]},
        "performer_edit_count": {"greater_than": 5, "less_than": 100},
        "performer_is_logged_in": {"equals": True},
    }
    assert targeting.from_document(json.loads(json.dumps(document))) == conditions


@pytest.mark.parametrize("damaged", [None, [], {"mediawiki_skin": "vector"}])
def test_from_document__damaged__is_an_error_not_everybody(damaged: object) -> None:
    with pytest.raises(TypeError):
        targeting.from_document(damaged)


def test_operators__of_the_law__have_words_and_kinds_and_there_are_no_others() -> None:
    assert set(targeting._WORDS) == set(law.OPERATORS)
    assert set(law.OPERATORS) > law.OF_NUMBERS | law.OF_LISTS | law.OF_LIST_ATTRIBUTES
    for operator, (_, kinds, several) in targeting.OPERATORS.items():
        operand: object = [] if several else 1
        (read,) = law.read_targeting({"page_id": {operator: operand}})
        assert (read.operator, bool(kinds)) == (operator, True)


def test_kinds__all__are_of_known_attributes() -> None:
    assert set(targeting._KINDS) <= set(BY_NAME)
