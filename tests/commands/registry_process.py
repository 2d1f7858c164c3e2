"""A real registry in a process of its own, for commands that ask one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.free_ports import free_port

_READY_SECONDS = 60.0
_PREPARE = """
import sys
from datetime import timedelta
from django.utils import timezone
from allotment.registry.bootstrap import prepare
from allotment.settings import from_environ
prepare(from_environ())
from allotment.registry import seeding, tokens
from allotment.registry.models import Account
seeding.seed_demo()
expires = timezone.now() + timedelta(days=1)
for name, role, scopes in (("admin", "admin", ["read", "write", "operate", "people"]),
                           ("reader", "viewer", ["read"])):
    account, _ = Account.objects.get_or_create(username=name, defaults={"role": role})
    print(tokens.make(account, name="test", scopes=scopes, expires=expires)[1])
"""


@dataclass(frozen=True)
class RunningRegistry:
    """A registry with the demo's items. `admin` and `reader` are tokens."""

    data: Path
    url: str
    admin: str
    reader: str

    def run(
        self, *arguments: str, token: str | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """A command of `allotment` that asks this registry, by default with the admin's token."""
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "allotment", *arguments],
            env=self._environ(self.admin if token is None else token),
            cwd=cwd,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    def shell(self, command: str, *, cwd: Path) -> str:
        """What a line of a shell prints, with the admin's token and `allotment` at hand."""
        environ = self._environ(self.admin)
        environ["PATH"] = f"{Path(sys.executable).parent}:{environ['PATH']}"
        found = subprocess.run(
            ["sh", "-c", command],
            env=environ,
            cwd=cwd,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return found.stdout + found.stderr

    def _environ(self, token: str) -> dict[str, str]:
        return _environ(self.data, ALLOTMENT_REGISTRY_URL=self.url, ALLOTMENT_TOKEN=token)


def _environ(data: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("ALLOTMENT_")}
    return {**kept, "ALLOTMENT_DATA": str(data), **more}


@contextmanager
def running_registry(data: Path) -> Iterator[RunningRegistry]:
    """Start one on a free port and wait until it is ready; it ends with the block."""
    data.mkdir(parents=True, exist_ok=True)
    port = free_port()
    environ = _environ(data, ALLOTMENT_REGISTRY_PORT=str(port))
    made = subprocess.run(
        [sys.executable, "-c", _PREPARE], env=environ, capture_output=True, text=True, check=True
    )
    admin, reader = made.stdout.split()[-2:]
    with (data / "registry.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "allotment", "registry"],
            env=environ,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(process, url, data)
        yield RunningRegistry(data, url, admin, reader)
    finally:
        process.terminate()
        process.wait(30)


def _wait(process: subprocess.Popen[bytes], url: str, data: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        assert process.poll() is None, (data / "registry.log").read_text()
        assert time.monotonic() < deadline, "the registry does not answer"
        try:
            with urllib.request.urlopen(f"{url}/api/v1/experiments", timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
