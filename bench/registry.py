"""How quick the registry is with 2,000 items, 50,000 versions and as many entries of the audit log.

    python bench/registry.py [--database sqlite,postgresql] [--rounds 20] [--items 2000]

A real server process answers over HTTP on this machine; printed are each address's size and number
of queries, and in milliseconds the processor time that the server took for an answer, and the best,
the median and the 99th percentile of what a client waited, over one kept connection. Bars: any page
200, `/api/v1/experiments` 20, a 304 of it 3; a median over its bar ends with `!`. Where the machine
does other things too, look at the processor time and at the best. `after a write` is the first
answer after a change, which is shaped anew.
"""
# ruff: noqa: PLC0415 - Django is set up before what needs it

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from statistics import median

import httpx

ROOT = Path(__file__).resolve().parent.parent
PAGE_BAR, API_BAR, UNCHANGED_BAR = 200.0, 20.0, 3.0
EXPERIMENT, INSTRUMENT, DRAFT = "experiment-0001", "instrument-0001", "experiment-0017"
PAGES = (
    "/",
    "/health",
    "/directory",
    "/directory?q=reason+words",
    "/directory?q=experiment&status=running&team=Team+3&site=wiki003&sort=changed",
    "/directory?page=40",
    "/calendar",
    "/kill",
    "/experiments/new",
    "/instruments/new",
    *(
        f"/experiments/{EXPERIMENT}{tab}"
        for tab in (
            "",
            "/configuration",
            "/results",
            "/history",
            "/history?from=3&to=20",
            "/install",
            "/edit",
            "/stop",
        )
    ),
    f"/experiments/{DRAFT}",
    f"/experiments/{DRAFT}/edit",
    *(f"/instruments/{INSTRUMENT}{tab}" for tab in ("", "/history", "/install", "/edit")),
    "/sites",
    "/sites/of/wiki003",
    "/streams",
    "/streams/product_metrics.web_base",
    "/people",
    "/people/of/bench",
    "/people/tokens",
    "/teams",
    "/account",
    "/audit",
    "/audit?name=experiment-0003",
)
PUBLIC = (
    "/api/v1/experiments",
    "/api/v1/experiments?format=analytics",
    "/api/v1/experiments?authority=mediawiki",
    "/api/v1/experiments?authority=varnish&format=config",
    "/api/v1/instruments",
    "/w/api.php?action=streamconfigs&format=json&formatversion=2",
)
MANAGE = tuple(
    f"/api/v1/manage{path}"
    for path in (
        "/experiments",
        "/experiments?page=10&size=100",
        f"/experiments/{EXPERIMENT}",
        f"/experiments/{EXPERIMENT}/history",
        f"/experiments/{EXPERIMENT}/findings",
        "/instruments",
        "/streams",
        "/sites",
        "/audit",
    )
)
_READY_SECONDS = 120


@dataclass
class Figures:
    """What one address took, in milliseconds, and how much it answered."""

    address: str
    bar: float
    taken: list[float] = field(default_factory=list)
    processor: float = 0.0
    size: int = 0
    status: int = 0
    queries: int | None = None

    @property
    def line(self) -> str:
        """One row of the table."""
        ordered = sorted(self.taken)
        last = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
        middle = median(ordered)
        queries = "" if self.queries is None else str(self.queries)
        mark = " !" if middle > self.bar else ""
        return (
            f"{self.address:<72.72} {self.status:>4} {self.size / 1000:>7.0f} {queries:>7}"
            f" {self.processor:>9.1f} {ordered[0]:>9.1f} {middle:>9.1f} {last:>9.1f}{mark}"
        )


HEADING = (
    f"{'address':<72} {'':>4} {'kB':>7} {'queries':>7} {'processor':>9} {'best':>9} {'median':>9}"
    f" {'p99':>9}"
)


