"""Conditions on contextual attributes: whether a subject is one whom an experiment is about. Pure.

The same in every language: all conditions must hold; nothing is converted, so that the text `1`
is not the number 1; numbers are compared as IEEE 754 doubles, the one kind that JSON and every
language share; an attribute that is missing or null meets no condition, `not_equals` included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

Scalar: TypeAlias = str | float | bool
Operand: TypeAlias = Scalar | tuple[Scalar, ...]


class TargetingError(ValueError):
    """Conditions cannot be used; the message names attribute, value and remedy."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One attribute (`page_namespace_id`), an operator, and what the attribute is held against."""

    attribute: str
    operator: str
    operand: Operand


def meets(conditions: tuple[Condition, ...], attributes: Mapping[str, object]) -> bool:
    """Whether attributes (by flat names, such as `page_id`) meet all conditions."""
    return all(_holds(condition, attributes.get(condition.attribute)) for condition in conditions)


def read_targeting(found: object) -> tuple[Condition, ...]:
    """Read `{attribute: {operator: operand}}`; None has no conditions.

    Raises:
        TargetingError: it has another shape, or an operator or operand that cannot be used. To pass
            over a condition would enroll whom it keeps out.
    """
    if found is None:
        return ()
    if not isinstance(found, Mapping):
        raise TargetingError(f"'targeting' is {found!r}; it must be a JSON object")
    conditions = []
    for attribute, tests in found.items():
        if not isinstance(tests, Mapping):
            raise TargetingError(
                f"'targeting' of {attribute} is {tests!r}; it must be a JSON object"
            )
        for operator, operand in tests.items():
            conditions.append(_condition(str(attribute), str(operator), operand))
    return tuple(conditions)


def _condition(attribute: str, operator: str, operand: object) -> Condition:
    where = f"'targeting' of {attribute}"
    if operator in _OF_LISTS:
        if not isinstance(operand, list | tuple):
            raise TargetingError(f"{where}: {operator} has {operand!r}; give a list")
        members = tuple(_scalar(where, operator, member) for member in operand)
        return Condition(attribute, operator, members)
    if operator not in _OPERATORS:
        known = ", ".join(sorted(OPERATORS))
        raise TargetingError(f"{where} has the operator {operator!r}; give one of {known}")
    value = _scalar(where, operator, operand)
    if operator in _ORDERED and not _is_number(value):
        raise TargetingError(f"{where}: {operator} has {operand!r}; give a number")
    return Condition(attribute, operator, value)


def _scalar(where: str, operator: str, found: object) -> Scalar:
    if isinstance(found, bool | str):
        return found
    if isinstance(found, int | float):
        return float(found)
    raise TargetingError(f"{where}: {operator} has {found!r}; give texts, numbers, true or false")


def _holds(condition: Condition, value: object) -> bool:
    if value is None:
        return False
    operand = condition.operand
    if isinstance(operand, tuple):
        return _OF_LISTS[condition.operator](value, operand)
    return _OPERATORS[condition.operator](value, operand)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _same(value: object, operand: Scalar) -> bool:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _is_number(operand) and _double(value) == operand
    return type(value) is type(operand) and value == operand


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond every double, which JSON's readers call infinite
        return float("inf") if value > 0 else float("-inf")


def _ordered(compare: Callable[[float, float], bool]) -> Callable[[object, Scalar], bool]:
    def holds(value: object, operand: Scalar) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return not isinstance(operand, str) and compare(_double(value), operand)

    return holds


def _contains(value: object, operand: Scalar) -> bool:
    return isinstance(value, list | tuple) and any(_same(member, operand) for member in value)


def _lacks(value: object, operand: Scalar) -> bool:
    return isinstance(value, list | tuple) and not _contains(value, operand)


def _within(value: object, operands: tuple[Scalar, ...]) -> bool:
    return any(_same(value, operand) for operand in operands)


_ORDERED: Final[Mapping[str, Callable[[object, Scalar], bool]]] = {
    "greater_than": _ordered(lambda value, operand: value > operand),
    "less_than": _ordered(lambda value, operand: value < operand),
    "greater_than_or_equals": _ordered(lambda value, operand: value >= operand),
    "less_than_or_equals": _ordered(lambda value, operand: value <= operand),
}
_OPERATORS: Final[Mapping[str, Callable[[object, Scalar], bool]]] = {
    "equals": _same,
    "not_equals": lambda value, operand: not _same(value, operand),
    **_ORDERED,
    "contains": _contains,
    "does_not_contain": _lacks,
}
_OF_LISTS: Final[Mapping[str, Callable[[object, tuple[Scalar, ...]], bool]]] = {
    "in": _within,
    "not_in": lambda value, operands: not _within(value, operands),
    "contains_all": lambda value, operands: (
        isinstance(value, list | tuple) and all(_contains(value, each) for each in operands)
    ),
    "contains_any": lambda value, operands: any(_contains(value, each) for each in operands),
}
OF_NUMBERS: Final = frozenset(_ORDERED)
"""The operators that hold a number against a number."""
OF_LISTS: Final = frozenset(_OF_LISTS)
"""The operators whose operand is a list."""
OF_LIST_ATTRIBUTES: Final = frozenset(
    {"contains", "does_not_contain", "contains_all", "contains_any"}
)
"""The operators that only a list as attribute can meet."""
OPERATORS: Final = (*_OPERATORS, *_OF_LISTS)
"""Every operator; the check and the registry's form take theirs from here."""
