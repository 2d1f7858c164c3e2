"""The daily check in a process of its own, which ends with the one that started it.

Among thousands of items it computes for seconds. In the server's process the pages would wait for
it at every turn; apart, and last in the queue for the processor, nobody notices it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

GENTLY: Final = 10
"""What is added to the niceness of the process."""


class CheckFailedError(RuntimeError):
    """The process ended without a result; its log says why."""


def run() -> None:
    """Check what is served now, and wait for the end; the findings are kept where they always are.

    Raises:
        CheckFailedError: it could not be done.
        OSError: no process could be started.
    """
    # What we hold of its input says that we are still there.
    command = [sys.executable, "-m", __name__]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:  # noqa: S603 - our own
        code = process.wait()
    if code:
        raise CheckFailedError(f"the process of the check ended with {code}")


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os._exit(1)


def _main() -> None:
    threading.Thread(target=_end_with_parent, name="orphan", daemon=True).start()
    with suppress(OSError):
        os.nice(GENTLY)
    import django  # noqa: PLC0415 - not before somebody watches the parent

    django.setup()
    from django.conf import settings  # noqa: PLC0415

    from allotment.registry import nightly  # noqa: PLC0415

    nightly.run(settings.ALLOTMENT.registry_dir, datetime.now(UTC))


if __name__ == "__main__":
    _main()
