"""How an event is put together. Pure: what goes in is given, nothing is asked or sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

Context = Mapping[str, Mapping[str, Any]]
"""Contextual attributes by their group: `{"page": {"id": 7}, "performer": {"is_bot": False}}`."""


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, as events carry it: `2026-11-22T02:55:09.429Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def flat(context: Context) -> dict[str, object]:
    """A context's attributes by their flat names: `{"page": {"id": 7}}` has `page_id`."""
    return {
        f"{group}_{key}": value
        for group, members in context.items()
        for key, value in members.items()
    }


def requested_context(names: Iterable[str], context: Context) -> dict[str, dict[str, Any]]:
    """The requested attributes that are known, in the shape of an event.

    An attribute `a_b_c` is the field `b_c` of the object `a`. One that is missing or None is left
    out; an empty text, 0, False and an empty list are kept.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        group, _, key = name.partition("_")
        value = context.get(group, {}).get(key)
        if value is not None:
            found.setdefault(group, {})[key] = value
    return found


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Both, key by key; objects are merged, of two other values the one in `over` stays."""
    both = dict(under)
    for key, value in over.items():
        lower = both.get(key)
        both[key] = (
            merged(lower, value)
            if isinstance(lower, Mapping) and isinstance(value, Mapping)
            else value
        )
    return both


def interaction(
    *,
    schema: str,
    stream: str,
    domain: str,
    event_id: str,
    moment: datetime,
    action: str,
    data: Mapping[str, Any],
    context: Mapping[str, Any],
    experiments: Mapping[str, Any] | None,
    sample: Mapping[str, Any] | None,
    fixed: Mapping[str, Any],
) -> dict[str, Any]:
    """One interaction event.

    The caller's `data` may add to everything that the context gives, and replace it; it replaces
    neither the action nor `$schema`, `dt`, `meta.stream`, `meta.domain`, `meta.id`, `experiments`,
    `sample`, nor what `fixed` holds.
    """
    event = merged({"agent": {}, **context}, data)
    event |= {
        "$schema": schema,
        "action": action,
        "dt": timestamp(moment),
        "meta": _meta(event.get("meta"), stream, domain, event_id),
        **fixed,
    }
    for key, value in (("experiments", experiments), ("sample", sample)):
        if value:
            event[key] = value
        else:
            event.pop(key, None)
    return event


def completed(
    made: Mapping[str, Any],
    *,
    stream: str,
    domain: str,
    event_id: str,
    moment: datetime,
    context: Mapping[str, Any],
    with_experiments: bool,
    experiments: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """An event that a site made, completed.

    Its `dt`, `meta.stream`, `meta.domain` and `meta.id` are the library's; it may replace what the
    context gives. `with_experiments`: its membership is `experiments`, or none, whatever it says.
    """
    event = merged(context, made)
    event["dt"] = timestamp(moment)
    event["meta"] = _meta(made.get("meta"), stream, domain, event_id)
    if with_experiments:
        event.pop("experiments", None)
        if experiments:
            event["experiments"] = experiments
    return event


def _meta(own: object, stream: str, domain: str, event_id: str) -> dict[str, Any]:
    kept = own if isinstance(own, Mapping) else {}
    return {**kept, "stream": stream, "domain": domain, "id": event_id}
