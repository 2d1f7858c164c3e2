"""How the body of a request is read: JSON without traps.

A key that stands twice would silently lose one of its values, a number that is none and a text
that no database can hold would fail later; all are refused here. Decimal fractions stay decimal.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NoReturn

from django.http import HttpRequest
from ninja.parser import Parser

from allotment.registry.manage_api.problems import ProblemError
from allotment.registry.rules import Refusal

LONGEST_BODY = 1_000_000
LONGEST_CONFIGURATION = 8_000_000
"""Some thousand items at once; `django_settings` lets that much in."""
_DEEPEST = 64


class StrictParser(Parser):
    """Reads bodies strictly."""

    def parse_body(self, request: HttpRequest) -> Any:  # noqa: ANN401 - any JSON
        """The JSON value of a request's body.

        Raises:
            ProblemError: it is no JSON, or has one of the traps.
        """
        longest = LONGEST_CONFIGURATION if "/configuration/" in request.path else LONGEST_BODY
        if len(request.body) > longest:
            raise _unreadable(f"The body is longer than {longest:,} bytes")
        try:
            found = json.loads(
                request.body.decode(),
                object_pairs_hook=_once,
                parse_float=_decimal,
                parse_constant=_no_number,
            )
            refuse_unstorable(found)
        except (ValueError, RecursionError, ArithmeticError) as error:
            raise _unreadable(f"The body is no JSON that can be used: {error}") from error
        return found


def refuse_unstorable(found: object, depth: int = 0) -> None:
    """Pass when every text can be stored.

    Raises:
        ValueError: a text holds a null character or half a character, or it is nested too deep.
    """
    if depth > _DEEPEST:
        raise ValueError("it is nested too deep")
    if isinstance(found, str):
        found.encode()
        if "\0" in found:
            raise ValueError("a text holds a null character")
    elif isinstance(found, dict):
        for name, value in found.items():
            refuse_unstorable(name, depth)
            refuse_unstorable(value, depth + 1)
    elif isinstance(found, list):
        for value in found:
            refuse_unstorable(value, depth + 1)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ProblemError(
            400,
            f"The key “{twice[:100]}” stands twice in one object; one of its values would be lost.",
            refusals=[
                Refusal(
                    "key-given-once",
                    twice[:100],
                    "a key stands twice",
                    f"“{twice[:100]}” stands twice in one object.",
                    "Keep the one that is meant.",
                )
            ],
        )
    return found


def _decimal(text: str) -> Decimal | float:
    """The number as it is written; one of many digits as computers count."""
    return Decimal(text) if len(text) < 40 else float(text)  # noqa: PLR2004


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _unreadable(detail: str) -> ProblemError:
    return ProblemError(400, f"{detail}.", remedy="Send one JSON object, in UTF-8.")
