"""What differs between two documents of a stream, site, layer, team or exception. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeGuard

from django.utils.translation import gettext

from allotment.registry.history_diff import Change
from allotment.registry.plan import rate_text


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], labels: Mapping[str, str] | None = None
) -> Iterator[Change]:
    """One line for each key that differs; objects are looked into, and lists told entry by entry.

    Args:
        before: one document.
        after: the other.
        labels: words for keys at the top; what has none is told by its own name.
    """
    names = labels or {}
    for key in dict.fromkeys((*before, *after)):
        was, now = before.get(key), after.get(key)
        if was != now:
            yield from _of(
                gettext(names[key]) if key in names else str(key), was, now, was_there=key in before
            )


def _of(label: str, was: object, now: object, *, was_there: bool) -> Iterator[Change]:
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for change in differences(was, now):
            yield Change(change.sign, f"{label}.{change.label}", change.was, change.now)
    elif _is_texts(was) and _is_texts(now) and set(was) != set(now):
        yield from (Change("\u2212", label, text, "") for text in was if text not in now)
        yield from (Change("+", label, "", text) for text in now if text not in was)
    else:
        sign = "~" if was_there and now is not None else "\u2212" if was_there else "+"
        yield Change(sign, label, _text(was), _text(now))


def _is_texts(found: object) -> TypeGuard[Sequence[str]]:
    return isinstance(found, list | tuple) and all(isinstance(part, str) for part in found)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return rate_text(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
