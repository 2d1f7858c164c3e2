"""Labs for the end-to-end tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.end_to_end.lab import Lab, free_ports


@pytest.fixture(scope="module")
def make_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Lab]]:
    """Makes labs, not started; whatever runs at the end is stopped."""
    made: list[Lab] = []

    def make(**extra: str) -> Lab:
        folder: Path = tmp_path_factory.mktemp("lab")
        registry, intake, demo = free_ports(3)
        lab = Lab(folder / "var", registry, intake, demo, extra=extra)
        made.append(lab)
        return lab

    yield make
    for lab in made:
        if lab.process is not None:
            lab.stop()
