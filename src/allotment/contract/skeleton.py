"""The first `current.yaml` of a new schema title."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from allotment.contract.materialize import to_yaml
from allotment.contract.schema_files import schema_folder
from allotment.contract.schema_rules import METASCHEMA
from allotment.contract.schemas import Schema, SchemaNotFoundError, SchemaRepository

CURRENT: Final = "current.yaml"
BASE: Final = "fragment/analytics/common"
"""What `--from base` includes: `$schema`, `meta`, `dt`, `http`, all that an event must have."""


class SkeletonError(ValueError):
    """The file cannot be begun; the message says why."""


def new_schema(root: Path, title: str, parent: Schema) -> Path:
    """Write `current.yaml` of version 1.0.0 of a title, which includes its parent; return its path.

    Raises:
        SkeletonError: the title has another form, or there is a file already.
    """
    try:
        SchemaRepository([root]).load(f"/{title}/1.0.0")
    except SchemaNotFoundError as error:
        if "give /title" in str(error):
            raise SkeletonError(
                f"{title!r} is no title: give words of a-z, A-Z, 0-9, _ and - with / between them"
            ) from error
    folder = schema_folder(root) / title
    target = folder / CURRENT
    if target.exists() or (folder / "1.0.0.yaml").exists():
        raise SkeletonError(f"{target.parent} has a schema already; edit its {CURRENT}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(to_yaml(_skeleton(title, parent)), "utf-8")
    return target


def _skeleton(title: str, parent: Schema) -> dict[str, Any]:
    example = dict((parent.body.get("examples") or [{}])[0])
    if "$schema" in parent.body.get("properties", {}):
        example["$schema"] = {"$ref": "#/$id"}
    return {
        "title": title,
        "description": "Say what these events are about.",
        "$id": f"/{title}/1.0.0",
        "$schema": METASCHEMA,
        "type": "object",
        "additionalProperties": False,
        "allOf": [{"$ref": f"{parent.uri}#"}],
        "properties": {
            "new_field": {
                "description": "Say what the field means. Rename it, and add others.",
                "type": "string",
                "maxLength": 255,
            }
        },
        "examples": [{**example, "new_field": "x"}],
    }
