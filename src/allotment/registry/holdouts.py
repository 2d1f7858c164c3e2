"""Holdouts: experiments whose first group is kept out of other experiments. Pure.

Such an experiment says in `holds_out` what it covers: `all` experiments that draw by its kind of
id, those of `layer:name`, or some by their machine names. What is covered counts when an experiment
is switched on: it takes the ranges of the holdouts that are on, and has them until its phase ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from allotment.allocation import first_group_end
from allotment.contract.check.rules_holdouts import ALL, LAYER_PREFIX
from allotment.registry.layers import SPACE

SHARE_STEP: Final = Decimal("0.0001")


@dataclass(frozen=True, kw_only=True)
class Holdout:
    """A holdout that is on: whom it keeps out of what, and where."""

    name: str
    identifier_type: str
    covers: tuple[str, ...]
    end: int
    environments: tuple[str, ...]

    def holds_out(self, name: str, identifier_type: str, layer: str) -> bool:
        """Whether an experiment that is switched on now keeps its first group out."""
        return identifier_type == self.identifier_type and covered(self.covers, name, layer)


def covered(covers: Collection[str], name: str, layer: str) -> bool:
    """Whether an experiment of a name, in a layer or in none (`""`), is among what is covered."""
    return ALL in covers or name in covers or (bool(layer) and f"{LAYER_PREFIX}{layer}" in covers)


def is_wider(before: Collection[str], after: Collection[str]) -> bool:
    """Whether what was covered still is."""
    return ALL in after or set(before) <= set(after)


def share(end: int) -> Decimal:
    """The share of subjects that slots from the first to before `end` hold."""
    return (Decimal(end) / SPACE).quantize(SHARE_STEP)


def share_of(weights: Sequence[int]) -> Decimal:
    """The share of subjects in the first of groups; 0 where nothing has a weight."""
    return share(first_group_end(weights)) if sum(weights) > 0 else Decimal(0)


def taken(holdouts: Iterable[Holdout]) -> list[dict[str, Any]]:
    """What an experiment's row keeps of the holdouts that it takes, by name."""
    return [
        {
            "name": holdout.name,
            "begin": 0,
            "end": holdout.end,
            "environments": list(holdout.environments),
        }
        for holdout in sorted(holdouts, key=lambda one: one.name)
    ]


def served(found: object, environment: str | None) -> list[dict[str, Any]]:
    """The ranges that a row keeps, as the public document shows them in an environment; None: all.

    Raises:
        TypeError: it is no list of objects.
    """
    if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
        raise TypeError(f"holdouts is {found!r}; it must be a list of objects")
    return [
        {name: one[name] for name in ("name", "begin", "end")}
        for one in found
        if environment is None or environment in one["environments"]
    ]
