"""The registry as a WSGI application, for any WSGI server."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "allotment.registry.django_settings")

application = get_wsgi_application()


def _warm_up() -> None:
    from allotment.registry import results  # noqa: PLC0415 - after Django is set up

    results.warm_up()


_warm_up()