@contextmanager
def served(environ: dict[str, str]) -> Iterator[tuple[str, int]]:
    """The registry as a process: its address and process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = Path(environ["ALLOTMENT_DATA"]) / "registry.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "allotment", "registry"],
            env={**environ, "ALLOTMENT_REGISTRY_PORT": str(port)},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            yield _ready(f"http://127.0.0.1:{port}", process, log), process.pid
        finally:
            process.terminate()
            process.wait(30)


def _ready(address: str, process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            if httpx.get(f"{address}/healthz", timeout=5).is_success:
                return address
        except httpx.TransportError:
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"the registry does not answer:\n{log.read_text()}")
            time.sleep(0.05)


def processor_ms(pid: int) -> float:
    """The processor time that a process and its children have taken, their ended threads too; but
    for the daily check, which goes when it is done and takes its time with it."""
    # The clock of another process, as clock_getcpuclockid(3) makes its number.
    found = time.clock_gettime((~pid << 3) | 2) * 1000
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            with suppress(OSError):
                if b"checked_apart" not in Path(f"/proc/{child}/cmdline").read_bytes():
                    found += processor_ms(int(child))
    return found


def measure(
    client: httpx.Client,
    pid: int,
    address: str,
    bar: float,
    rounds: int,
    headers: dict[str, str],
    *,
    skipped: int = 1,
) -> Figures:
    """Ask for one address again and again, after some that are not counted."""
    found = Figures(address, bar)
    before = 0.0
    for round_ in range(rounds + skipped):
        if round_ == skipped:
            before = processor_ms(pid)
        began = time.perf_counter()
        answer = client.get(address, headers=headers)
        taken = (time.perf_counter() - began) * 1000
        found.status, found.size = answer.status_code, len(answer.content)
        if round_ >= skipped:
            found.taken.append(taken)
    found.processor = (processor_ms(pid) - before) / rounds
    return found


def queries(paths: tuple[str, ...], cookie: str, token: str) -> dict[str, int]:
    """How many queries each address takes, asked in this process."""
    from django.conf import settings
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    browser = Client(raise_request_exception=False, headers={"host": "127.0.0.1"})
    browser.cookies[settings.SESSION_COOKIE_NAME] = cookie
    found = {}
    for path in paths:
        headers = {"Authorization": f"Bearer {token}"} if "/manage/" in path else {}
        browser.get(path, headers=headers)
        with CaptureQueriesContext(connection) as asked:
            browser.get(path, headers=headers)
        found[path] = len(asked)
    return found


def run(database: str, items: int, rounds: int, *, count: bool) -> None:
    """Fill one database, serve it, and print the table."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-registry-") as folder,
        _database(database) as url,
    ):
        environ = {k: v for k, v in os.environ.items() if not k.startswith("ALLOTMENT_")}
        environ |= {"ALLOTMENT_DATA": folder, "ALLOTMENT_DATABASE_URL": url}
        os.environ.clear()
        os.environ.update(environ)
        _measured(database, items, rounds, environ, count=count)


@contextmanager
def _database(kind: str) -> Iterator[str]:
    if kind == "sqlite":
        yield ""
        return
    sys.path.insert(0, str(ROOT))
    from tests import postgres_server

    with postgres_server.running() as server:
        yield server.create("bench")


