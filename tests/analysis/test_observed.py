"""What came into a real lake in the last day, as the check wants to know it."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from tests.analysis.synthetic import event, put

from allotment.analysis import observed
from allotment.contract.schemas import SchemaRepository
from allotment.lake.catalog import EVENT, open_catalog
from allotment.lake.tables import REJECTED_SCHEMA, ensure_event_tables, event_schemas
from allotment.lake.writing import append_rows

NOW = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)


def seen(subject: str, group: str, action: str, hours: float, **changes: str) -> dict[str, object]:
    moment = (NOW - timedelta(hours=hours)).isoformat()
    return event(subject, group, action, int(hours * 10), dt=moment, **changes)


def reject(lake: Path, stream: str, reason: str, hours: float, events: int | None = None) -> None:
    with closing(open_catalog(lake)) as catalog:
        ensure_event_tables(catalog, event_schemas(SchemaRepository([])))
        table = catalog.load_table((EVENT, "rejected"))
        row = dict.fromkeys(REJECTED_SCHEMA.names) | {
            "received": NOW - timedelta(hours=hours),
            "stream": stream,
            "reason": reason,
            "events": events,
        }
        append_rows(table, pa.Table.from_pylist([row], schema=REJECTED_SCHEMA))


def test_of_last_day__events_of_a_day__names_fields_actions_and_groups(tmp_path: Path) -> None:
    awaiting = seen("cy", "card", "click", 3)
    awaiting["experiments"]["subject_ids"] = {"card": "awaiting"}  # type: ignore[index]
    put(
        tmp_path,
        [
            seen("ada", "control", "impression", 1),
            seen("bob", "control", "impression", 2),
            seen("bob", "control", "click", 2.5, instrument="clicks"),
            awaiting,
            seen("forced", "sideways", "impression", 1, coordinator="forced"),
            seen("dan", "strange", "impression", 1, experiment="misspelt"),
            seen("long-ago", "gone", "scroll", 30),
        ],
    )
    reject(tmp_path, "no.such.stream", "unknown_stream", 1)
    reject(tmp_path, "no.such.stream", "unknown_stream", 2, events=40)
    reject(tmp_path, "long.ago", "unknown_stream", 30)
    reject(tmp_path, "product_metrics.web_base", "schema_invalid", 1)
    found = observed.of_last_day(tmp_path, NOW)
    assert found is not None
    assert found.items == {"card": 5, "clicks": 1, "misspelt": 1}
    assert found.groups == {
        "card": {"control": (2, 3), "card": (1, 1)},
        "misspelt": {"strange": (1, 1)},
    }
    assert found.awaiting == {"card": 1}
    assert found.actions == {
        "card": {"impression", "click"},
        "clicks": {"click"},
        "misspelt": {"impression"},
    }
    assert found.strange_streams == {"no.such.stream": 41}
    carried = found.fields["product_metrics.web_base"]
    assert {"action", "meta.dt", "agent.client_platform", "experiments.assigned"} <= carried
    assert not {"page.id", "action_source"} & carried


def test_of_last_day__empty_lake__nothing(tmp_path: Path) -> None:
    found = observed.of_last_day(tmp_path, NOW)
    assert found is not None
    assert (found.items, found.fields, found.strange_streams) == ({}, {}, {})
