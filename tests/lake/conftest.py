"""A journal, a lake and the shipped schemas, all real."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from tests.lake.lake_parts import Writer

from allotment.contract.schemas import SchemaRepository
from allotment.lake.catalog import open_catalog
from allotment.lake.tables import event_schemas


@pytest.fixture(scope="session")
def schemas() -> dict[str, pa.Schema]:
    return event_schemas(SchemaRepository([]))


@pytest.fixture
def journal(tmp_path: Path) -> Writer:
    return Writer(tmp_path / "journal")


@pytest.fixture
def lake_dir(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def catalog(lake_dir: Path) -> Iterator[SqlCatalog]:
    opened = open_catalog(lake_dir)
    yield opened
    opened.close()
