"""The management API as one Django application: routes, doors, problems, and its document.

Every view is wrapped once more: answers are never cached, a method that is not offered is a
problem too, and the pages' ways of asking for a log-in stay out of it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from allotment.registry.manage_api import problems
from allotment.registry.manage_api.callers import named_in_audit
from allotment.registry.manage_api.problems import MEDIA_TYPE, ProblemError
from allotment.registry.manage_api.reading import StrictParser, refuse_unstorable
from allotment.registry.manage_api.routing import router

PREFIX = "api/v1/manage/"
NAMESPACE = "manage"
ROUTES = (
    # Before those of items, whose paths begin with any kind.
    "stream_routes",
    "reading_items",
    "writing_items",
    "moving_items",
    "place_routes",
    "people_routes",
    "lab_routes",
    "health_routes",
    "view_routes",
    "configuration_routes",
)
"""The modules that hold routes, in the order of the document."""
_METHODS = ("get", "post", "put", "patch", "delete")
_ALWAYS = (400, 401, 403, 404, 422, 429, 500)
_DESCRIPTION = (
    "Everything that the registry's pages do. Reads give an ETag; writes need it as If-Match, so "
    "that nobody's change is lost. Writes with `dry_run=1` judge and compare without storing. "
    "Every error is a problem of RFC 9457, with the rules that refused and how to satisfy them."
)


class ManageApi(NinjaAPI):
    """django-ninja's application, whose document tells of problems too."""

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        """The OpenAPI 3.1 document; it needs no database and no request."""
        del path_params
        found = super().get_openapi_schema(path_prefix=path_prefix or PREFIX)
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        actions = self._actions()
        for operations in found["paths"].values():
            for method, operation in operations.items():
                if method not in _METHODS:
                    continue
                operation["x-allotment-action"] = actions[operation["operationId"]]
                for status in _ALWAYS:
                    title = problems.title(status)
                    operation["responses"].setdefault(
                        status, {"description": title, "content": content}
                    )
        found["components"]["schemas"]["Problem"] = _problem_schema()
        return found

    def _actions(self) -> dict[str, str]:
        """The action of the table of permissions that each operation takes, by its id."""
        return {
            str(operation.operation_id): str(getattr(operation.auth_callbacks[0], "action", ""))
            for bound in self._get_bound_routers()
            for view in bound.path_operations.values()
            for operation in view.operations
        }


def _problem_schema() -> dict[str, Any]:
    """The shape of a problem, with the shape of a refusal inside."""
    from allotment.registry.manage_api.answers import Problem  # noqa: PLC0415 - only for this

    found = Problem.model_json_schema(mode="serialization")
    inner = found.pop("$defs")["RefusalAnswer"]
    found["properties"]["refusals"]["items"] = inner
    return found


def make() -> ManageApi:
    """A new application; one is mounted, tests and docs may make more."""
    api = ManageApi(
        title="Allotment: management API",
        version="1",
        description=_DESCRIPTION,
        docs_url=None,
        urls_namespace=NAMESPACE,
        parser=StrictParser(),
    )
    problems.set_handlers(api)
    api.add_decorator(named_in_audit)
    for module in ROUTES:
        import_module(f"{__package__}.{module}")
    api.add_router("", router)
    return api


def patterns() -> tuple[list[URLPattern], str, str]:
    """What `urls` mounts under `PREFIX`."""
    made, name, namespace = make().urls
    found = [
        URLPattern(entry.pattern, _door(entry.callback), entry.default_args, entry.name)
        for entry in made
        if isinstance(entry, URLPattern) and entry.name != "api-root"
    ]
    nowhere = [path(route, _door(_nowhere), name="nowhere") for route in ("", "<path:rest>")]
    return [*found, *nowhere], name, namespace


def _nowhere(_: HttpRequest, rest: str = "") -> HttpResponse:
    raise ProblemError(
        404,
        f"The management API has no route /{PREFIX}{rest}.",
        remedy=f"/{PREFIX}openapi.json lists the routes.",
    )


def _door(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """What every view of the API has around it."""

    @wraps(view)
    def run(request: HttpRequest, *args: Any, **given: Any) -> HttpResponseBase:  # noqa: ANN401
        try:
            refuse_unstorable([request.path, request.META.get("QUERY_STRING", ""), request.GET])
            for values in request.GET.lists():
                refuse_unstorable(list(values))
            response = view(request, *args, **given)
        except ProblemError as error:
            response = error.response()
        except ValueError:
            response = ProblemError(400, "The address holds what no text may hold.").response()
        if response.status_code == 405:  # noqa: PLR2004
            allowed = response.headers.get("Allow", "")
            response = ProblemError(
                405,
                f"{request.method} is not offered here.",
                remedy=f"Use {allowed}.",
                headers={"Allow": allowed},
            ).response()
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    run.login_required = False  # type: ignore[attr-defined] # how the middleware is told
    run.csrf_exempt = True  # type: ignore[attr-defined] # the door for sessions checks it
    return run
