"""The list of contextual attributes against the schemas that ship."""

from __future__ import annotations

import pytest

from allotment.contract.schemas import SchemaRepository
from allotment.registry.attributes import APP_TITLE, ATTRIBUTES, WEB_TITLE, without_field


@pytest.mark.parametrize("title", [WEB_TITLE, APP_TITLE])
def test_attributes__base_schema__offered_iff_it_has_the_field(title: str) -> None:
    properties = SchemaRepository(()).load(f"/{title}/1.3.0").body["properties"]
    for attribute in ATTRIBUTES:
        outer, inner = attribute.path
        has_field = inner in properties.get(outer, {}).get("properties", {})
        assert (title in attribute.titles) is has_field, attribute.name


def test_attributes__names__unique_and_with_a_label() -> None:
    assert len({a.name for a in ATTRIBUTES}) == len(ATTRIBUTES)
    assert all(a.label for a in ATTRIBUTES)


def test_without_field__own_schema__nothing_is_refused() -> None:
    assert without_field(("anything_at_all",), "analytics/of/our/own") == ()
    assert without_field(("anything_at_all",), WEB_TITLE) == ("anything_at_all",)
