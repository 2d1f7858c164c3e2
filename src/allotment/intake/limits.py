"""How much of anything a client may ask for, and the memory that bodies take together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_MOST_BODIES: Final = 16
_LEAST_MEMORY: Final = 32 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one worker. Times in seconds, sizes in bytes."""

    body_bytes: int
    """Largest body, as sent and after decompression."""
    connections: int = 10_000
    target_bytes: int = 8_192
    """Longest path with its query."""
    head_bytes: int = 32_768
    """Request line, headers and trailers together."""
    drained_bytes: int = 32 << 20
    """A body that is too large is read so much further, for the client to see its answer."""
    idle_seconds: float = 75.0
    """Longer than proxies keep connections (60 s is usual): theirs must be the first to end."""
    head_seconds: float = 10.0
    body_seconds: float = 10.0
    """After this time a body must have come, or come at `body_rate` since."""
    body_rate: float = 4_096.0
    """Bytes a second, of bodies that come and of answers that go."""
    write_seconds: float = 30.0
    linger_seconds: float = 2.0
    """How long an ended connection is read on, so that its last answer is not lost."""
    stop_seconds: float = 10.0
    """How long what is under way may take once the intake was told to stop."""

    @property
    def memory_bytes(self) -> int:
        """What all bodies that are being read or worked on may take together."""
        return max(_LEAST_MEMORY, _MOST_BODIES * self.body_bytes)


class Memory:
    """Counts the bytes of bodies, and of large answers, that a worker holds."""

    __slots__ = ("held", "limit", "reserve")

    def __init__(self, limit: int) -> None:
        """`limit` bytes for all, and a quarter more that only small bodies may use."""
        self.held = 0
        self.limit = limit
        self.reserve = limit // 4
