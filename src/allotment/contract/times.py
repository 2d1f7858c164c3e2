"""Times in the looser forms that old clients were allowed, rewritten to RFC 3339.

The published schemas were held to a lenient check of `date-time`: any one white space for the `T`,
and an offset written `+HHMM` or `+HH`. The lake reads RFC 3339, so such a time is rewritten, to the
same instant. A time that names no instant (month 13, February 30) stays as it is and is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

Path = tuple[str, ...]
_LOOSE: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt\s](\d\d:\d\d:\d\d(?:\.\d+)?)(?:([Zz])|([+-]\d\d)(?::?(\d\d))?)", re.ASCII
)


def time_paths(schema: dict[str, Any], at: Path = ()) -> tuple[Path, ...]:
    """Where an event of this schema holds times, as property names from the root."""
    return tuple(_time_paths(schema, at))


def _time_paths(schema: dict[str, Any], at: Path) -> Iterator[Path]:
    for name, node in schema.get("properties", {}).items():
        if isinstance(node, dict):
            if node.get("format") == "date-time":
                yield (*at, name)
            yield from _time_paths(node, (*at, name))


def normalize_time(text: str) -> str:
    """RFC 3339 for a time in a looser form; any other text unchanged."""
    match = _LOOSE.fullmatch(text)
    if match is None:
        return text
    day, clock, utc, hours, minutes = match.groups()
    offset = "Z" if utc else f"{hours}:{minutes or '00'}"
    return f"{day}T{clock}{offset}"


def normalize_times(event: dict[str, Any], paths: Sequence[Path]) -> bool:
    """Rewrite the times of an event in place. Whether anything changed."""
    changed = False
    for path in paths:
        owner: Any = event
        for name in path[:-1]:
            owner = owner.get(name) if isinstance(owner, dict) else None
        text = owner.get(path[-1]) if isinstance(owner, dict) else None
        if isinstance(text, str):
            better = normalize_time(text)
            if better != text:
                owner[path[-1]] = better
                changed = True
    return changed
