"""Names of topics and tables."""

from __future__ import annotations

import pytest

from allotment.contract.tables import table_name


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("analytics/product_metrics/web/base", "product_metrics_web_base"),
        ("analytics/product_metrics/app/base", "product_metrics_app_base"),
        ("mediawiki/page-view", "mediawiki_page_view"),
    ],
)
def test_table_name__title__without_prefix_and_slashes(title: str, name: str) -> None:
    assert table_name(title) == name
