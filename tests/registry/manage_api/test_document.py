"""The OpenAPI document of the management API, and what comes back when a machine tries it.

With `MORE_EXAMPLES=200` in the environment it tries that many requests of each kind.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.registry.manage_api.conftest import ROOT, Program
from tests.registry.manage_api.test_authorization import filled_in

from allotment.registry import placing
from allotment.registry.lifecycle import AnyItem
from allotment.registry.manage_api import application
from allotment.registry.models import Layer, Site

EXAMPLES = int(os.environ.get("MORE_EXAMPLES", "3"))
DOCUMENT: Any = application.make().get_openapi_schema()
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def test_document__served__is_the_one_of_the_code_and_asks_for_no_login(db: None) -> None:
    found = Program().get("/openapi.json")
    assert found.status == 200
    assert found.body["openapi"].startswith("3.1")
    assert found.body["paths"].keys() == DOCUMENT["paths"].keys()


def test_document__every_operation__named_described_and_guarded() -> None:
    names = []
    for path, operations in DOCUMENT["paths"].items():
        assert path.startswith(f"{ROOT}/")
        for operation in operations.values():
            names.append(operation["operationId"])
            assert operation["description"], names[-1]
            assert operation["security"] == [{"TokenAuth": []}, {"SessionAuth": []}], names[-1]
            assert operation["tags"], names[-1]
    assert len(names) == len(set(names))


@pytest.fixture
def places(items: tuple[AnyItem, AnyItem]) -> None:
    placing.save_site(Site(name="frwiki"))
    placing.save_layer(Layer(name="chrome"))


@pytest.fixture
def kept_connection() -> Iterator[None]:
    """A request does not close the connection, whose transaction is undone after the test."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.django_db
@pytest.mark.usefixtures("kept_connection")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_operations__any_request__answered_as_the_document_says(
    admin: Program, places: None, mode: GenerationMode
) -> None:
    schema = schemathesis.openapi.from_wsgi(f"{ROOT}/openapi.json", get_wsgi_application())
    for path, methods in DOCUMENT["paths"].items():
        for method in methods:
            try_operation(schema[path][method], admin, mode)


def try_operation(operation: Any, admin: Program, mode: GenerationMode) -> None:  # noqa: ANN401
    """Some requests to one operation, of what there is; each is undone."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def try_one(case: Any) -> None:  # noqa: ANN401
        case.path_parameters.update(there(operation.path))
        with transaction.atomic():
            response = case.call(headers={"Authorization": f"Bearer {admin.token}"})
            case.validate_response(response, checks=CHECKS)
            transaction.set_rollback(True)

    try:
        try_one()
    except Unsatisfiable:
        # Nothing can be wrong in a request without parameters and body.
        assert mode is GenerationMode.NEGATIVE, operation.label


def there(path: str) -> dict[str, str]:
    """The parameters of a path with names of what there is."""
    real = filled_in(path).partition("?")[0].split("/")
    template = path.removeprefix(ROOT).split("/")
    return {
        part.strip("{}"): value.replace("%20", " ")
        for part, value in zip(template, real, strict=True)
        if part.startswith("{")
    }
