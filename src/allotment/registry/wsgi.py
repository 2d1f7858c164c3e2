"""The registry as a WSGI application, for any WSGI server."""

import os
import threading

from django.core.wsgi import get_wsgi_application

from allotment.orphans import end_when_orphaned

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "allotment.registry.django_settings")

application = get_wsgi_application()


def _warm_up() -> None:
    from django.conf import settings  # noqa: PLC0415 - after Django is set up

    from allotment.registry import results  # noqa: PLC0415

    results.warm_up(settings.ALLOTMENT.lake_dir)


def _shape() -> None:
    from django.utils import timezone  # noqa: PLC0415 - after Django is set up

    from allotment.registry import served  # noqa: PLC0415

    served.make_ready(timezone.now())


def _check_daily() -> None:
    from django.conf import settings  # noqa: PLC0415 - after Django is set up

    from allotment.registry import checked_apart, nightly  # noqa: PLC0415

    threading.Thread(
        target=nightly.keep_running,
        args=(settings.ALLOTMENT.registry_dir, threading.Event(), checked_apart.run),
        name="check",
        daemon=True,
    ).start()


end_when_orphaned()
_warm_up()
_shape()
_check_daily()
