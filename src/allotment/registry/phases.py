"""Phases: an experiment that runs again under its name, each run kept and analysed apart."""

from __future__ import annotations

from datetime import datetime, timedelta

from allotment.registry import public_api, storing
from allotment.registry.models import Account, Experiment, Instrument, Phase
from allotment.registry.states import Stage


def begin_next(item: Experiment, now: datetime, by: Account | None) -> None:
    """Keep the phase that ends, and make the row a draft of the next one; the caller stores it.

    The draft begins with the plan of the one before, an open start and as long a run.
    """
    _keep(item)
    length = max(item.end - (item.start or item.created), timedelta(days=1))
    item.phase_index += 1
    item.stage = Stage.DRAFT
    item.version += 1
    item.first_version = item.version
    item.start, item.end = None, (now + length).replace(second=0, microsecond=0)
    item.activated = item.stopped = item.decided = None
    item.approved = item.approved_by = None
    item.edited_by = by
    item.layer_begin = item.layer_end = None
    item.holdouts = []
    item.decision = item.decision_reasons = item.synthetic_note = ""


def last_stop(item: Experiment | Instrument) -> datetime | None:
    """When the phase before the present one ended for good; None in the first."""
    if not isinstance(item, Experiment) or item.phase_index == 0:
        return None
    phase = item.phases.order_by("-index").first()
    return None if phase is None else min(phase.end, phase.stopped)


def _keep(item: Experiment) -> None:
    if item.activated is None or item.start is None or item.stopped is None:
        raise ValueError(f"{item.machine_name} was never on in phase {item.phase_index}")
    Phase.objects.create(
        experiment=item,
        index=item.phase_index,
        activated=item.activated,
        start=item.start,
        end=item.end,
        stopped=item.stopped,
        first_version=item.first_version,
        last_version=item.version,
        decision=item.decision,
        decision_reasons=item.decision_reasons,
        decided=item.decided,
        plan=storing.to_keep(item),
        document=public_api.of_analytics(item),
    )
