"""Numbers as the reader's language writes them."""

from __future__ import annotations

from decimal import Decimal

from django.utils.formats import number_format

from allotment.registry.plan import rate_text


def whole(number: int) -> str:
    """A count with its thousands apart: `1,234`."""
    return number_format(number, force_grouping=True)


def decimal(number: float, places: int) -> str:
    """A number with so many places: `13.10`."""
    # As text, since Django cuts the places of a float off where this rounds them.
    return number_format(Decimal(f"{number:.{places}f}"), decimal_pos=places)


def signed(number: float, places: int) -> str:
    """The same with its sign, a true minus where it is below 0: `+1.13`."""
    sign = "\u2212" if round(number, places) < 0 else "+"
    return f"{sign}{decimal(abs(number), places)}"


def percent(rate: Decimal) -> str:
    """A share as people read it: `0.125` → `12.5%`."""
    return f"{number_format(Decimal(rate_text(rate * 100)))}%"
