"""The sites of the how-to guide, served by real servers, with a registry and an intake."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.free_ports import free_port
from tests.sdk.stand_ins import EXPERIMENT, Intake, Registry, wait_until

GUIDE = Path(__file__).parents[2] / "docs/how-to/instrument-a-python-site.md"
EXAMPLE = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
DJANGO, FLASK, FASTAPI, ASGI = EXAMPLE.findall(GUIDE.read_text())
NAME = "search-prompt"
WORDS = "What are you looking for?"
GRANIAN = "-m granian --no-access-log --host 127.0.0.1 --port {port} --interface"
SITES = {
    "django-wsgi": (DJANGO, "answer =", f"{GRANIAN} wsgi site_example:application"),
    "django-asgi": (DJANGO, "answer =", f"{GRANIAN} asgi site_example:async_application"),
    "flask": (FLASK, "answer =", f"{GRANIAN} wsgi site_example:app"),
    "fastapi": (FASTAPI, "async def try_it", f"{GRANIAN} asgi site_example:app"),
    "asgi-granian": (ASGI, "async def try_it", f"{GRANIAN} asgi site_example:app"),
    "asgi-uvicorn": (
        ASGI,
        "async def try_it",
        "-m uvicorn --host 127.0.0.1 --port {port} --lifespan on site_example:app",
    ),
}
"""By name: the example, where its own trial begins, which is left out, and what serves it."""
DJANGO_APPLICATIONS = """
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application

application, async_application = get_wsgi_application(), get_asgi_application()
"""


@pytest.fixture
def registry(registry: Registry) -> Registry:
    """It has the experiment of the guide, in which everybody is."""
    registry.experiments = [{**EXPERIMENT, "name": NAME, "groups": ["control", "prompt"]}]
    return registry


@contextmanager
def served(name: str, registry: Registry, intake: Intake, folder: Path) -> Iterator[str]:
    """One of the guide's sites, until it is told to end; its address."""
    example, trial, command = SITES[name]
    site = example.partition(trial)[0]
    assert site != example
    site = site.replace('"http://127.0.0.1:9"', repr(registry.url))
    site = site.replace('"http://127.0.0.1:9/v1/events"', repr(intake.url))
    assert "127.0.0.1:9" not in site.replace(registry.url, "").replace(intake.url, "")
    more = DJANGO_APPLICATIONS if name.startswith("django") else ""
    (folder / "site_example.py").write_text(site + more)
    port = free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *command.format(port=port).split()],
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: answers(port), f"{name} answers: {(folder / 'log').read_text()}", 30)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(20)
        finally:
            process.kill()


def answers(port: int) -> bool:
    try:
        return WORDS in page(f"http://127.0.0.1:{port}", f"?mpo={NAME}:prompt")
    except OSError:
        return False


def page(site: str, query: str = "", cookie: str = "") -> str:
    request = urllib.request.Request(f"{site}/search{query}", headers={"Cookie": cookie})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.headers["Cache-Control"] == "private"
        text: str = answer.read().decode()
        return text


@pytest.mark.parametrize("name", SITES)
def test_guides_site__served__enrolls_visitors_and_sends_their_exposure(
    name: str, registry: Registry, intake: Intake, tmp_path: Path
) -> None:
    cookies = [f"allotment-browser={number:032x}" for number in range(40)]

    def drawn() -> list[bool]:
        return [WORDS in page(site, cookie=cookie) for cookie in cookies]

    with served(name, registry, intake, tmp_path) as site:
        wait_until(lambda: WORDS in page(site, f"?mpo={NAME}:prompt"), "the site draws a page")
        assert '<script src="/_allotment/allotment.js' in page(site)
        wait_until(lambda: any(drawn()), "the configuration arrives, and some get the prompt", 20)
        assert sum(first := drawn()) not in {0, len(cookies)}
        assert drawn() == first, "a visitor who comes again is in the same group"
    # What waited when the server was told to end has arrived, too.
    own = [event["experiments"] for event in intake.events]
    drawn_by_law = [one for one in own if one["coordinators"][NAME] == "default"]
    assert {event["action"] for event in intake.events} == {"experiment_exposure"}
    assert {one["assigned"][NAME] for one in drawn_by_law} == {"control", "prompt"}
    assert len({one["subject_ids"][NAME] for one in drawn_by_law}) >= len(cookies)
