"""Which schemas forms offer, while the schema folders change."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import LazySettings

from allotment.registry import schema_catalog

FIELDS = "properties: {meta: {type: object, properties: {dt: {type: string, format: date-time}}}}"


def release(root: Path, title: str) -> None:
    """Write a version that has stood for a minute."""
    file = root / title / "1.0.0.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(f"title: {title}\n$id: /{title}/1.0.0\ntype: object\n{FIELDS}\n")
    os.utime(file, (time.time() - 60,) * 2)


@pytest.fixture
def folder(tmp_path: Path, settings: LazySettings) -> Iterator[Path]:
    """A schema folder that the registry uses for the time of one test."""

    def forget() -> None:
        schema_catalog._opened.cache_clear()
        schema_catalog._looked_at.cache_clear()

    settings.ALLOTMENT = replace(settings.ALLOTMENT, schema_paths=(tmp_path,))
    forget()
    yield tmp_path
    forget()


def test_titles__new_schema__offered_within_seconds(folder: Path) -> None:
    release(folder, "one")
    assert schema_catalog.titles() == ["one"]
    assert not schema_catalog.is_known("/two/1.0.0")
    release(folder, "two")
    deadline = time.monotonic() + 30 * schema_catalog.LOOK_SECONDS
    while schema_catalog.titles() != ["one", "two"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert schema_catalog.latest_uri("two") == "/two/1.0.0"
    assert schema_catalog.latest_uri("three") == ""
