"""Stream configurations as the published API gives them: defaults, patterns, topics. Pure.

A stream is called by its name, or its name is a pattern `/…/` that stands for all streams it fits.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

from allotment.contract.texts import said

Document = dict[str, Any]
_PATTERN = re.compile(r"/(?P<pattern>.+)/(?P<flags>[i]?)", re.DOTALL)


def merged(defaults: Mapping[str, Any], own: Mapping[str, Any]) -> Document:
    """`own` over `defaults`, key by key at every depth.

    A list takes the place of a list: entries are never mixed by their index. A null takes a
    default away.
    """
    found: Document = {**defaults}
    for key, value in own.items():
        before = defaults.get(key)
        if isinstance(value, Mapping):
            found[key] = merged(before if isinstance(before, Mapping) else {}, value)
        else:
            found[key] = value
    return {key: value for key, value in found.items() if value is not None}


def is_pattern(name: str) -> bool:
    """Whether a stream's name is a pattern."""
    return name.startswith("/")


@lru_cache(maxsize=512)
def pattern_of(name: str) -> re.Pattern[str]:
    """What a pattern fits.

    Raises:
        ValueError: it is no pattern that can be used.
    """
    match = _PATTERN.fullmatch(name)
    if match is None:
        raise ValueError(f"{name!r} is no pattern; write it between two slashes")
    try:
        return re.compile(match["pattern"], re.IGNORECASE if match["flags"] else 0)
    except re.error as error:
        raise ValueError(f"the pattern {name!r} cannot be used: {error}") from error


def entry_of(name: str, entries: Mapping[str, Document]) -> Document | None:
    """The entry for a stream: that of its very name, else the first pattern that fits; or None."""
    if name in entries:
        return entries[name]
    for key, entry in entries.items():
        if is_pattern(key) and pattern_of(key).search(name):
            return entry
    return None


def chosen(
    entries: Mapping[str, Document], names: Collection[str] | None
) -> Iterable[tuple[str, Document]]:
    """Each stream that is asked for with its entry, topics written out; None: every entry."""
    for name in entries if names is None else dict.fromkeys(names):
        entry = entry_of(name, entries)
        if entry is not None:
            yield name, with_topics(entry, name)


def with_topics(entry: Document, name: str) -> Document:
    """An entry with the topics of the stream that it was asked for; an instrument's has none."""
    if "topics" in entry or "destination_event_service" not in entry:
        return entry
    prefixes = entry.get("topic_prefixes") or []
    topics = [prefix + name for prefix in prefixes] or [name]
    if prefixes and is_pattern(name):
        either = "(" + "|".join(re.escape(prefix) for prefix in prefixes) + ")"
        start = 2 if name.startswith("/^") else 1
        topics = [f"{name[:start]}{either}{name[start:]}"]
    return {**entry, "topics": topics}


def check_lists(entry: Mapping[str, Any]) -> None:
    """Refuse topics that no consumer could read.

    Raises:
        TypeError: `topics` or `topic_prefixes` is no list of texts; a text says so.
    """
    for key in ("topics", "topic_prefixes"):
        found = entry.get(key, [])
        if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
            told = said(
                "%(key)s is %(value)s; it must be a list of texts", key=key, value=repr(found)
            )
            raise TypeError(told)
