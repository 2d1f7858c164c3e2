"""Synthetic subjects whose events go into a real lake."""

import random
from collections.abc import Iterable
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from allotment.contract.schemas import SchemaRepository
from allotment.lake.catalog import EVENT, open_catalog
from allotment.lake.parsing import parse_lines
from allotment.lake.tables import ensure_event_tables, event_schemas
from allotment.lake.writing import append_rows

TABLE = "product_metrics_web_base"
EXPERIMENT: dict[str, Any] = {
    "name": "card",
    "start": "2026-11-01T00:00:00Z",
    "end": "2026-11-21T00:00:00Z",
    "user_identifier_type": "mw-user",
    "sample_rate": {"default": 1},
    "groups": ["control", "card"],
    "weights": [1, 1],
    "stream_name": "product_metrics.web_base",
    "schema_id": "/analytics/product_metrics/web/base/1.3.0",
    "contextual_attributes": [],
    "version": "7",
    "phase_index": 0,
}

Event = dict[str, Any]


def event(
    subject: str,
    group: str,
    action: str,
    number: int,
    *,
    coordinator: str = "default",
    experiment: str = "card",
    instrument: str | None = None,
    **meta: str,
) -> Event:
    """One event of a subject; `number` makes its id unique within the subject."""
    return {
        "$schema": "/analytics/product_metrics/web/base/1.3.0",
        "meta": {
            "stream": "product_metrics.web_base",
            "dt": "2026-11-10T00:00:00Z",
            "id": f"{subject}-{number}",
            **meta,
        },
        "action": action,
        **({"instrument_name": instrument} if instrument else {}),
        "agent": {"client_platform": "mediawiki_js"},
        "experiments": {
            "enrolled": [experiment],
            "assigned": {experiment: group},
            "subject_ids": {experiment: sha256(subject.encode()).hexdigest()},
            "coordinators": {experiment: coordinator},
        },
    }


def visits(subject: str, group: str, impressions: int, clicks: int, **changes: str) -> list[Event]:
    """A subject's impressions, then its clicks."""
    actions = ["impression"] * impressions + ["click"] * clicks
    return [
        event(subject, group, action, number, **changes) for number, action in enumerate(actions)
    ]


def population(subjects: int, rates: dict[str, float], seed: int) -> list[Event]:
    """Subjects who differ in how much they see and how readily they click, so events cluster."""
    dice = random.Random(seed)
    groups = list(rates)
    found: list[Event] = []
    for number in range(subjects):
        group = dice.choice(groups)
        impressions = 1 + int(dice.expovariate(0.3))
        # Beta-distributed readiness: events of one subject are alike.
        readiness = dice.betavariate(4 * rates[group], 4 * (1 - rates[group]))
        clicks = sum(dice.random() < readiness for _ in range(impressions))
        found += visits(f"subject-{number}", group, impressions, clicks)
    return found


def put(lake_dir: Path, events: Iterable[Event], table: str = TABLE) -> None:
    """Append events to a monotable, made where there is none."""
    schemas = event_schemas(SchemaRepository([]))
    data = b"".join(orjson.dumps(found) + b"\n" for found in events)
    with closing(open_catalog(lake_dir)) as catalog:
        ensure_event_tables(catalog, schemas)
        parsed = parse_lines(data, 0, schemas[table])
        assert not parsed.bad
        append_rows(catalog.load_table((EVENT, table)), parsed.rows)
