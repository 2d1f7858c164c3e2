"""Where the events of a schema land: one table, and one journal topic, per schema title."""

from __future__ import annotations

from typing import Final

REJECTED: Final = "rejected"
"""Topic and table of what the intake refused, whole and with the reason."""

_PREFIX: Final = "analytics/"


def table_name(schema_title: str) -> str:
    """`analytics/product_metrics/web/base` → `product_metrics_web_base`.

    Both the journal topic and the lake table have this name.
    """
    return schema_title.removeprefix(_PREFIX).replace("/", "_").replace("-", "_").lower()
