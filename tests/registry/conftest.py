"""The registry's tests run on a real SQLite file, and never in the reader's own data folder.

With `TEST_DATABASE=postgresql` in the environment they run on a real PostgreSQL server instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import LazySettings, settings
from django.db import connection, connections
from django.test import Client
from tests import postgres_server
from tests.postgres_server import on_postgresql

from allotment import database_settings
from allotment.registry import seeding, versions
from allotment.registry.models import Account
from allotment.registry.plan import ExperimentPlan, GroupPlan, InstrumentPlan

WEB_TITLE = "analytics/product_metrics/web/base"


@pytest.fixture(scope="session")
def django_db_modify_db_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A file instead of memory: locks, journal and transactions as they are in use."""
    database: dict[str, Any] = settings.DATABASES["default"]
    if not on_postgresql():
        path = tmp_path_factory.mktemp("registry") / "registry.sqlite3"
        database.setdefault("TEST", {})["NAME"] = str(path)
        yield
        return
    with postgres_server.running() as server:
        given = {"database_url": server.url("registry"), "database_password_file": ""}
        database.clear()
        database.update(database_settings.parse(given).for_django(Path()))
        connections.configure_settings(settings.DATABASES)
        with suppress(AttributeError):  # none was asked for yet
            del connections["default"]
        yield


@pytest.fixture(scope="session", autouse=True)
def clean_up_may_remove_versions() -> Iterator[None]:
    """Tests in real transactions end by emptying every table, which the history's guards refuse."""
    # Of the class: beside a browser's event loop Django opens a connection of its own.
    operations: Any = type(connection.ops)
    empty = operations.execute_sql_flush

    def unguarded(self: Any, statements: list[str]) -> None:  # noqa: ANN401 - Django's operations
        registry = apps.get_app_config("registry")
        versions.unguard(registry, "default")
        empty(self, statements)
        versions.guard(registry, "default")

    operations.execute_sql_flush = unguarded
    yield
    operations.execute_sql_flush = empty


@pytest.fixture(scope="module")
def database_beside_a_loop() -> Iterator[None]:
    """The browser's driver runs an event loop in this thread, which Django takes for its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield


@pytest.fixture(autouse=True)
def own_data(settings: LazySettings, tmp_path: Path) -> Path:
    """Every test has a data folder of its own."""
    settings.ALLOTMENT = replace(settings.ALLOTMENT, data=tmp_path)
    return tmp_path


@pytest.fixture
def streams(db: None) -> None:
    """The default streams."""
    seeding.create_streams()


@pytest.fixture
def account(db: None) -> Account:
    """A person who may log in and do everything."""
    return Account.objects.create_user(username="ada", role="admin")


@pytest.fixture
def visitor(account: Account, streams: None) -> Client:
    """A browser that is logged in."""
    client = Client()
    client.force_login(account)
    return client


@pytest.fixture
def experiment_plan() -> Callable[..., ExperimentPlan]:
    """Makes a plan that every rule accepts; keywords change it."""

    def make(**changes: Any) -> ExperimentPlan:  # noqa: ANN401 - any field
        plan = ExperimentPlan(
            machine_name="search-suggestions",
            name="Search suggestions",
            owners=("Search team",),
            end=datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=21),
            stream="product_metrics.web_base",
            schema_title=WEB_TITLE,
            schema_id=f"/{WEB_TITLE}/1.3.0",
            attributes=("performer_is_logged_in",),
            default_rate=Decimal(0),
            sites=(("frwiki", Decimal("0.1")), ("dewiki", Decimal("0.1"))),
            environments=("production",),
            risk_level="low",
            acknowledged=True,
            identifier_type="edge-unique",
            groups=(GroupPlan(name="control"), GroupPlan(name="described", weight=2)),
        )
        return replace(plan, **changes)

    return make


@pytest.fixture
def instrument_plan() -> Callable[..., InstrumentPlan]:
    """Makes a plan that every rule accepts; keywords change it."""

    def make(**changes: Any) -> InstrumentPlan:  # noqa: ANN401 - any field
        plan = InstrumentPlan(
            machine_name="desktop-ui-interactions",
            name="Desktop clicks",
            owners=("Web team",),
            end=datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(days=90),
            stream="product_metrics.web_base",
            schema_title=WEB_TITLE,
            attributes=("page_id", "mediawiki_skin"),
            default_rate=Decimal("0.5"),
            sites=(("frwiki", Decimal("0.1")), ("enwiki", Decimal("0.01"))),
            environments=("production",),
            risk_level="low",
            acknowledged=True,
            sample_unit="pageview",
        )
        return replace(plan, **changes)

    return make
