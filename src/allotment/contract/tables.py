"""Where the events of a schema land: one table, and one journal topic, per schema title.

The intake asks here which events it may take, and the sink which tables to make. So nothing is
acknowledged that has no table to land in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from allotment.contract.masking import SEALED
from allotment.contract.materialize import walk
from allotment.contract.schema_fields import type_of
from allotment.contract.schemas import SchemaNotFoundError, SchemaRepository
from allotment.contract.texts import Text, said

REJECTED: Final = "rejected"
"""Topic and table of what the intake refused, whole and with the reason."""
RAW_BYTES: Final = 64 * 1024
"""A rejected event is kept up to this size."""
LONGEST_NAME: Final = 255
"""Of a stream or a schema that an event names, so many characters are kept beside it."""
LEDGER: Final = "ledger"
"""Topic and table of how many events the intake accepted and rejected, by stream and minute."""
DUPLICATES: Final = "duplicates"
"""Table of the events that the lake had already when they came again."""
REPLAYS: Final = "replays"
"""Table of the rejected events that were sent again."""
RESERVED: Final = {
    REJECTED: "holds what the intake refused",
    SEALED: "holds what the masks of the refused hide",
    LEDGER: "holds what the intake counted",
    DUPLICATES: "holds what came a second time",
    REPLAYS: "holds what was sent again",
}
"""Tables of ours, and why no schema may take their names."""

_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_PREFIX: Final = "analytics/"
_FRAGMENTS: Final = "fragment/"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_]{0,199}", re.ASCII)


def table_name(schema_title: str) -> str:
    """`analytics/product_metrics/web/base` → `product_metrics_web_base`.

    Both the journal topic and the lake table have this name.
    """
    return schema_title.removeprefix(_PREFIX).replace("/", "_").replace("-", "_").lower()


def event_tables(repository: SchemaRepository) -> dict[str, str]:
    """The schema title of every table of events, by table name."""
    return tables_and_conflicts(repository)[0]


def tables_and_conflicts(
    repository: SchemaRepository, held: Mapping[str, str] = _NONE
) -> tuple[dict[str, str], dict[str, str]]:
    """The schema title of every table, and by title why one that could have a table gets none.

    Where several titles would share a table none of them gets it, for nobody knows whose the rows
    are that it has. So a title that clashes takes nothing from the others.

    Args:
        repository: where the titles are.
        held: tables that there are already. Each stays whatever came since: another title of the
            same name gets none, nor does a newer version without `meta.dt` take the table away.
    """
    found, refused = dict(held), dict[str, str]()
    asking: dict[str, list[str]] = {}
    for title in repository.titles():
        name = table_name(title)
        if held.get(name) == title or why_no_table(repository, title) is None:
            asking.setdefault(name, []).append(title)
    for name, titles in asking.items():
        if name in RESERVED:
            why = f"would have the table {name!r}, which {RESERVED[name]}; rename the title"
            refused.update({title: f"schema title {title!r} {why}" for title in titles})
            continue
        owner = held.get(name, titles[0])
        others = [title for title in titles if title != owner]
        if others:
            told = " and ".join(map(repr, (owner, *others)))
            why = f"schema titles {told} would share the table {name!r}; rename one of them"
            refused.update({title: why for title in titles if held.get(name) != title})
        else:
            found[name] = owner
    return found, refused


def why_no_table(repository: SchemaRepository, title: str) -> Text | None:
    """Why events of a title have no table; None where they have one.

    The newest version of the title decides for all of its versions, since its columns are the
    table's.
    """
    if title.startswith(_FRAGMENTS):
        return said("it is a fragment, a part of other schemas")
    if not _NAME.fullmatch(table_name(title)):
        return said(
            "its title makes no table name: begin with a letter or a digit, at most 200 long"
        )
    try:
        body = repository.latest(title).body
    except (SchemaNotFoundError, ValueError, OSError) as error:
        return said("its newest version cannot be read: %(error)s", error=str(error))
    if type_of(body) != "object" or not _has_receive_time(body):
        return said("its newest version has no meta.dt that is a text with format date-time")
    if any("$ref" in node or "allOf" in node for _, node in walk(body)):
        return said("its newest version is not materialised: it still holds $ref or allOf")
    return None


def _has_receive_time(body: Mapping[str, Any]) -> bool:
    """Whether there is a `meta.dt` to partition the table by."""
    node: Any = body
    for name in ("meta", "dt"):
        properties = node.get("properties") if type_of(node) == "object" else None
        node = properties.get(name) if isinstance(properties, dict) else None
        if not isinstance(node, dict):
            return False
    return type_of(node) == "string" and node.get("format") == "date-time"
