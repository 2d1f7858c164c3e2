"""Items and the names of their owners."""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext

from allotment.registry import lifecycle
from allotment.registry import plan as plans
from allotment.registry.lifecycle import AnyItem
from allotment.registry.models import Experiment, Instrument
from allotment.registry.people import PeopleRefusedError
from allotment.registry.rules import RuleRefusedError


def owned_by(name: str) -> list[AnyItem]:
    """The items that name this owner, in any case of letters."""
    wanted = name.casefold()
    return [
        item
        for model in (Experiment, Instrument)
        for item in model.objects.select_related("stream").order_by("machine_name")
        if wanted in {owner.casefold() for owner in item.owners if isinstance(owner, str)}
    ]


def rename(old: str, new: str) -> int:
    """Let every item of an owner name it by its new name, with an entry in its history.

    Must run inside the transaction that renames the owner.

    Raises:
        PeopleRefusedError: an item cannot be stored as it stands, for another reason.
    """
    items = owned_by(old)
    for item in items:
        owners = [new if owner.casefold() == old.casefold() else owner for owner in item.owners]
        changed = replace(plans.of(item), owners=tuple(dict.fromkeys(owners)))
        try:
            lifecycle.edit(item, changed, reason=f"{old} is now called {new}"[:100])
        except RuleRefusedError as error:
            raise PeopleRefusedError(
                gettext(
                    "%(item)s belongs to %(old)s and cannot be stored with the new name: "
                    "%(why)s Mend that first."
                )
                % {"item": item.name, "old": old, "why": error.refusals[0].sentence}
            ) from error
    return len(items)