def _measured(
    database: str, items: int, rounds: int, environ: dict[str, str], *, count: bool
) -> None:
    from allotment.registry.bootstrap import prepare
    from allotment.settings import from_environ

    prepare(from_environ())
    import registry_data
    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.db import connection
    from django.utils import timezone

    from allotment.registry import permissions, tokens
    from allotment.registry.sessions import SessionStore

    began = time.monotonic()
    size = registry_data.Size(items=items)
    who = registry_data.fill(size)
    registry_data.reports(settings.ALLOTMENT.lake_dir, size)
    print(
        f"\n{database}: {size.items:,} items, {size.histories:,} versions, {size.entries:,} entries"
        f" of the audit log, {size.items // 2:,} reports; made in {time.monotonic() - began:.0f} s"
    )
    if connection.vendor == "postgresql":
        # As it is soon after by itself; until then the server would be busy with that.
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    session = SessionStore()
    session[SESSION_KEY] = str(who.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = who.get_session_auth_hash()
    session.create()
    cookie = str(session.session_key)
    _, token = tokens.make(
        who,
        name="bench",
        scopes=[scope.value for scope in permissions.Scope],
        expires=timezone.now() + timedelta(days=1),
    )
    asked = queries((*PAGES, *PUBLIC, *MANAGE), cookie, token) if count else {}
    print(HEADING)
    with served(environ) as (address, pid), httpx.Client(base_url=address, timeout=120) as client:
        client.cookies.set(settings.SESSION_COOKIE_NAME, cookie)
        bearer = {"Authorization": f"Bearer {token}"}
        first = measure(client, pid, "/", PAGE_BAR, 1, {}, skipped=0)
        print(replace(first, address="the first Home after the start").line, flush=True)
        for path in (*PAGES, *PUBLIC, *MANAGE):
            bar = API_BAR if path in PUBLIC else PAGE_BAR
            headers = bearer if path in MANAGE else {}
            found = measure(client, pid, path, bar, rounds * (10 if path in PUBLIC else 1), headers)
            found.queries = asked.get(path)
            print(found.line, flush=True)
        for path in PUBLIC:
            tag = {"If-None-Match": client.get(path).headers["ETag"]}
            print(
                replace(
                    measure(client, pid, path, UNCHANGED_BAR, rounds * 10, tag),
                    address=f"unchanged: {path}",
                ).line
            )
        for line in _writes(client, pid, bearer, rounds):
            print(line, flush=True)


def _writes(client: httpx.Client, pid: int, bearer: dict[str, str], rounds: int) -> Iterator[str]:
    address = f"/api/v1/manage/experiments/{EXPERIMENT}"
    writing = Figures("PATCH of a running experiment", PAGE_BAR)
    after = {path: Figures(f"after a write: {path}", PAGE_BAR) for path in PUBLIC}
    tag = client.get(address, headers=bearer).headers["ETag"]
    for round_ in range(rounds):
        rate = f"0.{11 + round_}"
        used, began = processor_ms(pid), time.perf_counter()
        answer = client.patch(
            address,
            headers={**bearer, "If-Match": tag},
            json={"sites": [{"site": f"wiki{n:03d}", "rate": rate} for n in range(5)]},
        )
        writing.taken.append((time.perf_counter() - began) * 1000)
        writing.processor += (processor_ms(pid) - used) / rounds
        writing.status, writing.size = answer.status_code, len(answer.content)
        if not answer.is_success:
            yield f"the write was refused: {answer.text[:500]}"
            return
        tag = answer.headers["ETag"]
        for path, figures in after.items():
            used, began = processor_ms(pid), time.perf_counter()
            found = client.get(path)
            figures.taken.append((time.perf_counter() - began) * 1000)
            figures.processor += (processor_ms(pid) - used) / rounds
            figures.status, figures.size = found.status_code, len(found.content)
    yield writing.line
    yield from (figures.line for figures in after.values())


def main() -> None:
    """Read the options and run, each database in a process of its own: Django has one."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--database", default="sqlite,postgresql")
    options.add_argument("--rounds", type=int, default=20)
    options.add_argument("--items", type=int, default=2_000)
    options.add_argument("--no-queries", action="store_true")
    given = options.parse_args()
    kinds = given.database.split(",")
    if len(kinds) > 1:
        for kind in kinds:
            more = [part for part in sys.argv[1:] if not part.startswith("--database")]
            subprocess.run([sys.executable, __file__, f"--database={kind}", *more], check=True)
        return
    run(kinds[0], given.items, given.rounds, count=not given.no_queries)


if __name__ == "__main__":
    main()
