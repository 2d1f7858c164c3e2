"""What the server's process does beside answering: it loads, shapes, looks and checks."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Final

from django.conf import settings
from django.template import engines
from django.utils import timezone
from django.utils.module_loading import import_string

from allotment.registry import checked_apart, nightly, results, served

LONGEST: Final = 5.0
"""Seconds. So long at most do questions wait for what pages alone need: a lake may be slow."""
_FIRST_PAGES: Final = ("registry/home.html", "registry/login.html")


def begin() -> None:
    """Shape what is served and load what pages need, before anybody can ask; then go on in threads
    that end with the process."""
    reading = _in_thread("reports", _read_reports)
    served.make_ready(timezone.now())
    _load_pages()
    reading.join(LONGEST)
    _leave_alone()
    _in_thread("look", partial(served.keep_looking, threading.Event()))
    folder = settings.ALLOTMENT.registry_dir
    check = partial(nightly.keep_running, folder, threading.Event(), checked_apart.run)
    _in_thread("check", check)


def _read_reports() -> None:
    import_module("allotment.analysis.reports")
    results.newest_or_fault(settings.ALLOTMENT.lake_dir)
    _leave_alone()


def _load_pages() -> None:
    """Not in the thread: both would import the same modules, and meet them half made."""
    import_module(settings.ROOT_URLCONF)
    for backend in settings.AUTHENTICATION_BACKENDS:
        import_string(backend)
    for page in _FIRST_PAGES:
        engines["django"].get_template(page)


def _leave_alone() -> None:
    """Keep the search for garbage from what there is now: modules and rows stay as long as the
    process, and to look through them all takes a fifth of a second, in which nobody is answered."""
    gc.freeze()


def _in_thread(name: str, run: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread
