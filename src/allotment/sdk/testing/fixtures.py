"""The pytest plugin: fixtures for the tests of sites. Loaded by pytest itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from allotment.sdk.client import Client
from allotment.sdk.testing import Recorder, recording


@pytest.fixture
def allotment() -> Iterator[Recorder]:
    """Events of every client of the process are kept here, and groups are forced from here."""
    with recording() as recorder:
        yield recorder


@pytest.fixture
def allotment_client(allotment: Recorder) -> Iterator[Client]:  # noqa: ARG001 - it must be there
    """A client of a site `testwiki` that speaks to `allotment`, for code that is handed one."""
    client = Client(
        registry_url="http://127.0.0.1:9",
        intake_url="http://127.0.0.1:9/v1/events",
        site="testwiki",
        domain="test.example",
    )
    yield client
    client.close(seconds=0)
