"""A real PostgreSQL server for tests: made in a folder of its own, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tests.leftovers import folder_of_run
from tests.required_tools import lacking

PASSWORD = "pass/word:@#%"  # as awkward in a URL as one can be
_USER = "allotment"
_READY_SECONDS = 60
# Nothing here outlives the test, so nothing need survive a power cut.
_FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "max_connections=60")


@dataclass(frozen=True)
class Server:
    """A running server that only its socket reaches."""

    folder: Path
    programs: Path

    @property
    def password_file(self) -> Path:
        """Where the password stands."""
        return self.folder / "password"

    def url(self, database: str, *, password: bool = True) -> str:
        """The setting that names one of its databases."""
        secret = f":{quoted(PASSWORD)}" if password else ""
        return f"postgresql://{_USER}{secret}@{quoted(str(self.folder))}/{database}"

    def create(self, database: str) -> str:
        """A new, empty database; its URL."""
        self.sql("postgres", f'CREATE DATABASE "{database}"')
        return self.url(database)

    def sql(self, database: str, statement: str) -> str:
        """What a statement answers, as `psql` prints it without a head."""
        command = [str(self.programs / "psql"), "-qAtX", "-v", "ON_ERROR_STOP=1", "-U", _USER]
        done = subprocess.run(
            [*command, "-h", str(self.folder), "-d", database, "-c", statement],
            env={**os.environ, "PGPASSWORD": PASSWORD},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def on_postgresql() -> bool:
    """Whether this run of the tests is the one on PostgreSQL."""
    return os.environ.get("TEST_DATABASE", "sqlite") == "postgresql"


def quoted(text: str) -> str:
    """A text as a part of a URL."""
    return quote(text, safe="")


def programs() -> Path:
    """Where the server's programs are; Debian keeps them out of the path.

    Where there are none, the test that asks is reported as skipped; in CI it fails.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    path = shutil.which("initdb")
    if not found and path is None:
        lacking("needs postgresql, the server, which is not installed")
    return found[-1].parent if found else Path(str(path)).resolve().parent


@contextmanager
def running() -> Iterator[Server]:
    """A server, started and stopped; as another user where this one is root."""
    # A socket's path has at most 107 characters, which pytest's folders often exceed.
    with tempfile.TemporaryDirectory(
        prefix="pg-", dir=folder_of_run(), ignore_cleanup_errors=True
    ) as made:
        server = Server(Path(made), programs())
        server.password_file.write_text(f"{PASSWORD}\n")
        owner = _owner()
        if owner is not None:
            for path in (server.folder, server.password_file):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        data = server.folder / "data"
        _run(
            server,
            owner,
            *("initdb", "-D", str(data), "-U", _USER, "-A", "scram-sha-256", "--no-sync"),
            *("--pwfile", str(server.password_file), "-E", "UTF8", "--locale", "C.UTF-8"),
        )
        options = [part for setting in _FAST for part in ("-c", setting)]
        with (server.folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *(str(server.programs / "postgres"), "-D", str(data), *options),
                    *("-c", "listen_addresses=", "-c", f"unix_socket_directories={made}"),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=owner and owner.pw_uid,
                group=owner and owner.pw_gid,
                extra_groups=owner and [],
            )
        try:
            _until_ready(server, process)
            yield server
        finally:
            process.terminate()  # asks it to wait for its clients …
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                process.send_signal(2)  # … and SIGINT not to
                process.wait(30)


def _owner() -> pwd.struct_passwd | None:
    """Whom the server runs as, where this is root: it refuses root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return lacking("needs an account that is not root, such as nobody")


def _run(server: Server, owner: pwd.struct_passwd | None, name: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(server.programs / name), *arguments],
        cwd=server.folder,
        capture_output=True,
        text=True,
        check=False,
        user=owner and owner.pw_uid,
        group=owner and owner.pw_gid,
        extra_groups=owner and [],
    )
    assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"


def _until_ready(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    ready = [str(server.programs / "pg_isready"), "-q", "-h", str(server.folder)]
    while subprocess.run(ready, check=False).returncode:
        log = (server.folder / "log").read_text()
        assert process.poll() is None, f"the server ended:\n{log}"
        assert time.monotonic() < deadline, f"the server is not ready:\n{log}"
        time.sleep(0.05)
