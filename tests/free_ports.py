"""Ports for servers that run as a process of their own: nobody takes them meanwhile."""

import itertools
import os
import random
import socket
from collections import deque

# Below what Linux (32768) and macOS (49152) give to outgoing connections and to port 0: else any
# connection, a browser's say, may take a port between the moment it is found and that of its use.
_FIRST, _LAST = 20_000, 31_999
_COUNT = _LAST - _FIRST + 1
_order = itertools.cycle(random.SystemRandom().sample(range(_FIRST, _LAST + 1), _COUNT))

_KEPT = 200
"""No test has so many at once, and a process may often have no more than 1024 open files."""
_claims: deque[int] = deque()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses, and that no other process of tests is given.

    Raises:
        RuntimeError: there is none.
    """
    for port in itertools.islice(_order, _COUNT):
        with socket.socket() as probe, socket.socket(type=socket.SOCK_DGRAM) as claim:
            try:
                claim.bind(("127.0.0.1", port))
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            # UDP's port of the same number, where nothing here listens, tells others that this one
            # is given away: for as long as this process lives, or until it was given many more.
            _claims.append(claim.detach())
        if len(_claims) > _KEPT:
            os.close(_claims.popleft())
        return port
    raise RuntimeError(f"no port from {_FIRST} to {_LAST} of 127.0.0.1 is free")


def free_ports(count: int) -> list[int]:
    """So many of them."""
    return [free_port() for _ in range(count)]
