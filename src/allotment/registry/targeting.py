"""Targeting: conditions on contextual attributes that a subject must meet to take part. Pure.

All conditions must hold. Stored and served as `{attribute: {operator: operand}}`; the operators
are those that clients of the platform know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext, gettext_noop

from allotment.allocation import targeting as law
from allotment.registry.attributes import BY_NAME

Scalar = str | int | float | bool
Operand = Scalar | tuple[Scalar, ...]

TEXT = gettext_noop("text")
NUMBER = gettext_noop("number")
YES_NO = gettext_noop("yes or no")
LIST = gettext_noop("list of texts")
_KINDS = {
    "page_id": NUMBER,
    "page_namespace_id": NUMBER,
    "page_revision_id": NUMBER,
    "page_is_redirect": YES_NO,
    "page_user_groups_allowed_to_move": LIST,
    "page_user_groups_allowed_to_edit": LIST,
    "performer_id": NUMBER,
    "performer_edit_count": NUMBER,
    "performer_groups": LIST,
    "performer_is_bot": YES_NO,
    "performer_is_logged_in": YES_NO,
    "performer_is_temp": YES_NO,
    "performer_can_probably_edit_page": YES_NO,
}
_WORDS = {
    "equals": gettext_noop("is"),
    "not_equals": gettext_noop("is not"),
    "greater_than": gettext_noop("is more than"),
    "less_than": gettext_noop("is less than"),
    "greater_than_or_equals": gettext_noop("is at least"),
    "less_than_or_equals": gettext_noop("is at most"),
    "in": gettext_noop("is one of"),
    "not_in": gettext_noop("is none of"),
    "contains": gettext_noop("contains"),
    "does_not_contain": gettext_noop("does not contain"),
    "contains_all": gettext_noop("contains all of"),
    "contains_any": gettext_noop("contains one of"),
}


def _fits(operator: str) -> frozenset[str]:
    """The kinds of attribute that an operator can hold of."""
    if operator in law.OF_LIST_ATTRIBUTES:
        return frozenset({LIST})
    if operator in law.OF_NUMBERS:
        return frozenset({NUMBER})
    some = {TEXT, NUMBER}
    return frozenset(some if operator in law.OF_LISTS else {*some, YES_NO})


OPERATORS: Mapping[str, tuple[str, frozenset[str], bool]] = {
    operator: (_WORDS[operator], _fits(operator), operator in law.OF_LISTS)
    for operator in law.OPERATORS
}
"""Each operator: its words, the kinds of attribute that it fits, whether it takes several."""

_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,6})?", re.ASCII)
_YES = {"yes": True, "true": True, "no": False, "false": False}


@dataclass(frozen=True)
class Condition:
    """One condition: the attribute, the operator, and what is compared with."""

    attribute: str
    operator: str
    operand: Operand

    def __str__(self) -> str:
        known = self.operator in OPERATORS
        words = gettext(OPERATORS[self.operator][0]) if known else self.operator
        return f"{self.attribute} {words} {operand_text(self.operand)}"


def kind_of(attribute: str) -> str:
    """What an attribute's value is: one of `TEXT`, `NUMBER`, `YES_NO`, `LIST`."""
    return _KINDS.get(attribute, TEXT)


def problem(condition: Condition) -> str | None:
    """What is wrong with a condition and what to do, in one or two sentences; None: nothing."""
    attribute, operator, operand = condition.attribute, condition.operator, condition.operand
    if attribute not in BY_NAME:
        return gettext("“%(attribute)s” is no contextual attribute. Choose one of the list.") % {
            "attribute": attribute
        }
    if operator not in OPERATORS:
        return gettext("“%(operator)s” is no comparison. Give one of %(known)s.") % {
            "operator": operator,
            "known": ", ".join(OPERATORS),
        }
    kind = kind_of(attribute)
    _, kinds, several = OPERATORS[operator]
    if kind not in kinds:
        fitting = ", ".join(name for name, (_, fits, _) in OPERATORS.items() if kind in fits)
        return gettext(
            "%(attribute)s is a %(kind)s; %(operator)s does not fit it. Give one of %(fitting)s."
        ) % {
            "attribute": attribute,
            "kind": gettext(kind),
            "operator": operator,
            "fitting": fitting,
        }
    if several != isinstance(operand, tuple):
        text = (
            gettext("%(operator)s takes several values, separated by commas.")
            if several
            else gettext("%(operator)s takes one value.")
        )
        return text % {"operator": operator}
    values = operand if isinstance(operand, tuple) else (operand,)
    if not values or any(value == "" for value in values):
        return gettext("The value is empty. Give one, or take the condition away.")
    wanted = TEXT if kind == LIST else kind
    wrong = next((value for value in values if not _is(wanted, value)), None)
    if wrong is not None:
        return gettext("%(attribute)s is compared with a %(wanted)s; %(wrong)s is none.") % {
            "attribute": attribute,
            "wanted": gettext(wanted),
            "wrong": repr(wrong),
        }
    return None


def read_operand(attribute: str, operator: str, text: str) -> Operand:
    """What a person typed as the value that the attribute and operator ask for.

    What cannot be read stays text, and `problem` then says what is wrong with it.
    """
    kind = kind_of(attribute)
    several = operator in OPERATORS and OPERATORS[operator][2]
    if several:
        parts = (part.strip() for part in text.split(","))
        return tuple(_read(kind, part) for part in parts if part)
    return _read(kind, text.strip())


def operand_text(operand: Operand) -> str:
    """An operand as a person types it."""
    if isinstance(operand, tuple):
        return ", ".join(operand_text(value) for value in operand)
    if isinstance(operand, bool):
        return gettext("yes") if operand else gettext("no")
    return str(operand)


def to_document(conditions: Sequence[Condition]) -> dict[str, dict[str, object]]:
    """The form in which it is stored and served: `{attribute: {operator: operand}}`."""
    document: dict[str, dict[str, object]] = {}
    for condition in conditions:
        operand = condition.operand
        document.setdefault(condition.attribute, {})[condition.operator] = (
            list(operand) if isinstance(operand, tuple) else operand
        )
    return document


def from_document(document: object) -> tuple[Condition, ...]:
    """The conditions of a stored document.

    Raises:
        TypeError: it is no object of objects.
    """
    if not isinstance(document, Mapping):
        raise TypeError(f"targeting is {document!r}; it must be an object")
    found = []
    for attribute, tests in document.items():
        if not isinstance(tests, Mapping):
            raise TypeError(f"targeting on {attribute} is {tests!r}; it must be an object")
        for operator, operand in tests.items():
            value = tuple(operand) if isinstance(operand, list) else operand
            found.append(Condition(attribute, operator, value))
    return tuple(found)


def _is(kind: str, value: object) -> bool:
    if kind == YES_NO:
        return isinstance(value, bool)
    if kind == NUMBER:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)


def _read(kind: str, text: str) -> Scalar:
    if kind == YES_NO:
        words = {gettext("yes"): True, gettext("no"): False, **_YES}
        return words.get(text.lower(), text)
    if kind == NUMBER and _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text
