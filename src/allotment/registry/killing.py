"""The kill switch: one action that stops some items or all, whatever shape their rows are in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from allotment.registry import audit, rules, shown, storing
from allotment.registry.changing import configuration_change, refuse, stopped
from allotment.registry.models import Account, Experiment, Instrument, KillSwitch
from allotment.registry.states import LIVE, Stage, Verb
from allotment.registry.surroundings import AnyItem


def kill(items: Iterable[AnyItem] | None, *, reason: str, by: Account | None = None) -> KillSwitch:
    """Stop some items at once, or all that are live: one action, one reason, all or nothing.

    Args:
        items: what to stop; None: everything that is scheduled or running. What is not live is
            passed over.
        reason: what is wrong.
        by: who pressed it.
    """
    chosen = None if items is None else {(type(item), item.pk) for item in items}
    refuse(rules.to_kill(reason, picked=chosen is None or bool(chosen)))
    with configuration_change(shown.of_all_that_is_on) as now:
        switch = KillSwitch.objects.create(
            when=now, who=by, reason=reason.strip(), everything=chosen is None
        )
        for model in (Experiment, Instrument):
            live = model.objects.filter(stage=Stage.ACTIVE)
            names = dict(live.values_list("pk", "machine_name"))
            keys = [key for key in names if chosen is None or (model, key) in chosen]
            readable = _read_live(model, keys, now)
            for item in readable.values():
                if item is None:
                    continue
                stopped(item, now)
                storing.record(item, Verb.KILL, reason.strip(), by=by, kill=switch.pk)
                switch.stopped.append([model.KIND, item.machine_name])
            # A damaged row cannot tell its dates or its plan; it is switched off all the same.
            damaged = [key for key in keys if key not in readable]
            model.objects.filter(pk__in=damaged).update(stage=Stage.STOPPED, stopped=now)
            switch.stopped += [[model.KIND, names[key]] for key in damaged]
        switch.save()
        audit.record(
            "kill-switch",
            reason=reason.strip(),
            who=None if by is None else by.username,
            everything=switch.everything,
            stopped=[name for _, name in switch.stopped],
        )
    return switch


def _read_live(
    model: type[Experiment | Instrument], keys: list[int], now: datetime
) -> dict[int, AnyItem | None]:
    """Each row that can be read: itself where it is live, None where it is not."""
    found: dict[int, AnyItem | None] = {}
    for key in keys:
        try:
            item = model.objects.select_for_update().get(pk=key)
            storing.to_keep(item)
        except (ValueError, TypeError, ArithmeticError, LookupError, AttributeError):
            continue
        found[key] = item if item.state(now) in LIVE else None
    return found
