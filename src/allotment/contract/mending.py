"""Changes to a refused event before it is sent again: values set, fields removed, masks lifted."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from allotment.contract.addresses import ADDRESS
from allotment.contract.masking import MASK

_MASKED: Final = re.compile(re.escape(MASK) + "[0-9a-f]{12}")
_GONE: Final = object()


class MendingError(ValueError):
    """A change that cannot be made; the message is for the person who asked for it."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field: its path, and the value that it gets, or that it is removed."""

    path: tuple[str, ...]
    value: Any = _GONE

    @property
    def removes(self) -> bool:
        """Whether the field goes."""
        return self.value is _GONE

    def __str__(self) -> str:
        name = ".".join(self.path)
        return f"remove {name}" if self.removes else f"set {name}={json.dumps(self.value)}"


def parse_change(text: str) -> Change:
    """`meta.stream="a"` → a change. Names that hold dots are written as a pointer: `/a.b/c=1`.

    Raises:
        MendingError: it has no `=`, or no JSON behind it.
    """
    path, equals, value = text.partition("=")
    if not equals:
        raise MendingError(f"{text!r} sets nothing; write PATH=JSON, such as action='\"click\"'")
    try:
        return Change(parse_path(path), json.loads(value))
    except ValueError as error:
        raise MendingError(
            f"{value!r}, for {path}, is not JSON ({error}); a text needs its quotes: '\"{value}\"'"
        ) from None


def parse_path(text: str) -> tuple[str, ...]:
    """`a.b` or `/a/b` → the names on the way.

    Raises:
        MendingError: it names nothing.
    """
    if text.startswith("/"):
        steps = [s.replace("~1", "/").replace("~0", "~") for s in text[1:].split("/")]
    else:
        steps = text.split(".")
    if not all(steps):
        raise MendingError(f"{text!r} is no path; write such as meta.stream")
    return tuple(steps)


def changed(event: Any, changes: Sequence[Change]) -> Any:  # noqa: ANN401 -- any JSON value
    """A copy of an event with the changes; objects on the way to a value that is set are made.

    Raises:
        MendingError: a path leads through something that is no object or list, or to no field.
    """
    event = copy.deepcopy(event)
    for change in changes:
        _change(event, change)
    return event


def unmasked(event: Any, kept: Any, hidden: Mapping[str, str]) -> Any:  # noqa: ANN401 -- any JSON value
    """A copy of an event with the true values in place of the masks, wherever they stand now.

    Addresses, which are kept nowhere, are left out.

    Args:
        event: the kept event, perhaps changed.
        kept: the event as it was kept, with its masks.
        hidden: by JSON pointer into `kept` what a mask hides, as JSON text.

    Raises:
        MendingError: what a mask hides is not known any more.
    """
    originals = {}
    for pointer, text in hidden.items():
        mask = _at(kept, parse_path(pointer))
        if isinstance(mask, str):
            originals[mask] = json.loads(text)
    return _lifted(event, originals, "")


def _lifted(node: Any, originals: Mapping[str, Any], at: str) -> Any:  # noqa: ANN401 -- any JSON value
    if isinstance(node, dict):
        return {
            name: _lifted(inner, originals, f"{at}.{name}")
            for name, inner in node.items()
            if inner != ADDRESS
        }
    if isinstance(node, list):
        return [_lifted(v, originals, f"{at}[{n}]") for n, v in enumerate(node) if v != ADDRESS]
    if not isinstance(node, str):
        return node
    if node in originals:
        return copy.deepcopy(originals[node])
    if _MASKED.search(node):
        raise MendingError(
            f"{at[1:] or 'the event'} holds a mask, and what it hides is not kept any more; set its"
            " value, or remove it"
        )
    return node


def _at(node: Any, path: Sequence[str]) -> Any:  # noqa: ANN401 -- any JSON value
    for step in path:
        if isinstance(node, dict):
            node = node.get(step)
        elif isinstance(node, list) and step.isdecimal() and int(step) < len(node):
            node = node[int(step)]
        else:
            return None
    return node


def _change(event: Any, change: Change) -> None:  # noqa: ANN401 -- any JSON value
    owner = event
    for number, step in enumerate(change.path[:-1]):
        inner = _at(owner, (step,))
        if inner is None and isinstance(owner, dict) and not change.removes:
            inner = owner[step] = {}
        if not isinstance(inner, dict | list):
            raise MendingError(f"{change}: {'.'.join(change.path[: number + 1])} is no object")
        owner = inner
    last = change.path[-1]
    if isinstance(owner, list) and last.isdecimal() and int(last) < len(owner):
        if change.removes:
            del owner[int(last)]
        else:
            owner[int(last)] = change.value
    elif not isinstance(owner, dict):
        raise MendingError(f"{change}: there is no such place in the event")
    elif not change.removes:
        owner[last] = change.value
    elif owner.pop(last, _GONE) is _GONE:
        raise MendingError(f"{change}: the event has no such field")
