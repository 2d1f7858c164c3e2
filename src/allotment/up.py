"""`allotment up`: the whole lab on one machine, under one supervisor, in one folder."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from allotment.settings import Settings, note_addresses, to_environ
from allotment.supervisor import Part, PartFailedError, Supervisor
from allotment_demo.synthetic_readers import Counts, SyntheticReadersError
from allotment_demo.synthetic_readers import send as send_synthetic_readers

READY_SECONDS = 60.0
SYNTHETIC_READERS = 3000


class UpError(RuntimeError):
    """The lab cannot start; the message says why and what to do."""


def up(settings: Settings, console: Console, *, empty: bool) -> None:
    """Run the lab until SIGINT or SIGTERM.

    A second call on the same data goes on where the first stopped.

    Args:
        settings: ports, data folder and the rest.
        console: where a person reads.
        empty: leave out the demo's experiment, its instrument and the synthetic readers.

    Raises:
        UpError: a port is in use, the data folder is in use or cannot be written, or a part cannot
            be kept running.
    """
    began = time.monotonic()
    stop = threading.Event()
    with _stopping_on_signals(stop), _only_one(settings.data):
        _check_ports(settings)
        settings = _reachable(settings)
        with console.status("Preparing the registry …"):
            password = _prepare(settings, empty=empty)
        note_addresses(settings)
        supervisor = Supervisor(settings.log_dir, _environ(settings), console.print)
        try:
            if not stop.is_set():
                with console.status("Starting registry, intake, sink, analyst and demo wiki …"):
                    supervisor.start(parts(settings))
                    supervisor.wait_ready(READY_SECONDS, stop)
            if not stop.is_set():
                _greet(settings, console, password, time.monotonic() - began)
                password = None
                if not empty:  # in a thread: the parts are tended meanwhile, and Ctrl-C is heard
                    threading.Thread(
                        target=_send_synthetic_readers, args=(settings, console, stop), daemon=True
                    ).start()
            while not stop.wait(0.25):
                supervisor.tend()
        except PartFailedError as error:
            raise UpError(str(error)) from error
        finally:
            console.print("Stopping …")
            supervisor.stop()
            if password:  # nobody was greeted, and no other start will know it
                console.print(f"Log in as admin, one-time password {password} (shown only now).")
            console.print("Stopped. The data stay in place.")


def parts(settings: Settings) -> list[Part]:
    """What `up` runs, in the order of starting; stopping goes the other way."""
    local = settings.url_host
    command = (sys.executable, "-m", "allotment", "--parent", str(os.getpid()))
    return [
        Part("sink", (*command, "sink")),
        Part("analyst", (*command, "analyst")),
        Part(
            "registry", (*command, "registry"), f"http://{local}:{settings.registry_port}/healthz"
        ),
        Part("intake", (*command, "intake"), f"http://{local}:{settings.intake_port}/readyz"),
        Part("demo", (*command, "demo"), f"http://{local}:{settings.demo_port}/healthz"),
    ]


def _environ(settings: Settings) -> dict[str, str]:
    return {**os.environ, **to_environ(settings), "PYTHONUNBUFFERED": "1"}


def _reachable(settings: Settings) -> Settings:
    """Paths that children started elsewhere read the same way."""
    return replace(settings, data=settings.data.resolve())


def _prepare(settings: Settings, *, empty: bool) -> str | None:
    """Migrate the registry in a process of its own; the first admin's password if just made."""
    found = subprocess.run(  # noqa: S603 - our own command line
        [sys.executable, "-m", "allotment", "prepare", *(["--empty"] if empty else [])],
        env=_environ(settings),
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,  # Ctrl-C must not cut it off between the account and its password
    )
    if found.returncode:
        raise UpError(f"The registry's database could not be prepared:\n{found.stderr.strip()}")
    password: str | None = json.loads(found.stdout)["password"]
    return password


def _greet(settings: Settings, console: Console, password: str | None, seconds: float) -> None:
    shown = settings.url_host
    rows = [
        ("Registry", f"http://{shown}:{settings.registry_port}/"),
        ("Demo wiki", f"http://{shown}:{settings.demo_port}/"),
        ("Intake", f"http://{shown}:{settings.intake_port}/v1/events"),
        ("Data", f"{_short(settings.data)} (safe to delete; logs in {_short(settings.log_dir)})"),
    ]
    if password:
        rows.insert(1, ("Log in", f"admin, one-time password {password} (shown only now)"))
    if settings.dev_login:
        rows.insert(1, ("Log in", "without a password (--dev-login; for local work only)"))
    console.print(f"\n[bold]Allotment runs[/bold] after {seconds:.1f} s. Ctrl-C stops it.")
    for label, text in rows:
        console.print(f"  {label:<10} {text}", soft_wrap=True, highlight=False)
    console.print()


def _short(path: Path) -> str:
    return f"./{path.relative_to(Path.cwd())}" if path.is_relative_to(Path.cwd()) else str(path)


def _send_synthetic_readers(settings: Settings, console: Console, stop: threading.Event) -> None:
    """Once a data folder: readers that nobody is, so that the first results page is not blank."""
    marker = settings.data / "synthetic-readers.json"
    if marker.exists():
        return
    try:
        counts = _send(settings, console, stop)
    except SyntheticReadersError as error:
        if not stop.is_set():
            console.print(f"No synthetic readers: {error}", soft_wrap=True)
        return
    marker.write_text(json.dumps({"readers": SYNTHETIC_READERS, "counts": repr(counts)}))
    console.print(
        "Synthetic readers are in the demo's experiment; see its results at "
        f"{settings.registry_url}/experiments/related-articles-card/results",
        soft_wrap=True,
    )


def _send(settings: Settings, console: Console, stop: threading.Event) -> Counts:
    with Progress(
        TextColumn("Synthetic readers"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    ) as progress:
        task = progress.add_task("", total=SYNTHETIC_READERS)

        def on_progress(done: int) -> None:
            progress.update(task, completed=done)
            if stop.is_set():
                raise SyntheticReadersError("the lab is stopping")

        return send_synthetic_readers(
            registry_url=settings.registry_url,
            intake_url=settings.intake_url,
            readers=SYNTHETIC_READERS,
            seed=_next_seed(settings.data / "synthetic-readers.begun"),
            on_progress=on_progress,
        )


def _next_seed(begun: Path) -> int:
    """Other readers than those of a run that was cut off: theirs would come a second time."""
    seed = int(begun.read_text()) + 1 if begun.exists() else 1
    begun.write_text(str(seed))
    return seed


def _check_ports(settings: Settings) -> None:
    wanted = {
        "registry": settings.registry_port,
        "intake": settings.intake_port,
        "demo": settings.demo_port,
    }
    if len(set(wanted.values())) < len(wanted):
        raise UpError(f"Registry, intake and demo need three ports; given are {wanted}")
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    for part, port in wanted.items():
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, port))
            except OSError as error:
                raise UpError(
                    f"Port {port} for the {part} cannot be used: {error.strerror}. End what uses "
                    f"it, or choose another with --{part}-port"
                ) from error


@contextmanager
def _only_one(data: Path) -> Iterator[None]:
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / "up.lock").open("w")
    except OSError as error:
        raise UpError(
            f"The data folder {data} cannot be used: {error.strerror}; choose another with --data"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UpError(
                f"Another `allotment up` uses the data folder {data}; stop it, or choose another "
                "with --data"
            ) from error
        yield


@contextmanager
def _stopping_on_signals(stop: threading.Event) -> Iterator[None]:
    def note(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {n: signal.signal(n, note) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
