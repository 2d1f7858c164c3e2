"""Targeting: conditions on contextual attributes that a subject must meet to take part. Pure.

All conditions must hold. Stored and served as `{attribute: {operator: operand}}`; the operators
are those that clients of the platform know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from allotment.registry.attributes import BY_NAME

Scalar = str | int | float | bool
Operand = Scalar | tuple[Scalar, ...]

TEXT, NUMBER, YES_NO, LIST = "text", "number", "yes or no", "list of texts"
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
OPERATORS: Mapping[str, tuple[str, frozenset[str], bool]] = {
    "equals": ("is", frozenset({TEXT, NUMBER, YES_NO}), False),
    "not_equals": ("is not", frozenset({TEXT, NUMBER, YES_NO}), False),
    "greater_than": ("is more than", frozenset({NUMBER}), False),
    "less_than": ("is less than", frozenset({NUMBER}), False),
    "greater_than_or_equals": ("is at least", frozenset({NUMBER}), False),
    "less_than_or_equals": ("is at most", frozenset({NUMBER}), False),
    "in": ("is one of", frozenset({TEXT, NUMBER}), True),
    "not_in": ("is none of", frozenset({TEXT, NUMBER}), True),
    "contains": ("contains", frozenset({LIST}), False),
    "does_not_contain": ("does not contain", frozenset({LIST}), False),
    "contains_all": ("contains all of", frozenset({LIST}), True),
    "contains_any": ("contains one of", frozenset({LIST}), True),
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
        words = OPERATORS[self.operator][0] if self.operator in OPERATORS else self.operator
        return f"{self.attribute} {words} {operand_text(self.operand)}"


def kind_of(attribute: str) -> str:
    """What an attribute's value is: one of `TEXT`, `NUMBER`, `YES_NO`, `LIST`."""
    return _KINDS.get(attribute, TEXT)


def problem(condition: Condition) -> str | None:
    """What is wrong with a condition and what to do, in one or two sentences; None: nothing."""
    attribute, operator, operand = condition.attribute, condition.operator, condition.operand
    if attribute not in BY_NAME:
        return f"“{attribute}” is no contextual attribute. Choose one of the list."
    if operator not in OPERATORS:
        return f"“{operator}” is no comparison. Give one of {', '.join(OPERATORS)}."
    kind = kind_of(attribute)
    _, kinds, several = OPERATORS[operator]
    if kind not in kinds:
        fitting = ", ".join(name for name, (_, fits, _) in OPERATORS.items() if kind in fits)
        return f"{attribute} is a {kind}; {operator} does not fit it. Give one of {fitting}."
    if several != isinstance(operand, tuple):
        many = "several values, separated by commas" if several else "one value"
        return f"{operator} takes {many}."
    values = operand if isinstance(operand, tuple) else (operand,)
    if not values or any(value == "" for value in values):
        return "The value is empty. Give one, or take the condition away."
    wanted = TEXT if kind == LIST else kind
    wrong = next((value for value in values if not _is(wanted, value)), None)
    if wrong is not None:
        return f"{attribute} is compared with a {wanted}; {wrong!r} is none."
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
        return "yes" if operand else "no"
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
        return _YES.get(text.lower(), text)
    if kind == NUMBER and _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text
