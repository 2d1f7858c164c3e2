"""A new schema title: what is written materialises and passes every check."""

from __future__ import annotations

from pathlib import Path

import pytest

from allotment.contract.repository_check import check_repository
from allotment.contract.repository_sources import materialize_repository
from allotment.contract.schemas import SchemaRepository, shipped_repository
from allotment.contract.skeleton import BASE, SkeletonError, new_schema

SHIPPED = SchemaRepository(())


@pytest.mark.parametrize("parent", [BASE, "analytics/product_metrics/web/base"])
def test_new__then_materialize_and_check__no_problem(tmp_path: Path, parent: str) -> None:
    target = new_schema(tmp_path, "analytics/my/events", SHIPPED.latest(parent))
    assert target == tmp_path / "analytics/my/events/current.yaml"
    both = [tmp_path, shipped_repository()]
    materialize_repository(both)
    assert check_repository(both).problems == ()
    body = SchemaRepository([tmp_path]).latest("analytics/my/events").body
    assert {"$schema", "meta", "dt", "new_field"} <= set(body["properties"])


def test_new__title_exists__refused_and_kept(tmp_path: Path) -> None:
    target = new_schema(tmp_path, "a/b", SHIPPED.latest(BASE))
    target.write_text("mine")
    with pytest.raises(SkeletonError, match="has a schema already"):
        new_schema(tmp_path, "a/b", SHIPPED.latest(BASE))
    assert target.read_text() == "mine"


@pytest.mark.parametrize("title", ["", "../up", "a//b", "/a", "a/", "a b"])
def test_new__no_title__refused(tmp_path: Path, title: str) -> None:
    with pytest.raises(SkeletonError, match="is no title"):
        new_schema(tmp_path / "root", title, SHIPPED.latest(BASE))
    assert list(tmp_path.iterdir()) == []
