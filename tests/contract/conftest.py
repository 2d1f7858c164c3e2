"""A foreign schema repository, written once."""

from __future__ import annotations

import pytest
from tests.contract.foreign_repository import Repositories


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Repositories:
    """Two foreign repositories that form one namespace. Read them only."""
    return Repositories(tmp_path_factory.mktemp("foreign"))
