"""Random identifiers for events and requests."""

from __future__ import annotations

import os
from typing import Final

_IDS_A_READ: Final = 256
_BYTES: Final = 16
_VARIANT: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


class IdentifierSource:
    """Makes random UUIDs (version 4) as text.

    Randomness is read for many at once, since a system call an event costs more than all the rest
    of filling one in. Make one per process after it was forked: a copy would repeat identifiers.
    """

    def __init__(self) -> None:
        self._stock = ""
        self._at = 0

    def new(self) -> str:
        """A UUID that nobody has seen."""
        at = self._at
        if at == len(self._stock):
            self._stock, at = os.urandom(_IDS_A_READ * _BYTES).hex(), 0
        self._at = at + 2 * _BYTES
        h = self._stock[at : at + 2 * _BYTES]
        return f"{h[:8]}-{h[8:12]}-4{h[13:16]}-{_VARIANT[h[16]]}{h[17:20]}-{h[20:]}"
