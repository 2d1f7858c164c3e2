"""What analysis needs to know of an experiment, read from the public API's analytics form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from allotment.lake.tables import table_of_schema


class AnalysisError(ValueError):
    """Something cannot be analysed; the message says what and how to mend it."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """One experiment: who is compared, where its events are, and when it ran."""

    name: str
    groups: tuple[str, ...]
    weights: tuple[int, ...]
    stream: str
    table: str
    start: datetime | None
    end: datetime | None
    version: str
    stopped: datetime | None
    """When it was switched off; None while it is on, or where nobody knows when."""
    active: bool
    phase: int = 0
    """Which run of the experiment this is; each is analysed apart."""
    superseded: bool = False
    """Whether a later phase has begun: its events are no longer of this one."""

    @property
    def until(self) -> datetime | None:
        """When the last event that counts can be."""
        if self.superseded and self.stopped is not None:
            return self.stopped if self.end is None else min(self.stopped, self.end)
        return self.end

    @property
    def control(self) -> str:
        """The first group."""
        return self.groups[0]

    def has_started(self, now: datetime) -> bool:
        """Whether events can be expected."""
        return self.start is None or self.start <= now

    def is_over(self, now: datetime) -> bool:
        """Whether no more events count: its end has passed, or it was switched off."""
        return not self.active or (self.end is not None and self.end < now)

    @property
    def stopped_early(self) -> bool:
        """Whether it was switched off before its planned end."""
        if self.active:
            return False
        return self.end is None or self.stopped is None or self.stopped < self.end


def parse_experiment(item: Mapping[str, Any]) -> Experiment:
    """Read one experiment of `GET /api/v1/experiments?format=analytics`.

    Without `active`, the switch, it counts as switched on: what an experiment lacks ends it never.

    Raises:
        AnalysisError: a field is missing or cannot be used.
    """
    name = item.get("name")
    if not isinstance(name, str) or not name:
        raise AnalysisError(f"an experiment's 'name' is {name!r}; give a text that is not empty")
    groups = item.get("groups")
    if not isinstance(groups, list) or not groups or not all(isinstance(g, str) for g in groups):
        raise AnalysisError(f"{name}: 'groups' is {groups!r}; give a list of names")
    weights = item.get("weights") or [1] * len(groups)
    if len(weights) != len(groups) or not all(isinstance(w, int) and w > 0 for w in weights):
        raise AnalysisError(f"{name}: 'weights' is {weights!r}; give one whole number a group")
    for field in ("stream_name", "schema_id"):
        if not isinstance(item.get(field), str) or not item[field]:
            raise AnalysisError(f"{name}: {field!r} is {item.get(field)!r}; its events need it")
    return Experiment(
        name=name,
        groups=tuple(groups),
        weights=tuple(weights),
        stream=item["stream_name"],
        table=f"event.{table_of_schema(item['schema_id'])}",
        start=_time(name, "start", item.get("start")),
        end=_time(name, "end", item.get("end")),
        version=str(item.get("version") or ""),
        stopped=_time(name, "stopped", item.get("stopped")),
        active=item.get("active") is not False,
        phase=phase_of(item),
        superseded=item.get("superseded") is True,
    )


def phase_of(item: Mapping[str, Any]) -> int:
    """The phase of an experiment in the analytics form; 0 where none is told.

    Raises:
        AnalysisError: it is no whole number from 0.
    """
    found = item.get("phase_index", 0)
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise AnalysisError(
            f"{item.get('name')}: 'phase_index' is {found!r}; give a whole number, 0 or more"
        )
    return found


def _time(name: str, field: str, found: object) -> datetime | None:
    if found is None or found == "":
        return None
    try:
        time = datetime.fromisoformat(str(found))
    except ValueError as error:
        raise AnalysisError(
            f"{name}: {field!r} is {found!r}; give a time such as 2026-11-22T09:00:00Z"
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)
