"""A server's worker process ends when the process that started it is gone, however that went.

A leaf module: the standard library alone. The kernel's signal at a parent's death (`supervisor.py`)
reaches a service's main process and not what that one forks. A pipe whose other end the parent
holds open does, on every system.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from typing import Final

STOP_SECONDS: Final = 15.0
"""How long a worker may take to end in good order, once its parent is gone."""


def end_when_orphaned(stop_seconds: float = STOP_SECONDS) -> None:
    """Called in a worker: have it end as by SIGTERM when its parent is gone, at once if it is.

    It waits in a thread of its own. In a process that `multiprocessing` has not started nothing
    is done.

    Args:
        stop_seconds: a worker that has not ended so long after it was told to is cut off.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(stop_seconds)
        os._exit(1)

    threading.Thread(target=watch, name="orphan", daemon=True).start()
