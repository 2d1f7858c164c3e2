"""What a server's process has done before it is asked, and goes on doing beside its answers."""

from __future__ import annotations

import json
from pathlib import Path

from tests.registry.test_bootstrap import run

SETTINGS = {"DJANGO_SETTINGS_MODULE": "allotment.registry.django_settings"}
BEGIN = """
import gc, json, sys, threading
from allotment.settings import from_environ
from allotment.registry.bootstrap import prepare
prepare(from_environ())
from allotment.registry.wsgi import application
from allotment.registry import served
from django.conf import settings
from django.test import Client

frozen, held = gc.get_freeze_count(), sorted(question.form for _, question in served._held)
client = Client(headers={"host": "127.0.0.1"})
pages = [client.get("/healthz").status_code, client.get("/login").status_code]
known = {name.partition(".")[0] for name in sys.modules}
from allotment.registry.models import Account
ada = Account.objects.create_user("ada", role="admin")
client.force_login(ada, settings.AUTHENTICATION_BACKENDS[0])
pages.append(client.get("/").status_code)
more = {name.partition(".")[0] for name in sys.modules} - known
threads = [thread.name for thread in threading.enumerate()]
print(json.dumps([frozen, held, pages, sorted(more), threads]))
"""


def test_begin__before_the_first_question__all_is_shaped_loaded_and_left_alone(
    tmp_path: Path,
) -> None:
    frozen, held, pages, more, threads = json.loads(run(tmp_path, BEGIN, **SETTINGS))
    assert held == ["analytics", "config", "config", "config"]
    assert pages == [200, 200, 200]
    assert more == [], "Home loads no library that the start has not loaded"
    assert frozen > 100_000
    assert {"look", "check"} <= set(threads)
    assert "reports" not in threads
