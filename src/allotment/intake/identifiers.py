"""Random identifiers for events and requests."""

from __future__ import annotations

import os
from typing import Final

_IDS_A_TIME: Final = 256
_BYTES: Final = 16
_BLANK: Final = b"--------------4---------------------\n"
"""A UUID of version 4 (RFC 9562, 5.4) whose other digits are still to come, on a line."""
_PLACES: Final = tuple(place for place in range(36) if place not in {8, 13, 14, 18, 23})
_VARIANT_PLACE: Final = 19
_VARIANT: Final = bytes.maketrans(b"0123456789abcdef", b"89ab" * 4)


class IdentifierSource:
    """Makes random UUIDs (version 4) as text.

    Many are made at once: one system call for their randomness, and each digit written into all of
    them together, which is a third of the work of writing them one by one. Make a source per
    process after it was forked: a copy would repeat identifiers.
    """

    def __init__(self) -> None:
        self._stock: list[str] = []

    def new(self) -> str:
        """A UUID that nobody has seen."""
        if not self._stock:
            self._stock = _many()
        return self._stock.pop()


def _many() -> list[str]:
    digits = os.urandom(_IDS_A_TIME * _BYTES).hex().encode()
    lines = bytearray(_BLANK * _IDS_A_TIME)
    for nth, place in enumerate(_PLACES):
        column = digits[nth :: 2 * _BYTES]
        if place == _VARIANT_PLACE:
            column = column.translate(_VARIANT)
        lines[place :: len(_BLANK)] = column
    return lines.decode().split()
