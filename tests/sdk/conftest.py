"""A registry, an intake and a client of theirs, over real HTTP."""

from collections.abc import Iterator

import pytest
from tests.sdk.stand_ins import Intake, Registry, wait_until

from allotment.sdk import Client


@pytest.fixture
def client(registry: Registry, intake: Intake) -> Iterator[Client]:
    made = Client(
        registry_url=registry.url,
        intake_url=intake.url,
        site="demowiki",
        domain="demo.example",
        refresh_seconds=0.05,
    )
    with made:
        wait_until(lambda: made.configuration.age_seconds is not None, "the configuration arrives")
        yield made
