"""What must be made anew in a forked process: locks that another thread may have held, threads."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class ForkAware(Protocol):
    """Something with locks or threads."""

    def begin_process(self) -> None:
        """Forget the parent's locks, threads and unfinished work. Starts no thread itself."""
        ...


_known: weakref.WeakSet[ForkAware] = weakref.WeakSet()


def watch(item: ForkAware) -> None:
    """Have `begin_process` called in every process that is forked from this one."""
    _known.add(item)


def _begin_all() -> None:
    for item in list(_known):
        item.begin_process()


# Servers such as gunicorn fork their workers after the application was loaded.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_all)
