"""JSON schemas to columns."""

from typing import Any

import pyarrow as pa
import pytest

from allotment.contract.schemas import SchemaRepository
from allotment.lake.arrow_schema import TIMESTAMP, arrow_schema
from allotment.lake.tables import event_schemas, table_of_schema

TEXTS = pa.map_(pa.string(), pa.string())


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        ({"type": "string"}, pa.string()),
        ({"type": "string", "format": "date-time"}, TIMESTAMP),
        ({"type": "string", "format": "uri-reference"}, pa.string()),
        ({"type": "integer"}, pa.int64()),
        ({"type": "number"}, pa.float64()),
        ({"type": "boolean"}, pa.bool_()),
        ({"type": ["string", "null"]}, pa.string()),
        (
            {"type": "array", "items": {"type": "integer"}},
            pa.list_(pa.field("element", pa.int64())),
        ),
        ({"type": "object", "additionalProperties": {"type": "string"}}, TEXTS),
        (
            {"type": "object", "properties": {"a": {"type": "integer"}}},
            pa.struct([("a", pa.int64())]),
        ),
        (
            {
                "type": "object",
                "additionalProperties": {
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                },
                "properties": {"m": {"type": "object", "additionalProperties": {"type": "string"}}},
            },
            pa.struct([("m", TEXTS)]),
        ),
    ],
)
def test_arrow_schema__part__column_type(part: dict[str, Any], kind: pa.DataType) -> None:
    found = arrow_schema({"type": "object", "properties": {"c": part}})
    assert found.field("c").type == kind
    assert found.field("c").nullable


@pytest.mark.parametrize(
    "part",
    [
        {"type": "object"},
        {"type": ["string", "integer"]},
        {},
        True,
        {"type": "object", "properties": {"any": {}}},
        {"type": "array", "items": {"type": "object", "properties": {"any": {}}}},
    ],
)
def test_arrow_schema__no_column_type__left_out(part: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"c": part, "d": {"type": "string"}}}
    assert arrow_schema(schema).names == ["d"]


@pytest.mark.parametrize("part", [{"$ref": "/x/1.0.0"}, {"allOf": []}])
def test_arrow_schema__not_materialised__error_says_where(part: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="#/properties/c still holds"):
        arrow_schema({"type": "object", "properties": {"c": part}})


def test_event_schemas__shipped__base_schemas_with_membership_as_maps() -> None:
    found = event_schemas(SchemaRepository([]))
    assert set(found) == {"product_metrics_web_base", "product_metrics_app_base"}
    web = found["product_metrics_web_base"]
    membership = {field.name: field.type for field in web.field("experiments").type}
    assert membership["enrolled"] == pa.list_(pa.field("element", pa.string()))
    for name in ("assigned", "subject_ids", "sampling_units", "coordinators", "versions"):
        assert membership[name] == TEXTS
    assert web.field("$schema").type == pa.string()
    assert web.field("meta").type.field("dt").type == TIMESTAMP
    assert web.equals(event_schemas(SchemaRepository([]))["product_metrics_web_base"])


@pytest.mark.parametrize(
    "uri",
    [
        "/analytics/product_metrics/web/base/1.3.0",
        "analytics/product_metrics/web/base/1.3.0",
        "/analytics/product_metrics/web/base",
    ],
)
def test_table_of_schema__uri_or_title__its_table(uri: str) -> None:
    assert table_of_schema(uri) == "product_metrics_web_base"
