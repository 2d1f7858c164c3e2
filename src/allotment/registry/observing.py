"""What came into the lake lately, as the check wants to know it.

Anybody can send events with names of their own, so a strange name counts only when it came often,
and of these the most frequent alone.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from allotment.contract.check import Arrived, Observations
from allotment.registry.models import Experiment, Instrument
from allotment.registry.states import LIVE, Stage

MOST_STRANGERS: Final = 20
ENOUGH_EVENTS: Final = 20
_LOG = logging.getLogger(__name__)


def observe(lake_dir: Path, now: datetime) -> Observations | None:
    """What the last day brought; None where there is no lake, or it cannot be asked now."""
    if not lake_dir.is_dir():
        return None
    # The query engine is loaded when it is first needed, as for results.
    from allotment.analysis import observed  # noqa: PLC0415

    try:
        found = observed.of_last_day(lake_dir, now)
    except Exception as error:
        if not isinstance(error, OSError | ValueError) and not _of_the_lake(error):
            raise
        _LOG.warning("what came in the last day is not known: %s", error)
        return None
    if found is None:
        _LOG.warning("what came in the last day is not known: it took too long")
        return None
    live, known = _names(now)
    strange = {name: count for name, count in found.items.items() if name not in known}
    return Observations(
        asked={name: count for name, count in found.items.items() if name in live}
        | _often(strange),
        streams=_often(found.strange_streams),
        fields={stream: frozenset(paths) for stream, paths in found.fields.items()},
        actions={name: frozenset(found.actions[name]) for name in found.actions if name in live},
        awaiting={name: count for name, count in found.awaiting.items() if name in live},
        groups={
            name: {group: Arrived(*came) for group, came in groups.items()}
            for name, groups in found.groups.items()
            if name in live
        },
    )


def _of_the_lake(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] in {"duckdb", "_duckdb", "pyiceberg"}


def _names(now: datetime) -> tuple[Collection[str], Collection[str]]:
    """The names of what is live, and of everything: code may still ask for what was stopped."""
    live, known = set(), set()
    for model in (Experiment, Instrument):
        known |= set(model.objects.values_list("machine_name", flat=True))
        on = model.objects.filter(stage=Stage.ACTIVE)
        live |= {item.machine_name for item in on if item.state(now) in LIVE}
    return live, known


def _often(counts: Mapping[str, int]) -> dict[str, int]:
    often = [(name, count) for name, count in counts.items() if count >= ENOUGH_EVENTS]
    often.sort(key=lambda pair: (-pair[1], pair[0]))
    return dict(often[:MOST_STRANGERS])


def to_json(found: Observations) -> dict[str, Any]:
    """Observations as plain values."""
    return {
        "asked": dict(found.asked),
        "streams": dict(found.streams),
        "fields": {name: sorted(paths) for name, paths in found.fields.items()},
        "actions": {name: sorted(actions) for name, actions in found.actions.items()},
        "awaiting": dict(found.awaiting),
        "groups": {
            name: {
                group: {"subjects": came.subjects, "events": came.events}
                for group, came in groups.items()
            }
            for name, groups in found.groups.items()
        },
    }
