"""A rule's "no", and how values read in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext

from allotment.registry import moments, numbers


@dataclass(frozen=True)
class Refusal:
    """One rule's "no": the rule's name, the field it concerns, and three plain sentences."""

    rule: str
    field: str
    headline: str
    what: str
    remedy: str

    @property
    def sentence(self) -> str:
        """What stands under the field."""
        return f"{self.what} {self.remedy}"


class RuleRefusedError(Exception):
    """A change was refused; `refusals` says by which rules."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        self.refusals = refusals
        super().__init__("; ".join(f"{r.rule}: {r.sentence}" for r in refusals))


def percent(rate: Decimal) -> str:
    """A share as people read it: `0.125` → `12.5%`."""
    return numbers.percent(rate)


def moment(when: datetime | None) -> str:
    """A time in a refusal."""
    return gettext("an open time") if when is None else moments.spoken(when)
