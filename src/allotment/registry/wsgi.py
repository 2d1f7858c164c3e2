"""The registry as a WSGI application, for any WSGI server."""

import os

from django.core.wsgi import get_wsgi_application

from allotment.orphans import end_when_orphaned

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "allotment.registry.django_settings")

application = get_wsgi_application()


def _begin() -> None:
    from allotment.registry import warming  # noqa: PLC0415 - after Django is set up

    warming.begin()


end_when_orphaned()
_begin()
