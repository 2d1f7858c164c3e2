"""The check beside the form, in a real browser: it follows what is typed, and saves nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from allotment.registry import seeding, served
from allotment.registry.models import Account, Experiment, Stream

pytestmark = pytest.mark.usefixtures("database_beside_a_loop")


@pytest.mark.django_db(transaction=True)
def test_form__somebody_types__the_check_follows(
    chromium: Browser, live_server: LiveServer
) -> None:
    seeding.create_streams()
    client = Client()
    client.force_login(Account.objects.create_user(username="ada", role="admin"))
    context = chromium.new_context()
    address = str(live_server.url)
    context.add_cookies(
        [{"name": name, "value": c.value, "url": address} for name, c in client.cookies.items()]
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}/experiments/new")
    beside = page.locator(".check-col")
    expect(beside).not_to_contain_text("far ahead")
    far = timezone.now() + timedelta(days=365 * 9)
    page.locator("#id_end").fill(far.strftime("%Y-%m-%dT%H:%M"))
    expect(beside).to_contain_text("Advice: the end is far ahead")
    page.locator("#id_name").fill("Typed on")
    expect(page.locator("#id_machine_name")).to_have_value("typed-on")
    soon = timezone.now() + timedelta(days=9)
    page.locator("#id_end").fill(soon.strftime("%Y-%m-%dT%H:%M"))
    expect(beside).not_to_contain_text("far ahead")
    expect(page.locator("#id_name")).to_have_value("Typed on")
    context.close()
    assert complaints == []
    assert not Experiment.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_check_command__running_registry__what_it_serves(live_server: LiveServer) -> None:
    """`allotment check` without files asks the registry that runs."""
    seeding.seed_demo()

    def check() -> subprocess.CompletedProcess[str]:
        program = (
            "import os, sys; os.environ['ALLOTMENT_REGISTRY_URL'] = sys.argv.pop(1);"
            "from allotment.cli import main; main()"
        )
        return subprocess.run(
            [sys.executable, "-c", program, live_server.url, "check", "--format", "json"],
            capture_output=True,
            text=True,
            check=False,
        )

    found = check()
    assert found.returncode == 0, found.stdout + found.stderr
    assert json.loads(found.stdout)["summary"].endswith(
        "in 2 streams, 1 instrument and 1 experiment."
    )
    Stream.objects.filter(name=seeding.WEB_STREAM).update(settings={"eventgate": {}})
    served.forget()  # a change past the registry shows within a minute otherwise
    found = check()
    assert found.returncode == 1
    assert [f["rule"] for f in json.loads(found.stdout)["findings"]] == ["setting-in-its-place"]
