"""What a run of the tests has started ends with the run, even where that is killed.

Each process of a run has the run's mark in its environment. A watcher holds one end of a pipe whose
other end the run has; when that closes, for whatever reason, it ends what still has the mark. It
looks in /proc: on a system without one nothing is done.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

MARK = "TESTS_RUN"
"""Names a folder of the run's own. Of a name that no test takes out of what it gives on."""

_WATCH = """
import os, pathlib, shutil, signal, sys, time

mark = sys.argv[1].encode()
sys.stdin.read()

def left():
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if int(folder.name) != os.getpid() and mark in (folder / "environ").read_bytes():
                yield int(folder.name), (folder / "cmdline").read_bytes()
        except OSError:
            pass  # it has ended, or is somebody else's

told = set()
# A server in use heeds the second: PostgreSQL waits for its clients at the first.
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
    for process, command in left():
        if process not in told:
            told.add(process)
            words = command.replace(bytes(1), b" ").decode(errors="replace")
            print("left behind by the tests, and ended:", process, words[:200], file=sys.stderr)
        try:
            os.kill(process, number)
        except OSError:
            pass
    for _ in range(40):
        if not any(left()):
            break
        time.sleep(0.05)
shutil.rmtree(sys.argv[1].partition("=")[2], ignore_errors=True)
"""


class Watcher:
    """Watches over one run: the process that makes it, and all that it starts."""

    def __init__(self) -> None:
        folder = tempfile.mkdtemp(prefix="tests-")
        Path(folder).chmod(0o711)  # what is started as another user may have a folder in it
        os.environ[MARK] = folder
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WATCH, f"{MARK}={folder}"],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is not for it
        )

    def end(self) -> None:
        """End what is left, and say so on the standard error."""
        os.environ.pop(MARK, None)
        self._process.communicate()


def watched() -> Watcher | None:
    """A watcher over this process, or None where one is over it: over a worker of pytest, say."""
    if MARK in os.environ or not Path("/proc/self/environ").exists():
        return None
    return Watcher()


def folder_of_run() -> Path | None:
    """Whose content is removed when the run ends, however it does. Its path is short."""
    return Path(os.environ[MARK]) if MARK in os.environ else None
