"""A data folder made ready, and the registry as a real process."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tests.free_ports import free_port

from allotment.registry import secret_key

SECONDS = 180.0


def environment(data: Path, **more: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ALLOTMENT_", "DJANGO_"))}
    return kept | {"ALLOTMENT_DATA": str(data)} | more


def run(data: Path, code: str, **more: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment(data, **more),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


PREPARE = """
import json
from allotment.settings import from_environ
from allotment.registry.bootstrap import prepare
password = prepare(from_environ())
from allotment.registry.seeding import seed_demo
seed_demo()
from allotment.registry.models import Experiment, Stream
templates = Experiment.objects.filter(is_template=True).count()
demo = Experiment.objects.count() - templates
print(json.dumps([password, Stream.objects.count(), demo, templates]))
"""


def test_prepare__twice__password_once_and_everything_there(tmp_path: Path) -> None:
    password, *counts = json.loads(run(tmp_path, PREPARE))
    assert password
    assert counts == [2, 1, 2]
    assert json.loads(run(tmp_path, PREPARE)) == [None, 2, 1, 2]
    key = tmp_path / "registry" / "secret_key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(key.read_text()) >= 50


def test_settings__imported__nothing_is_written(tmp_path: Path) -> None:
    run(tmp_path / "none", "import allotment.registry.django_settings")
    assert not (tmp_path / "none").exists()


def test_seed_demo__as_a_command__says_so(tmp_path: Path) -> None:
    run(tmp_path, PREPARE)
    done = subprocess.run(
        [sys.executable, "-m", "django", "seed_demo"],
        env=environment(tmp_path, DJANGO_SETTINGS_MODULE="allotment.registry.django_settings"),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    assert "related-articles-card and demo-article-clicks are there." in done.stdout


def test_migrations__models_as_they_are__none_is_missing(tmp_path: Path) -> None:
    code = """
from allotment.settings import from_environ
from allotment.registry.bootstrap import configure
configure(from_environ())
from django.core.management import call_command
call_command("makemigrations", check=True, dry_run=True)
call_command("check", fail_level="WARNING")
"""
    assert "No changes detected" in run(tmp_path, code)


def test_ensure__key_is_there__is_kept(tmp_path: Path) -> None:
    first = secret_key.ensure(tmp_path)
    assert secret_key.ensure(tmp_path) == first
    assert secret_key.read_or_passing(tmp_path) == first


def test_read_or_passing__no_key__one_for_this_process_only(tmp_path: Path) -> None:
    assert secret_key.read_or_passing(tmp_path) != secret_key.read_or_passing(tmp_path)
    assert list(tmp_path.iterdir()) == []


@contextmanager
def served(data: Path, **more: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    port = str(free_port())
    code = (
        "from allotment.settings import from_environ\n"
        "from allotment.registry.server import serve\n"
        "serve(from_environ())"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment(data, ALLOTMENT_REGISTRY_PORT=port, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        yield f"http://127.0.0.1:{port}", process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=SECONDS)


def get(address: str) -> tuple[int, Message, bytes]:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            with urlopen(address, timeout=SECONDS) as answer:
                return answer.status, answer.headers, answer.read()
        except (URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def test_serve__fresh_folder__pages_api_styles_and_a_clean_end(tmp_path: Path) -> None:
    with served(tmp_path) as (base, process):
        assert get(f"{base}/healthz")[2] == b'{"status":"ok"}'
        status, headers, body = get(f"{base}/api/v1/experiments")
        assert (status, body) == (200, b"[]")
        assert headers["X-Allotment-Config-Version"].isdigit()
        assert get(f"{base}/static/registry/style/ground.css")[1]["Content-Type"].startswith(
            "text/css"
        )
        assert b"Log in" in get(f"{base}/")[2]
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=SECONDS)
        assert process.returncode == 0
        assert "one-time password" in told
