"""Labs for the end-to-end tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests import postgres_server
from tests.end_to_end.lab import Lab
from tests.free_ports import free_ports
from tests.postgres_server import Server, on_postgresql


@pytest.fixture(scope="module")
def server() -> Iterator[Server | None]:
    """Where the registry's database is, in the run of the tests on PostgreSQL."""
    if not on_postgresql():
        yield None
        return
    with postgres_server.running() as found:
        yield found


@pytest.fixture(scope="module")
def make_lab(
    tmp_path_factory: pytest.TempPathFactory, server: Server | None
) -> Iterator[Callable[..., Lab]]:
    """Makes labs, not started; whatever runs at the end is stopped."""
    made: list[Lab] = []

    def make(**extra: str) -> Lab:
        folder: Path = tmp_path_factory.mktemp("lab")
        registry, intake, demo = free_ports(3)
        if server is not None:
            extra |= {"ALLOTMENT_DATABASE_URL": server.create(folder.name)}
        lab = Lab(folder / "var", registry, intake, demo, extra=extra)
        made.append(lab)
        return lab

    yield make
    for lab in made:
        if lab.process is not None:
            lab.stop()
